"""The state machine: its definition as it lies in ``journey.asl.json``, and what takes the place of its ``${names}``.

CDK and the laptop read the same bytes; ``digest`` is compared on both sides before either substitutes.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

DEFINITION = Path(__file__).parent / "journey.asl.json"
NAME = "etlplus-journey"
_PLACE = re.compile(r"\$\{(\w+)\}")


def digest() -> str:
    """The SHA-256 of the definition's bytes, before substitution."""
    return hashlib.sha256(DEFINITION.read_bytes()).hexdigest()


def definition(functions: Mapping[str, str], work_bucket: str) -> str:
    """The definition with functions' ARNs for ``${plan}`` and the like, the bucket's name for ``${work_bucket}``.

    Raises:
        KeyError: if the definition names what is not there.
    """
    values = {**functions, "work_bucket": work_bucket}
    return _PLACE.sub(lambda place: values[place[1]], DEFINITION.read_text(encoding="utf-8"))
