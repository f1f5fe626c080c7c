"""Progress that nobody watches: a Lambda's, or a command's whose output is piped."""


class Unwatched:
    """See ``ports.Progress``."""

    def total(self, records: int) -> None:
        """Nobody wants to know."""

    def advance(self, records: int) -> None:
        """Nobody wants to know."""
