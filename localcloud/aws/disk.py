"""S3's objects on disk: what was answered is there after a restart, and after ``kill -9``.

::

    contents/<random>                the bytes of one version; never changed, never moved
    buckets/<bucket>/bucket.json     region, versioning, whether it announces its objects
    buckets/<bucket>/<number>.json   one version: its key, version, etag, content ...; its arrival is the commit

Numbers grow, so they are the order of versions. Content that no version names is what a crash left unfinished: it is
swept at start. Everything is flushed before its name arrives, and a folder is flushed after.
"""

import hashlib
import itertools
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from localcloud.aws.content import BLOCK_BYTES, Content, Upload

_BUCKET, _PART = "bucket.json", ".part"


class Disk:
    """The folder below which everything lies."""

    def __init__(self, root: Path) -> None:
        self._contents, self._buckets = root / "contents", root / "buckets"
        for folder in (self._contents, self._buckets):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._numbers = itertools.count(time.time_ns())

    def next_number(self) -> int:
        """Greater than every number before, of this start and of earlier ones."""
        return next(self._numbers)

    def receive(self, blocks: Iterable[bytes]) -> Upload:
        """Write what arrives; when it ends in an error, nothing stays."""
        path, md5 = self._contents / uuid.uuid4().hex, hashlib.md5(usedforsecurity=False)
        try:
            with path.open("xb") as stream:
                for block in blocks:
                    stream.write(block)
                    md5.update(block)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return Upload(Content.whole(path, md5.hexdigest()))

    def copied(self, content: Content) -> Upload:
        """The same bytes again; a whole file is linked, as its bytes never change."""
        path = self._contents / uuid.uuid4().hex
        if len(content) == content.path.stat().st_size:
            os.link(content.path, path)
            return Upload(Content.whole(path, content.md5))
        return self.receive(content)

    def joined(self, parts: Iterable[Content]) -> Upload:
        """The bytes of ``parts`` one after the other, without reading them into memory."""
        path = self._contents / uuid.uuid4().hex
        with path.open("xb") as stream:
            for part in parts:
                with part.path.open("rb") as source:
                    shutil.copyfileobj(source, stream, BLOCK_BYTES)
        return Upload(Content.whole(path))

    def content(self, name: str) -> Content:
        """The content that a version names."""
        return Content.whole(self._contents / name)

    def flush(self, contents: Iterable[Content]) -> None:
        """Have the bytes, and their names, on the medium, but for what another request has overwritten by now."""
        found = [each.path for each in contents]
        for path in found:
            with suppress(FileNotFoundError):
                _flush(path)
        if found:
            _flush(self._contents)

    def prepare(self, bucket: str, number: int, facts: dict[str, Any]) -> Path:
        """Write what is said of a version, durably; ``arrive`` commits it."""
        path = self._buckets / bucket / f"{number:020d}{_PART}"
        with path.open("x", encoding="utf-8") as stream:
            _dump(stream, facts)
        return path

    @staticmethod
    def arrive(prepared: Path) -> Path:
        """Commit a version."""
        return prepared.replace(prepared.with_suffix(".json"))

    @staticmethod
    def flush_folders(sidecars: Iterable[Path]) -> None:
        """Have what has arrived and what is gone on the medium."""
        for folder in {path.parent for path in sidecars}:
            if folder.exists():
                _flush(folder)

    def keep_bucket(self, name: str, facts: dict[str, Any]) -> None:
        """Remember a bucket, or what has changed about it."""
        folder = self._buckets / name
        folder.mkdir(exist_ok=True)
        part = folder / f"bucket{_PART}"
        with part.open("w", encoding="utf-8") as stream:
            _dump(stream, facts)
        part.replace(folder / _BUCKET)
        _flush(folder)
        _flush(self._buckets)

    def forget_bucket(self, name: str) -> None:
        """Remove a bucket, which is empty; a name that is none, such as ``..``, removes nothing."""
        folder = self._buckets / name
        if (folder / _BUCKET).exists():
            shutil.rmtree(folder, ignore_errors=True)

    def buckets(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The buckets by name; one whose making was not finished is removed."""
        for folder in sorted(self._buckets.iterdir()):
            for part in folder.glob(f"*{_PART}"):
                part.unlink()
            if (folder / _BUCKET).exists():
                yield folder.name, json.loads((folder / _BUCKET).read_bytes())
            else:
                shutil.rmtree(folder)

    def versions(self, bucket: str) -> Iterator[tuple[Path, dict[str, Any]]]:
        """The sidecars of a bucket and what they say, oldest first."""
        for path in sorted((self._buckets / bucket).glob("[0-9]*.json")):
            yield path, json.loads(path.read_bytes())

    def sweep(self, named: set[str]) -> None:
        """Remove the contents that no version names."""
        for path in self._contents.iterdir():
            if path.name not in named:
                path.unlink()


def _dump(stream: Any, facts: dict[str, Any]) -> None:
    json.dump(facts, stream)
    stream.flush()
    os.fsync(stream.fileno())


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
