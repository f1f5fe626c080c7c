"""Mends of S3: objects are files (moto: memory), so that they stay, and so that none is ever whole in memory.

1. What an object holds is ``Content``; a range reads the range (moto: the whole object for each).
2. A put takes the upload that is on disk already; a copy is a link; a multipart upload is joined on disk.
3. What a request changed is durable before it is answered, and conditions such as If-None-Match hold for writers at
   the same time (moto: two can pass).
4. A listing of versions copies no content (moto: all of it).

moto finds its own classes by their names in ``moto.s3.models``; there these take their place.
"""

import copy
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from moto.core.responses import ActionResult
from moto.s3 import models, responses
from moto.s3.exceptions import EntityTooSmall, InvalidPart, MalformedXML, MissingKey

from localcloud.aws.changes import Added, Ledger, current
from localcloud.aws.content import Content, Upload
from localcloud.aws.disk import Disk
from localcloud.aws.uploads import UPLOAD

_setup = responses.S3Response.setup_class
_answer_key = responses.S3Response.key_response
_answer_bucket = responses.S3Response.bucket_response
_compute = responses.compute_checksum


def apply(ledger: Ledger, disk: Disk) -> None:
    """Apply the mends of this module."""
    KeptKey.disk = disk
    models.FakeKey, models.FakeDeleteMarker = KeptKey, KeptMarker
    models.FakeBucket, models.FakeMultipart = KeptBucket, KeptMultipart
    responses.compute_checksum = lambda body, *given, **named: _compute(bytes(body), *given, **named)
    responses.S3Response.setup_class = _setup_with_upload
    responses.S3Response.key_response = _committing_key(ledger)
    responses.S3Response.bucket_response = _committing_bucket(ledger, disk)


class KeptKey(models.FakeKey):  # type: ignore[misc] # moto carries no types
    """One version of an object, or one part of an upload."""

    disk: ClassVar[Disk]
    content: Content
    _etag: str | None
    sidecar: Path | None = None  #: once it is committed
    is_gone = False  #: it was removed or overwritten

    def __new__(cls, *_: Any, **__: Any) -> "KeptKey":
        """Make one without moto's list of all instances ever made."""
        return object.__new__(cls)

    @property
    def value(self) -> Content:
        """The bytes, unread."""
        return self.content

    @value.setter
    def value(self, given: Upload | Content | bytes | str) -> None:
        if isinstance(given, Content):
            given = self.disk.copied(given)
        elif not isinstance(given, Upload):
            given = self.disk.receive([given.encode() if isinstance(given, str) else given])
        self.content = given.take()
        self.contentsize = len(self.content)

    @property
    def etag(self) -> str:
        """The ETag in quotes: the MD5 unless parts were joined."""
        if self._etag is None:
            self._etag = self.content.digest()
        return f'"{self._etag}"'

    def facts(self) -> dict[str, Any]:
        """What the sidecar says."""
        return {
            "key": self.name,
            "version_id": self.version_id,
            "etag": self.etag.strip('"'),
            "size": self.size,
            "last_modified": self.last_modified.isoformat(),
            "metadata": dict(self.metadata),
            "checksum": [self.checksum_algorithm, self.checksum_value],
            "is_versioned": self._is_versioned,
            "content": self.content.path.name,
        }

    def dispose(self, garbage: bool = False) -> None:  # noqa: FBT001, FBT002 - moto's signature
        """Remove a part's bytes; an object's go when its removal is committed."""
        self._value_buffer.close()
        if not garbage and self.bucket_name is None:
            self.content.path.unlink(missing_ok=True)

    def __deepcopy__(self, memo: dict[int, Any]) -> "KeptKey":
        return copy.copy(self)

    def __copy__(self) -> "KeptKey":
        twin = KeptKey.__new__(KeptKey)
        twin.__dict__.update(self.__dict__)
        return twin

    def __del__(self) -> None:
        """Leave moto's warning out: nothing is open."""


class KeptMarker(models.FakeDeleteMarker):  # type: ignore[misc] # moto carries no types
    """A delete marker."""

    content = None
    sidecar: Path | None = None
    is_gone = False

    def facts(self) -> dict[str, Any]:
        """What the sidecar says."""
        modified = self.last_modified.isoformat()
        return {"key": self.name, "version_id": self.version_id, "last_modified": modified, "content": None}

    def dispose(self, garbage: bool = False) -> None:  # noqa: FBT001, FBT002 - moto's signature
        """Do nothing: there are no bytes."""

    def __deepcopy__(self, memo: dict[int, Any]) -> "KeptMarker":
        return copy.copy(self)


