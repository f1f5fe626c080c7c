"""A dialect: how the bytes of a delimited text object are cut into records and fields."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to read a delimited object.

    The encoding is UTF-8, with or without a byte order mark. ``nulls`` are the field texts that mean NULL, quoted
    or not. A quote inside a quoted field is written twice, as RFC 4180 says.
    """

    delimiter: str = ","
    quote: str = '"'
    header: bool = True
    nulls: tuple[str, ...] = ("",)
