"""Objects of an S3 bucket as a source: pinned by versionId (or etag), copied to a local path to be read."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from botocore.exceptions import ClientError

from chalicelib.aws.client import client, code_of, translated
from chalicelib.core.delivery import ObjectId
from chalicelib.core.dialect import UTF_8
from chalicelib.core.errors import NotFound, SourceMoved
from chalicelib.core.manifest import ObjectVersion, Span
from chalicelib.core.pipeline import S3Source as S3SourceDocument
from chalicelib.core.plan import Sample
from chalicelib.core.tally import Lines
from chalicelib.engine.encoding import transcode
from chalicelib.engine.gzipped import MAGIC, unpack, unpacked_head

SAMPLE_BYTES = 128 * 1024
#: How much of an object is asked for at once while it is cut.
PART_BYTES = 8 * 1024**2
_ETAG = "etag:"
#: S3's words for an object that is another one than the one that was pinned, and for one that is no more.
_MOVED, _GONE = ("PreconditionFailed", "412"), ("NoSuchKey", "NoSuchVersion", "404")


class S3Source:
    """See ``ports.Source``. ``objects`` are those to read; without any, all that the document's pattern finds."""

    def __init__(self, document: S3SourceDocument, *, objects: Sequence[ObjectId] = ()) -> None:
        self._document = document
        self._objects = objects
        self._plain: dict[tuple[ObjectVersion, str], Path] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def find(self) -> Sequence[ObjectVersion]:
        """The object versions that are there now, oldest first."""
        found = [_pinned(each) for each in self._objects] if self._objects else list(self.newest())
        if not found:
            raise NotFound(f"{self._document.uri} matches no object")
        return sorted(found, key=lambda version: (version.last_modified, version.key))

    def newest(self) -> Iterator[ObjectVersion]:
        """The newest version of each object that the document's pattern finds, by key."""
        bucket, prefix = self._document.bucket, self._document.prefix
        with translated(f"bucket {bucket}"):
            pages = client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
            for each in (each for page in pages for each in page.get("Versions", [])):
                if each["IsLatest"] and self._document.takes(bucket, each["Key"]) and not each["Key"].endswith("/"):
                    yield _version(bucket, each["Key"], each, each["Size"])

    def sample(self, version: ObjectVersion) -> Sample:
        """Up to 128 KiB each of head, middle and tail; of a compressed object the head and what follows it."""
        size = version.size_bytes
        if size <= 3 * SAMPLE_BYTES:
            with self.local(version) as path, path.open("rb") as stream:
                return Sample(stream.read())
        head = self._range(version, 0)
        if head.startswith(MAGIC):
            with self._body(version) as body:
                return Sample(*unpacked_head(body, SAMPLE_BYTES, name=version.uri))
        return Sample(head, self._range(version, size // 2 & ~1), self._range(version, size - SAMPLE_BYTES & ~1))

    def lines(self, version: ObjectVersion) -> Lines | None:  # noqa: ARG002
        """Nothing: S3 pins by itself."""
        return None

    @contextmanager
    def plain(self, version: ObjectVersion, start: int = 0) -> Iterator[IO[bytes] | None]:
        """The object's bytes, got in parts, so that a line that breaks costs a part."""
        is_plain = not version.size_bytes or self._range(version, 0, len(MAGIC)) != MAGIC
        yield cast("IO[bytes]", _Parts(self._range, version, start)) if is_plain else None

    @contextmanager
    def local(self, version: ObjectVersion, encoding: str = UTF_8, span: Span | None = None) -> Iterator[Path]:
        """The decompressed copy in UTF-8, made at first use; the pin was S3's own check.

        The copy of a ``span`` is gone after the block.
        """
        if span is not None:
            path = self._place(f"{version.version.removeprefix(_ETAG)}-{span.start}")
            with self._body(version, Range=f"bytes={span.start}-{span.end - 1}") as body, path.open("wb") as out:
                shutil.copyfileobj(body, out, 1024 * 1024)
            yield path
            path.unlink()
            return
        if (version, UTF_8) not in self._plain:
            self._plain[version, UTF_8] = self._copied(version)
        if (version, encoding) not in self._plain:
            plain = self._plain[version, UTF_8]
            self._plain[version, encoding] = plain.with_suffix(f".{encoding}")
            with plain.open("rb") as stream:
                transcode(stream, self._plain[version, encoding], encoding)
        yield self._plain[version, encoding]

    def close(self) -> None:
        """Remove the local copies."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
            self._plain.clear()

    def _copied(self, version: ObjectVersion) -> Path:
        path = self._place(str(len(self._plain)))
        with self._body(version) as body, path.open("wb") as out:
            shutil.copyfileobj(body, out, 1024 * 1024)
        with path.open("rb") as stream:
            if stream.read(2) != MAGIC:
                return path
            stream.seek(0)
            plain = path.with_suffix(".plain")
            unpack(stream, plain, name=version.uri, size_bytes=version.size_bytes)
        path.unlink()
        return plain

    def _place(self, name: str) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="etlplus-s3-")
        return Path(self._folder.name) / name

    def _range(self, version: ObjectVersion, start: int, size: int = SAMPLE_BYTES) -> bytes:
        with self._body(version, Range=f"bytes={start}-{start + size - 1}") as body:
            return body.read()

    @contextmanager
    def _body(self, version: ObjectVersion, **more: str) -> Iterator[IO[bytes]]:
        place = ObjectId(version.bucket, version.key, version.version)
        with _asked(place):
            body: Any = client("s3").get_object(**_pin(place), **more)["Body"]
            with body:
                yield body


class _Parts:
    """The bytes of an object from some place on, as a stream."""

    def __init__(self, ask: Callable[[ObjectVersion, int, int], bytes], version: ObjectVersion, start: int) -> None:
        self._ask, self._version, self._at = ask, version, start
        self._part, self._used = b"", 0

    def read(self, size: int) -> bytes:
        """At most so many bytes; none at the end."""
        if self._used == len(self._part) and self._at < self._version.size_bytes:
            wanted = min(PART_BYTES, self._version.size_bytes - self._at)
            self._part, self._used = self._ask(self._version, self._at, wanted), 0
            self._at += len(self._part)
        block = self._part[self._used : self._used + size]
        self._used += len(block)
        return block


def _pinned(place: ObjectId) -> ObjectVersion:
    with _asked(place):
        found = client("s3").head_object(**_pin(place))
    return ObjectVersion(place.bucket, place.key, place.version, found["ContentLength"], found["LastModified"])


def _version(bucket: str, key: str, listed: dict[str, Any], size_bytes: int) -> ObjectVersion:
    number = listed["VersionId"]
    version = f"{_ETAG}{listed['ETag'].strip(chr(34))}" if number in (None, "null") else number
    return ObjectVersion(bucket, key, version, size_bytes, listed["LastModified"])


def _pin(place: ObjectId) -> dict[str, str]:
    """What makes S3 answer with this very version or an error."""
    if place.version.startswith(_ETAG):
        pin = {"IfMatch": f'"{place.version.removeprefix(_ETAG)}"'}
    else:
        pin = {"VersionId": place.version}
    return {"Bucket": place.bucket, "Key": place.key, **pin}


@contextmanager
def _asked(place: ObjectId) -> Iterator[None]:
    with translated(place.uri):
        try:
            yield
        except ClientError as error:
            if code_of(error) in _GONE:
                raise NotFound(
                    f"{place.uri} was deleted in its version {place.version} before this run had read it; put the "
                    "object again: the new version has a run of its own"
                ) from error
            if code_of(error) not in _MOVED:
                raise
            raise SourceMoved(
                f"{place.uri} is not the version that was announced; a newer one has a run of its own"
            ) from error