class KeptMultipart(models.FakeMultipart):  # type: ignore[misc] # moto carries no types
    """An upload in parts; it does not outlive the process."""

    def complete(self, body: Iterator[tuple[int, str]]) -> tuple[Upload, str, None]:
        """Join the parts on disk."""
        parts: list[KeptKey] = []
        for number, etag in body:
            part = self.parts.get(number)
            if part is None or part.etag.strip('"') != etag.replace('"', ""):
                raise InvalidPart
            if parts and parts[-1].size < models.S3_UPLOAD_PART_MIN_SIZE:
                raise EntityTooSmall
            parts.append(part)
        if not parts:
            raise MalformedXML
        digests = b"".join(bytes.fromhex(part.etag.strip('"')) for part in parts)
        etag = hashlib.md5(digests, usedforsecurity=False).hexdigest()
        return KeptKey.disk.joined(part.content for part in parts), f"{etag}-{len(parts)}", None


class KeptKeys(models._VersionedKeyStore):  # type: ignore[misc] # noqa: SLF001
    """A bucket's versions by key; notes what a request adds and removes."""

    def __init__(self, bucket: str) -> None:
        super().__init__()
        self.bucket = bucket

    def __setitem__(self, key: str, value: Any) -> None:
        self._note([value], [])
        super().__setitem__(key, value)

    def setlist(self, key: str, list_: list[Any]) -> None:
        """Have these versions of a key and no others."""
        before = self.getlist(key, [])
        self._note([each for each in list_ if each not in before], [each for each in before if each not in list_])
        super().setlist(key, list_)

    def pop(self, key: str) -> None:
        """Have no version of a key."""
        self._note([], self.getlist(key, []))
        super().pop(key)

    def items(self) -> Iterator[tuple[str, Any]]:
        """Each key with its newest version, as they are now: moto asks for keys that may be gone meanwhile."""
        return ((key, versions[-1]) for key, versions in self.iterlists() if versions)

    def values(self) -> Iterator[Any]:
        """The newest version of each key."""
        return (version for _, version in self.items())

    def iterlists(self) -> Iterator[tuple[str, list[Any]]]:
        """Each key with all its versions."""
        now: dict[str, list[Any]] = dict(dict.items(self))
        return ((key, list(versions)) for key, versions in now.items())

    def forget(self, version: Any, *, instead: list[Any]) -> None:
        """Take back what could not be committed; unless there are others, what it replaced stands again."""
        left = [each for each in self.getlist(version.name, []) if each is not version] or instead
        if left:
            dict.__setitem__(self, version.name, left)
        else:
            dict.pop(self, version.name, None)

    def _note(self, added: list[Any], removed: list[Any]) -> None:
        changes = current()
        if changes is not None:
            changes.added += [Added(self, each, changes.disk.next_number()) for each in added]
            changes.removed += removed


class KeptBucket(models.FakeBucket):  # type: ignore[misc] # moto carries no types
    """A bucket whose versions are kept."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.keys = KeptKeys(self.name)

    def facts(self) -> dict[str, Any]:
        """What is kept of its configuration."""
        told = self.notification_configuration
        return {
            "region": self.region_name,
            "created": self.creation_date.isoformat(),
            "versioning": self.versioning_status,
            "is_announcing": told is not None and told.event_bridge is not None,
        }


def _setup_with_upload(self: Any, request: Any, *given: Any, **named: Any) -> None:
    _setup(self, request, *given, **named)
    if UPLOAD in request.environ:
        self.body = request.environ[UPLOAD]


def _committing_key(ledger: Ledger) -> Any:
    def key_response(self: Any, request: Any, full_url: str, headers: Any) -> Any:
        if request.method not in {"GET", "HEAD"}:
            with ledger.request():
                return _answer_key(self, request, full_url, headers)
        status, answered, body = _answer_key(self, request, full_url, headers)
        try:
            return status, answered, body.opened() if isinstance(body, Content) else body
        except FileNotFoundError:  # another request removed it in the meantime
            return self.serialized(ActionResult(MissingKey(key=self.parse_key_name())))

    return key_response


def _committing_bucket(ledger: Ledger, disk: Disk) -> Any:
    def bucket_response(self: Any, request: Any, full_url: str, headers: Any) -> Any:
        if request.method in {"GET", "HEAD"}:
            return _answer_bucket(self, request, full_url, headers)
        with ledger.request():
            answer = _answer_bucket(self, request, full_url, headers)
            bucket = self.backend.buckets.get(self.bucket_name)
            if isinstance(bucket, KeptBucket):
                if request.method == "PUT":
                    disk.keep_bucket(bucket.name, bucket.facts())
            elif request.method == "DELETE":
                disk.forget_bucket(self.bucket_name)
        return answer

    return bucket_response
