"""An S3 bucket as the object store of the runs' work."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, cast

from botocore.exceptions import ClientError

from chalicelib.aws.client import client, translated

#: Up to this size an object on its way stays in memory.
_IN_MEMORY_BYTES = 8 * 1024 * 1024
#: S3's limit for one DeleteObjects call.
_DELETE_AT_ONCE = 1000


class S3Store:
    """See ``ports.ObjectStore``. An upload is one PutObject or a completed multipart upload: whole or absent."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket

    @contextmanager
    def writing(self, key: str) -> Iterator[IO[bytes]]:
        """A stream that becomes the object at the end of the block."""
        with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as part:
            yield cast("IO[bytes]", part)
            part.seek(0)
            with translated(self._uri(key)):
                client("s3").upload_fileobj(part, self._bucket, key)

    @contextmanager
    def reading(self, key: str) -> Iterator[IO[bytes]]:
        """The object's bytes, as a stream that can seek."""
        with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as part:
            with translated(self._uri(key)):
                client("s3").download_fileobj(self._bucket, key, part)
            part.seek(0)
            yield cast("IO[bytes]", part)

    def keys(self, prefix: str) -> Sequence[str]:
        """The keys that begin with ``prefix``, sorted, as S3 lists them (by UTF-8 bytes)."""
        found: list[str] = []
        with translated(self._uri(prefix)):
            for page in client("s3").get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                found += [each["Key"] for each in page.get("Contents", [])]
        return found

    def remove(self, prefix: str) -> None:
        """Remove the objects whose keys begin with ``prefix``."""
        keys = self.keys(prefix)
        for first in range(0, len(keys), _DELETE_AT_ONCE):
            some = [{"Key": key} for key in keys[first : first + _DELETE_AT_ONCE]]
            with translated(self._uri(prefix)):
                done = client("s3").delete_objects(Bucket=self._bucket, Delete={"Objects": some, "Quiet": True})
                if done.get("Errors"):
                    raise ClientError({"Error": done["Errors"][0]}, "DeleteObjects")

    def _uri(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"
