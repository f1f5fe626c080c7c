"""Installed plugins: found by their entry points, at each look, so that what was just installed is there."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from chalicelib.core.errors import InvalidPipeline, PluginFailed, Refused
from chalicelib.core.pipeline import Plugin as PluginStep
from chalicelib.core.pipeline.steps import Step
from chalicelib.core.plan import PinnedPlugin
from chalicelib.core.words import nearest, quoted
from chalicelib.engine.plugins.raised import attempt
from etlplus.plugins import Plugin

GROUP = "etlplus.steps"
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Installed:
    """A plugin as its package offers it; ``entry`` is where it lies there."""

    pin: PinnedPlugin
    entry: EntryPoint

    def load(self) -> Plugin[Any]:
        """Import the plugin.

        Raises:
            PluginFailed: if its package cannot be imported, or has something else there.
            Refused: if this process imported another version of it.
        """
        plugin, raised = attempt(self.entry.module, self.entry.load)
        if raised is not None:
            raise PluginFailed(f"the plugin {self.pin} does not load: {raised.whole}; mend or reinstall its package")
        if not isinstance(plugin, Plugin):
            kind, wanted = type(plugin).__name__, "its entry point must name an etlplus.plugins.Plugin"
            raise PluginFailed(f"the plugin {self.pin} is {self.entry.value}, of type {kind}; {wanted}")
        loaded = _LOADED.setdefault(id(plugin), (plugin, self.pin))[1]
        if loaded != self.pin:
            cause = f"this process has the plugin {loaded} in memory, {self.pin.version} is installed by now"
            raise Refused(f"{cause}; start it again (etlplus down, etlplus up)")
        return plugin


#: What was imported, by identity, and the version that it had then: an upgrade does not change what is in memory.
_LOADED: dict[int, tuple[Plugin[Any], PinnedPlugin]] = {}


def installed() -> tuple[Installed, ...]:
    """All plugins that are installed here, in the order of their names; none is imported."""
    found = [Installed(_pin(entry), entry) for entry in entry_points(group=GROUP)]
    return tuple(sorted(found, key=lambda each: (each.pin.name, each.pin.package)))


def plugin_named(name: str, place: str) -> Installed:
    """The plugin of that name.

    Raises:
        InvalidPipeline: with the place, if no package brings it, or several do.
    """
    there = installed()
    found = [each for each in there if each.pin.name == name]
    if not found:
        raise InvalidPipeline(f"{place}: no package here brings a plugin {quoted(name)}; {_way_out(name, there)}")
    if len(found) > 1:
        packages = " and ".join(f"{each.pin.package} {each.pin.version}" for each in found)
        raise InvalidPipeline(f"{place}: {packages} both bring a plugin {quoted(name)}; uninstall one of them")
    return found[0]


def pins(steps: Sequence[Step]) -> tuple[PinnedPlugin, ...]:
    """The plugins that the steps name, each once, in the versions that are installed here.

    Raises:
        InvalidPipeline: with the place, for one that is not installed.
    """
    named = ((i, step) for i, step in enumerate(steps) if isinstance(step, PluginStep))
    return tuple(dict.fromkeys(plugin_named(step.plugin.name, f"transforms[{i}].plugin.name").pin for i, step in named))


def check_pins(pinned: Sequence[PinnedPlugin], steps: Sequence[Step]) -> None:
    """See that the plugins of a run are here in the versions that it was planned with.

    Raises:
        Refused: if one is another version, for batches of one run must not be made by two.
    """
    here = pins(steps) if pinned else ()
    for planned, found in zip(pinned, here, strict=True):
        if planned != found:
            cause = f"the run was planned with the plugin {planned}, here is {found.package} {found.version}"
            raise Refused(f"{cause}; install one version everywhere, then run the pipeline again")


def _pin(entry: EntryPoint) -> PinnedPlugin:
    package = entry.dist
    return PinnedPlugin(entry.name, package.name if package else "?", package.version if package else "?")


def _way_out(name: str, there: Sequence[Installed]) -> str:
    names = [each.pin.name for each in there]
    near = nearest(name, names)
    if near:
        return f'did you mean "{near}"?'
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    listed = f"installed: {', '.join(names[:_SHOWN])}{more}" if names else "none is installed"
    return f"pip install its package where etlplus runs ({listed})"
