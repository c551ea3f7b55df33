"""Probes chosen by name: globs, or the bare name of a family."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from gridstone.declaration import Probe
from gridstone.errors import UsageError
from gridstone.plan.nearest import suggestion


def matches(probe: Probe, glob: str) -> bool:
    """Whether a glob such as `latency/*` or a family such as `latency` names the probe."""
    return fnmatchcase(probe.name, glob) or probe.family == glob


def select(probes: Sequence[Probe], globs: Sequence[str]) -> list[Probe]:
    """The probes that any of the globs names, in catalogue order; all of them without a glob.

    Raises UsageError for a glob that names none, with the nearest name there is.
    """
    for glob in globs:
        if not any(matches(probe, glob) for probe in probes):
            near = suggestion(glob, spellings(probes)) or "; `gridstone list` shows them all"
            raise UsageError(f"no probe is called {glob}{near}")
    return [probe for probe in probes if not globs or any(matches(probe, glob) for glob in globs)]


def spellings(probes: Sequence[Probe]) -> dict[str, str]:
    """What a person may write for a probe or a family, and its right name."""
    short = {probe.name.split("/", 1)[1]: probe.name for probe in probes}
    return short | {p.family: p.family for p in probes} | {p.name: p.name for p in probes}
