"""Glimpse: what planning sees of one object of a source."""

from functools import cache, partial

from chalicelib.core.manifest import ObjectVersion
from chalicelib.formats import Glimpse
from chalicelib.ports import Source


def glimpse(source: Source, version: ObjectVersion) -> Glimpse:
    """A glimpse of an object, whose samples are fetched when first asked for."""
    return Glimpse(version.uri, cache(partial(source.sample, version)), partial(source.local, version))
