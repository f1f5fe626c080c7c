"""Objects written by each format's own rules, from records of texts: what the hazard suite feeds to every reader."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence

from chalicelib.core.pipeline import CsvFormat, Format, JsonlFormat

#: Records: one name for each field, and the texts of each record; None is NULL.
Write = Callable[[Sequence[str], Sequence[Sequence[str | None]]], bytes]


def as_csv(names: Sequence[str], records: Sequence[Sequence[str | None]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(names)
    writer.writerows(records)
    return out.getvalue().encode()


def as_jsonl(names: Sequence[str], records: Sequence[Sequence[str | None]]) -> bytes:
    lines = (json.dumps(dict(zip(names, record, strict=True)), ensure_ascii=False) for record in records)
    return "".join(f"{line}\n" for line in lines).encode()


WRITERS: Mapping[type[Format], Write] = {CsvFormat: as_csv, JsonlFormat: as_jsonl}
