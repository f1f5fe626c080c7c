"""Output: one result in the form that was asked for, on stdout."""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from io import StringIO
from typing import Any

from chalicelib.core.errors import Refused


class Form(StrEnum):
    """How a command prints its result."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    YAML = "yaml"


def emit(document: Any, form: Form, text: str) -> None:
    """Print ``document`` as JSON, JSON lines or YAML; ``text`` is its form for people.

    A reader that has left changes nothing: the command goes on and ends with its own exit code.

    Raises:
        Refused: if stdout takes no more, as on a full disk.
    """
    if form is Form.TABLE:
        out = text
    elif form is Form.JSON:
        out = json.dumps(document, indent=2, ensure_ascii=False)
    elif form is Form.JSONL:
        records = document if isinstance(document, list) else [document]
        out = "\n".join(json.dumps(record, ensure_ascii=False) for record in records)
    else:
        out = _yaml(document)
    if out:
        _print(out.rstrip("\n") + "\n")


def warn(told: str) -> None:
    """Tell on stderr what is no error and may become one."""
    say(f"warning: {told}")


def say(told: str) -> None:
    """Tell on stderr what a person should know beside the result."""
    sys.stderr.write(f"etlplus: {told}\n")


def table(rows: Iterable[Sequence[object]], head: Sequence[str]) -> str:
    """Rows as aligned columns under a head; numbers to the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(head), *cells]) for i in range(len(head))]
    right = [bool(cells) and all(row[i].replace(",", "").isdigit() for row in cells) for i in range(len(head))]
    lines = [
        "  ".join(value.rjust(w) if r else value.ljust(w) for value, w, r in zip(row, widths, right, strict=True))
        for row in [list(head), *cells]
    ]
    return "\n".join(line.rstrip() for line in lines)


def full(error: OSError, place: str) -> Refused:
    """What it means that there is no room; what is left for stdout goes nowhere, at the exit, too."""
    _silence()
    return Refused(f"{place} cannot be written: {error.strerror}; make room, or send the output elsewhere")


def _print(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()  # a command may go on after it has told its result
    except BrokenPipeError:
        _silence()
    except OSError as error:
        raise full(error, "stdout") from error


def _silence() -> None:
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in str(value))


def _yaml(document: Any) -> str:
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    out = StringIO()
    yaml.dump(_plain(document), out)
    return out.getvalue()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
