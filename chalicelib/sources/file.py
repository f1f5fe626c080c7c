"""Files of this machine as a source: pinned by the SHA-256 of their bytes, read where they lie."""

import glob
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import IO

from chalicelib.core.dialect import UTF_8
from chalicelib.core.errors import NotFound, Refused, SourceMoved
from chalicelib.core.manifest import ObjectVersion, Span
from chalicelib.core.plan import Sample
from chalicelib.core.tally import Lines
from chalicelib.engine.encoding import transcode
from chalicelib.engine.gzipped import MAGIC, unpack, unpacked_head
from chalicelib.engine.records import sha256
from chalicelib.engine.records.ahead import ReadAhead

SAMPLE_BYTES = 128 * 1024
#: How much of a part is copied at once.
COPY_BYTES = 1024 * 1024


class FileSource:
    """See ``ports.Source``. ``pattern`` is a path or a glob; gzip is recognised by its first bytes.

    ``ahead`` may be counting and hashing the one file of ``pattern`` already.
    """

    def __init__(self, pattern: str, *, work: Path, ahead: ReadAhead | None = None) -> None:
        self._pattern = pattern
        self._ahead = ahead
        self._work = work
        self._plain: dict[tuple[str, str], Path] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def find(self) -> Sequence[ObjectVersion]:
        """The files that match now, oldest first."""
        literal = Path(self._pattern)
        paths = [literal] if literal.exists() else map(Path, glob.glob(self._pattern))  # noqa: PTH207 - absolute too
        files = [path.resolve() for path in paths if path.is_file()]
        if not files:
            raise NotFound(_missing(self._pattern))
        versions = [_pinned(path, self._ahead if len(files) == 1 else None) for path in files]
        return sorted(versions, key=lambda version: (version.last_modified, version.key))

    def sample(self, version: ObjectVersion) -> Sample:
        """Up to 128 KiB each of head, middle and tail; of a compressed file the head and what follows it."""
        with _open(version) as stream:
            if _is_gzip(stream):
                return Sample(*unpacked_head(stream, SAMPLE_BYTES, name=version.key))
            if version.size_bytes <= 3 * SAMPLE_BYTES:
                return Sample(stream.read())
            head = stream.read(SAMPLE_BYTES)
            stream.seek(version.size_bytes // 2 & ~1)  # UTF-16 has two bytes a character
            middle = stream.read(SAMPLE_BYTES)
            stream.seek(version.size_bytes - SAMPLE_BYTES & ~1)
            return Sample(head, middle, stream.read(SAMPLE_BYTES))

    def lines(self, version: ObjectVersion) -> Lines | None:
        """What was counted ahead, if it was of these bytes and they are plain."""
        counted = self._ahead.result() if self._ahead else None
        if counted is None or counted.sha256 != version.version:
            return None
        return counted if self._plain_path(version, UTF_8) == Path(version.key) else None

    @contextmanager
    def plain(self, version: ObjectVersion, start: int = 0) -> Iterator[IO[bytes] | None]:
        """The file's own bytes; checked to be unchanged at the end of the block."""
        with _open(version) as stream:
            is_plain = not _is_gzip(stream)
            stream.seek(start)
            yield stream if is_plain else None
        _check_unchanged(version)

    @contextmanager
    def local(self, version: ObjectVersion, encoding: str = UTF_8, span: Span | None = None) -> Iterator[Path]:
        """The file itself, a copy of its ``span``, or its decompressed copy in UTF-8; checked at the end of the block.

        What was checked is that it is unchanged. The copy of a span is gone after the block.
        """
        if span is None:
            yield self._plain_path(version, encoding)
        else:
            path = self._place(f"{version.version}-{span.start}")
            with _open(version) as stream, path.open("wb") as part:
                stream.seek(span.start)
                left = span.end - span.start
                while block := stream.read(min(left, COPY_BYTES)):
                    part.write(block)
                    left -= len(block)
            yield path
            path.unlink()
        _check_unchanged(version)

    def close(self) -> None:
        """Remove decompressed copies."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
            self._plain.clear()

    def _plain_path(self, version: ObjectVersion, encoding: str) -> Path:
        if (version.version, encoding) not in self._plain:
            self._plain[version.version, encoding] = self._copied(version, encoding)
        return self._plain[version.version, encoding]

    def _copied(self, version: ObjectVersion, encoding: str) -> Path:
        if encoding != UTF_8:
            path = self._place(f"{version.version}-{encoding}")
            with self._plain_path(version, UTF_8).open("rb") as stream:
                transcode(stream, path, encoding)
            return path
        with _open(version) as stream:
            return self._decompressed(version, stream) if _is_gzip(stream) else Path(version.key)

    def _place(self, name: str) -> Path:
        if self._folder is None:
            self._work.mkdir(parents=True, exist_ok=True)
            self._folder = tempfile.TemporaryDirectory(dir=self._work, prefix="plain-")
        return Path(self._folder.name) / name

    def _decompressed(self, version: ObjectVersion, stream: IO[bytes]) -> Path:
        path = self._place(version.version)
        unpack(stream, path, name=version.key, size_bytes=version.size_bytes)
        return path


def _check_unchanged(version: ObjectVersion) -> None:
    with _open(version) as stream:
        now = os.fstat(stream.fileno())
    if (now.st_size, _modified(now.st_mtime)) != (version.size_bytes, version.last_modified):
        raise SourceMoved(f"{version.key} changed while it was read; nothing was published, load it again")


def _open(version: ObjectVersion) -> IO[bytes]:
    try:
        return Path(version.key).open("rb")
    except FileNotFoundError as error:
        raise SourceMoved(f"{version.key} is gone since the plan was made") from error
    except PermissionError as error:
        raise Refused(f"{version.key} may not be read by this user") from error


def _is_gzip(stream: IO[bytes]) -> bool:
    start = stream.read(2)
    stream.seek(0)
    return start == MAGIC


def _pinned(path: Path, ahead: ReadAhead | None) -> ObjectVersion:
    if not _is_utf8(str(path)):
        raise Refused(f"{str(path)!r} is no UTF-8 name, so it cannot be remembered; rename the file")
    found = ahead.stat if ahead else path.stat()  # before the hash: a change meanwhile is noticed later
    try:
        counted = ahead.result() if ahead else None
        digest = counted.sha256 if counted else sha256(path)
    except PermissionError as error:
        raise Refused(f"{path} may not be read by this user") from error
    return ObjectVersion("file", str(path), digest, found.st_size, _modified(found.st_mtime))


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _modified(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _missing(pattern: str) -> str:
    path = Path(pattern)
    if path.is_dir():
        return f"{pattern} is a folder; name a file or a pattern in it"
    if not path.parent.is_dir():
        return f"{pattern} does not exist; the folder {path.parent} does not exist"
    near = get_close_matches(path.name, [each.name for each in path.parent.iterdir()], n=1)
    return f"{pattern} does not exist" + (f"; did you mean {path.parent / near[0]}?" if near else "")
