"""The local disk as an object store: the work folder of runs that need no cloud."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from chalicelib.core.errors import NotFound


class DiskStore:
    """See ``ports.ObjectStore``. An object is a file below ``root``; a write is a rename, so it is whole or absent."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @contextmanager
    def writing(self, key: str) -> Iterator[IO[bytes]]:
        """A stream that becomes the object at the end of the block."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".part-", delete=False) as part:
            try:
                yield part
                part.close()
                Path(part.name).replace(path)
            except BaseException:
                Path(part.name).unlink(missing_ok=True)
                raise

    @contextmanager
    def reading(self, key: str) -> Iterator[IO[bytes]]:
        """The object's bytes."""
        try:
            with self._path(key).open("rb") as stream:
                yield stream
        except FileNotFoundError as error:
            raise NotFound(f"the work folder has no object {key}") from error

    def keys(self, prefix: str) -> Sequence[str]:
        """The keys that begin with ``prefix``, sorted; unfinished writes are none."""
        folder = self._path(prefix.rpartition("/")[0])
        found = (p.relative_to(self._root.resolve()).as_posix() for p in folder.rglob("*") if p.is_file())
        return sorted(key for key in found if key.startswith(prefix) and "/.part-" not in f"/{key}")

    def remove(self, prefix: str) -> None:
        """Remove the objects whose keys begin with ``prefix``, and the folders that they leave empty."""
        for key in self.keys(prefix):
            path = self._path(key)
            path.unlink(missing_ok=True)
            with suppress(OSError):  # not empty: another object is there
                for folder in list(path.relative_to(self._root.resolve()).parents)[:-1]:
                    (self._root / folder).rmdir()

    def _path(self, key: str) -> Path:
        path = (self._root / key).resolve()
        if not path.is_relative_to(self._root.resolve()):
            raise NotFound(f"{key} is no key of the work folder")
        return path
