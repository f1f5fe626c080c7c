"""A dialect: how the bytes of a delimited text object are cut into records and fields."""

from dataclasses import dataclass

#: The encoding that the engine reads.
UTF_8 = "utf-8"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to read a delimited object.

    An object in another ``encoding`` than UTF-8 is copied to UTF-8 by its source; a byte order mark is no content.
    ``nulls`` are the field texts that mean NULL, quoted or not. A quote inside a quoted field is written twice, as RFC
    4180 says.

    Where the bytes at hand are a part of an object, ``new_line`` is the object's terminator (its last character decides
    what ends a record), and ``begins`` tells whether they are its first, so that they may have a byte order mark.
    """

    delimiter: str = ","
    quote: str = '"'
    header: bool = True
    nulls: tuple[str, ...] = ("",)
    encoding: str = UTF_8
    new_line: str | None = None
    begins: bool = True
