"""Quoted identifiers: the one place that turns a name into SQL."""


def quote(name: str) -> str:
    """Return ``name`` as a quoted SQL identifier, whatever it holds.

    >>> print(quote('a "b" c'))
    "a ""b"" c"

    Raises:
        ValueError: if the name is empty, holds a NUL or is longer than PostgreSQL's 63 bytes.
    """
    if not name or "\0" in name:
        raise ValueError(f"{name!r} is no identifier")
    if len(name.encode()) > 63:
        raise ValueError(f"{name!r} is longer than the 63 bytes of a PostgreSQL identifier")
    return '"' + name.replace('"', '""') + '"'
