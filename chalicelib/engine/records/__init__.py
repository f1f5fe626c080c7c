"""Where records begin and end: our own reader of delimited text, which shares no code with DuckDB.

Four jobs, fastest first: ``tally`` counts the records of a file, so that "read" never comes from the
reader that is checked; ``ranges`` cuts a stream into parts of whole records and counts them; ``locate`` finds the byte
ranges of given records; ``screen`` reads what DuckDB refuses, names each broken record and writes a copy that DuckDB
accepts.

All four cut records as DuckDB 2.0.0 does in strict mode (observed, and held by the property tests):

* A record ends at LF or CRLF outside quotes; in a file without LF, at CR. A last record needs no terminator.
* A quote opens a field at the field's first byte, or after exactly one space; elsewhere it is data. Spaces
  after a closing quote are ignored. A quote after them opens the field again: DuckDB accepts that,
  ``screen`` refuses.
* Blank lines are no records, except in a file of one column: there each is one, and the first may be the
  header.
* Empty fields beyond the last column are ignored. A byte order mark at the start is no content.
"""

from chalicelib.engine.records.locate import Located, locate
from chalicelib.engine.records.numbers import Numbers
from chalicelib.engine.records.ranges import ranges
from chalicelib.engine.records.screen import Refusal, Screened, screen
from chalicelib.engine.records.slabs import Readable
from chalicelib.engine.records.tally import sha256, tally
from chalicelib.engine.records.veil import veiled

__all__ = [
    "Located", "Numbers", "Readable", "Refusal", "Screened", "locate", "ranges", "screen", "sha256", "tally", "veiled",
]  # fmt: skip
