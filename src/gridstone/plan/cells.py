"""From a request to the cells that are measured, in the order in which they are."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from gridstone.declaration import Cell, Probe, cell
from gridstone.errors import UsageError
from gridstone.plan.overrides import AxisChoice, overrides
from gridstone.plan.request import Request
from gridstone.plan.select import select
from gridstone.plan.shard import parse_shard
from gridstone.plan.source import source_digest
from gridstone.plan.values import MOST


def cells(probes: Sequence[Probe], request: Request) -> list[Cell]:
    """The cells of a request, shuffled over all its probes by its seed, or its share of them.

    Shuffling spreads each probe over the whole run, so that a slow drift of the machine does not look like an
    effect of an axis. Raises UsageError where nothing is selected, ContentError where a kernel is missing.
    """
    chosen = select(probes, request.probes)
    values = overrides(chosen, request.axes)
    listed = [c for probe in chosen for c in _unfold(probe, request.profile, values.get(probe.name, {}))]
    if not listed:
        raise UsageError("the selection is empty: no probe has a cell in it")
    random.Random(request.seed).shuffle(listed)
    share = parse_shard(request.shard).of(listed)
    if not share:
        raise UsageError(f"--shard {request.shard} is empty: there are only {len(listed)} cells to share")
    return share


def _unfold(probe: Probe, profile: str, values: AxisChoice) -> list[Cell]:
    tied = {name for names in probe.together for name in names}
    alone = (axis for axis in probe.axes if axis.name not in tied)
    count = math.prod(len(values.get(axis.name, axis.values(profile))) for axis in alone)
    count *= math.prod(len(rows) for rows in probe.together.values())
    if count > MOST:
        raise UsageError(f"{probe.name}: {count} combinations of its axes are too many (at most {MOST})")
    digest = source_digest(probe)
    found = [cell(probe, point, digest) for point in probe.points(profile, values)]
    if values and not found:
        axes = ", ".join(f"{name}={','.join(map(str, given[:3]))}" for name, given in values.items())
        others = [axis.name for axis in probe.axes if axis.name not in values]
        beside = f" beside those of {', '.join(others)} in the profile {profile}: name these too" if others else ""
        raise UsageError(f"{probe.name} has no cell with {axes}: its declaration rules these values out{beside}")
    return found
