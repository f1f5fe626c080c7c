"""The place of an object: what ``put`` writes to. It names one object, so nothing in it is a pattern."""

import re
from pathlib import Path

from chalicelib.core.pipeline import S3Source
from chalicelib.core.words import quoted
from cli.load import told

#: S3's own limit.
KEY_LIMIT_BYTES = 1024
_PLACE = re.compile(r"s3://(?P<bucket>[^/]+)(?:/(?P<key>.*))?", re.DOTALL)


def object_place(file: Path, uri: str) -> tuple[str, str]:
    """The bucket and the key that ``uri`` names; a key that is empty or ends with ``/`` gets the file's name.

    Raises:
        ValueError: if it names no object, with the way out.

    >>> object_place(Path("sales.csv"), "s3://landing/2026/")
    ('landing', '2026/sales.csv')
    """
    found = _PLACE.fullmatch(uri)
    if found is None or found["key"] is None:
        raise ValueError(f"{quoted(uri)} is not an object's place; write s3://bucket/key, or s3://bucket/folder/")
    bucket, key = found["bucket"], found["key"]
    if wild := re.search(r"[*?]", bucket + key):
        raise ValueError(
            f"{quoted(uri)} is a pattern ({wild[0]}), and put writes one object; write its key, or a folder with / at "
            "its end to keep the file's name"
        )
    _check_bucket(bucket)
    key = key + file.name if key == "" or key.endswith("/") else key
    if (size := len(key.encode("utf-8", "surrogateescape"))) > KEY_LIMIT_BYTES:
        raise ValueError(f"the key has {size:,} bytes, S3's limit is {KEY_LIMIT_BYTES:,}; shorten it")
    return bucket, key


def _check_bucket(name: str) -> None:
    try:
        S3Source.model_validate({"type": "s3", "uri": f"s3://{name}/key"})
    except ValueError as error:
        wrong = told(error)
    else:
        return
    raise ValueError(wrong)  # out here: a ValidationError as its context would be a cycle that nothing collects
