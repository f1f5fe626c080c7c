"""Sources: where a pipeline's records come from.

A new kind is one class here and one name in ``Source``.
"""

import re
from functools import cache
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictStr

from chalicelib.core.pipeline.base import Model, Text
from chalicelib.core.pipeline.formats import GivenFormat
from chalicelib.core.words import quoted

_URI = re.compile(r"s3://(?P<bucket>[^/]*)(?:/(?P<key>.*))?", re.DOTALL)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def _s3_uri(text: str) -> str:
    form = _URI.fullmatch(text)
    if form is None:
        raise ValueError(f"{quoted(text)} is not an S3 place; write s3://bucket/key-pattern")
    if "\0" in text:
        raise ValueError(f"{quoted(text)} holds a NUL character; S3 has none in keys")
    if not form["bucket"]:
        raise ValueError(f"{quoted(text)} has no bucket; write s3://bucket/key-pattern")
    if re.search(r"[*?]", form["bucket"]):
        raise ValueError(f"{quoted(text)} has a wildcard in the bucket; * and ? work in the key only")
    if not _BUCKET.fullmatch(form["bucket"]):
        raise ValueError(
            f"{quoted(form['bucket'])} is not a bucket name; write 3 to 63 lower case letters, digits, dots and hyphens"
        )
    if not form["key"]:
        raise ValueError(f"{quoted(text)} has no key; add one, such as {text.rstrip('/')}/*.csv")
    return text


@cache
def _pattern(text: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*|\*|\?)", text)
    return re.compile("".join({"**": ".*", "*": "[^/]*", "?": "[^/]"}.get(p, re.escape(p)) for p in parts), re.DOTALL)


class S3Source(Model):
    """Objects of one bucket whose keys match a pattern."""

    type: Literal["s3"] = Field(description="The kind of source.")
    uri: Annotated[StrictStr, AfterValidator(_s3_uri)] = Field(
        description="s3://bucket/key-pattern; in the key * and ? stand for characters but /, ** for any."
    )
    format: GivenFormat | None = Field(
        default=None, description="How the objects are written; recognised by their names if not given."
    )

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self.uri.removeprefix("s3://").partition("/")[0]

    @property
    def key(self) -> str:
        """The key pattern."""
        return self.uri.removeprefix("s3://").partition("/")[2]

    @property
    def prefix(self) -> str:
        """What every matching key begins with: the pattern up to its first wildcard."""
        return re.split(r"[*?]", self.key, maxsplit=1)[0]

    def takes(self, bucket: str, key: str) -> bool:
        """Whether an object is one of this source's; ``*`` and ``?`` stand within a folder, ``**`` across folders."""
        return bucket == self.bucket and _pattern(self.key).fullmatch(key) is not None


class FileSource(Model):
    """Files of this machine, by path or pattern."""

    type: Literal["file"] = Field(description="The kind of source.")
    path: Text = Field(description="A local path or pattern, such as data/orders-*.csv.")
    format: GivenFormat | None = Field(
        default=None, description="How the files are written; recognised by their names if not given."
    )


Source = Annotated[S3Source | FileSource, Field(discriminator="type")]
