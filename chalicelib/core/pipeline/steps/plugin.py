"""The step that somebody else wrote: a plugin, by name, with its options."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, StrictStr

from chalicelib.core.pipeline.base import SLUG, Model, slug


def _frozen(options: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: _value(value) for name, value in options.items()}


def _value(value: object) -> object:
    """The value with tuples for lists; JSON's null is no value, so that a default is never written twice."""
    match value:
        case None:
            raise ValueError("an option is empty; write a value, or remove the option")
        case list() | tuple():
            return tuple(map(_value, value))
        case Mapping():
            return {str(name): _value(each) for name, each in value.items()}
    return value


class Plugged(Model):
    """Which plugin, and with what options."""

    name: Annotated[StrictStr, AfterValidator(slug)] = Field(
        description="The plugin's name; etlplus plugin list shows those that are installed.",
        json_schema_extra={"pattern": f"^{SLUG.pattern}$"},
    )
    options: Annotated[Mapping[StrictStr, Any], Field(max_length=1600), AfterValidator(_frozen)] = Field(
        default={}, description="The plugin's own options; its page says which there are."
    )


class Plugin(Model):
    """Let an installed Python package compute columns from each record."""

    step: ClassVar[str] = "plugin"
    plugin: Plugged = Field(description="The plugin's name and its options.")
