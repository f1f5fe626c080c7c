"""Binding: the engine's own check of names and types, with an answer that people can use."""

import re
from collections.abc import Sequence

from chalicelib.core.errors import InvalidPipeline
from chalicelib.ports import SqlParser
from chalicelib.relations.names import unknown

_NO_COLUMN = re.compile(r'column "(.+?)" not found')
_VOLATILE = "in combination with a volatile function"


def bound(sql: str, names: Sequence[str], parser: SqlParser, place: str) -> list[tuple[str, str]]:
    """The names and engine types of what ``sql``, a SELECT over columns ``names``, returns.

    Raises:
        InvalidPipeline: with the place, if the engine does not understand it.
    """
    try:
        return parser.columns(sql)
    except InvalidPipeline as error:
        missing = _NO_COLUMN.search(str(error))
        if missing and missing[1] not in names:
            raise unknown(missing[1], names, place) from error
        if _VOLATILE in str(error):
            cause = (
                "a function in it answers anew each time, as random() and error() do, so a second attempt could differ"
            )
            raise InvalidPipeline(f"{place}: {cause}; leave it out") from error
        if "lambda_syntax" in str(error):
            cause = "x -> x + 1 is no lambda here"
            raise InvalidPipeline(f"{place}: {cause}; write lambda x: x + 1") from error
        raise InvalidPipeline(f"{place}: {error}") from error
