"""Axis values that a person sets: `-a latency/pointer_chase.footprint=[4KiB:1GiB:x2]`."""

from __future__ import annotations

from collections.abc import Sequence

from gridstone.declaration import Probe, Value
from gridstone.errors import UsageError
from gridstone.plan.nearest import suggestion
from gridstone.plan.select import matches, spellings
from gridstone.plan.values import parse_values

AxisChoice = dict[str, tuple[Value, ...]]


def overrides(probes: Sequence[Probe], texts: Sequence[str]) -> dict[str, AxisChoice]:
    """The values set for each axis, by probe name; of two settings of one axis the later holds.

    `probe.axis=values`, where the probe may be a glob or a family; a bare `axis=values` speaks to every probe
    that has the axis. Raises UsageError for an unknown probe or axis, or a value that the axis does not take.
    """
    chosen: dict[str, AxisChoice] = {}
    for text in texts:
        target, equals, values = text.partition("=")
        glob, _, axis = target.strip().rpartition(".")
        if not equals or not axis:
            raise UsageError(f"-a {text}: write probe.axis=values, such as -a host/stream.threads=1,2")
        for probe in _addressed(probes, glob, axis, text):
            try:
                chosen.setdefault(probe.name, {})[axis] = parse_values(probe.axis(axis), values)
            except ValueError as error:
                raise UsageError(f"-a {text}: {probe.name}: {error}") from None
    return chosen


def _addressed(probes: Sequence[Probe], glob: str, axis: str, text: str) -> list[Probe]:
    """The selected probes that the setting speaks to, at least one."""
    named = [probe for probe in probes if not glob or matches(probe, glob)]
    if not named:
        raise UsageError(f"-a {text}: no selected probe is called {glob}{suggestion(glob, spellings(probes))}")
    having = [probe for probe in named if any(a.name == axis for a in probe.axes)]
    if not having:
        known = list(dict.fromkeys(a.name for probe in named for a in probe.axes))
        who = named[0].name if len(named) == 1 else "the selected probes"
        axes = f"the axes of {who} are {', '.join(known)}" if known else f"{who} has no axis"
        raise UsageError(f"-a {text}: no axis is called {axis}{suggestion(axis, known)} ({axes})")
    return having
