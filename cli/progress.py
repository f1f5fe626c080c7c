"""Progress: a live bar on a terminal, silence anywhere else."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.ports import Progress
from chalicelib.progress import Unwatched


class _Bar:
    """See ``ports.Progress``: one line that is gone at the end."""

    def __init__(self, title: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.rich = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("records"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self.rich.add_task(title, total=None)

    def total(self, records: int) -> None:
        """Begin again, now that it is known how many there are."""
        self.rich.update(self._task, total=records, completed=0)

    def advance(self, records: int) -> None:
        """Move on by so many."""
        self.rich.advance(self._task, records)


@contextmanager
def progress(title: str) -> Iterator[Progress]:
    """A bar on stderr if that is a terminal, else silence."""
    if not sys.stderr.isatty():
        yield Unwatched()
        return
    bar = _Bar(title)
    with bar.rich:
        yield bar
