"""Options: what a document gives a plugin, as the plugin's own model reads it, or what is wrong with it."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from chalicelib.core.errors import InvalidPipeline, PluginFailed
from chalicelib.core.words import quoted, way_out
from chalicelib.engine.plugins.installed import Installed
from chalicelib.engine.plugins.raised import attempt
from etlplus.plugins import Plugin


def options_of(plugin: Plugin[Any], found: Installed, options: Mapping[str, Any], place: str) -> BaseModel:
    """The options of a step as a model.

    Raises:
        InvalidPipeline: with the place, if the plugin does not take them.
        PluginFailed: if its model does not work.
    """
    answer, raised = attempt(found.entry.module, lambda: _read(plugin.options, options))
    if answer is None:
        told = raised.whole if raised else ""
        raise PluginFailed(f"{place}: the model of options of the plugin {found.pin} raised {told}")
    if isinstance(answer, BaseModel):
        return answer
    raise InvalidPipeline(_told(answer, tuple(plugin.options.model_fields), f"{place}.options"))


def with_way_out(told: str) -> str:
    """The words of somebody else, with a way out if they have none."""
    return told if "; " in told else f"{told}; see the plugin's own page"


def _read(model: type[BaseModel], options: Mapping[str, Any]) -> BaseModel | tuple[str, tuple[str, ...], str]:
    """The options, or the kind, place and words of what is wrong first.

    They are read as JSON, where a list may be a tuple and a text a date.
    """
    try:
        return model.model_validate_json(to_json(dict(options)))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        return first["type"], tuple(map(str, first["loc"])), str(first["msg"])


def _told(wrong: tuple[str, tuple[str, ...], str], allowed: tuple[str, ...], place: str) -> str:
    kind, keys, message = wrong
    at = ".".join((place, *keys))
    if kind == "extra_forbidden":
        return f"{at}: unknown option; {way_out(keys[-1], allowed) if allowed else 'remove it, there are none'}"
    if kind == "missing":
        return f"{place}: the option {quoted(keys[-1])} is required; add it"
    return with_way_out(f"{at}: {message.removeprefix('Value error, ')}")
