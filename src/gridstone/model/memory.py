"""memory_time: the latency ladder of dependent accesses, and streams between latency and bandwidth."""

from __future__ import annotations

from typing import Literal

import numpy as np

from gridstone.errors import UsageError
from gridstone.model.artifact import Artifact, Function, nearest
from gridstone.model.law import Law
from gridstone.model.prediction import Amount, Extrapolate, OutOfDomain, Prediction

# Levels that global memory passes through; the other spaces have an address space or a path of their own.
GLOBAL_LEVELS = ("l1", "l2", "dram")


def memory_time(
    model: Artifact,
    /,
    *,
    pattern: str,
    bytes: Amount,
    working_set: Amount | None = None,
    level: str | None = None,
    granule: Amount | None = None,
    unit: Literal["s", "cycle"] = "s",
    extrapolate: Extrapolate = "refuse",
) -> Prediction:
    """Time that the GPU takes to touch `bytes` bytes of memory.

    pattern: `chase` makes bytes / granule dependent accesses, one after the other, in one thread; `read`,
    `write`, `copy`, `scale` and `triad` stream `bytes` bytes (read and written together) with the whole
    GPU, and take the larger of one access's latency and bytes over bandwidth (Little's law). working_set:
    bytes that the accesses range over; `bytes` where not given. level: instead of a working set, the place
    where the data lie: l1, l2, dram (a working set that is typical of it), or shared, constant, readonly,
    texture, host. granule: bytes between successive dependent accesses, by default the ladder's own stride
    (the model lists it as the least `bytes`).
    unit: seconds at the SM clock that the ladder ran at, or, for `chase`, SM cycles.

    Raises UsageError for an unknown word or a contradiction, OutOfDomain outside the measured box.
    """
    function = model.function("memory_time")
    if level is not None and working_set is not None and level in GLOBAL_LEVELS:
        raise UsageError(f"memory_time: give level={level} or working_set=, not both")
    if pattern == "chase":
        return _chase(function, bytes, working_set, level, granule, unit, extrapolate)
    if granule is not None:
        raise UsageError("memory_time: granule belongs to pattern=chase; streams use their best access width")
    if unit != "s":
        raise UsageError("memory_time: unit=cycle belongs to pattern=chase; a stream takes seconds")
    law = _law(function, pattern, level)
    if "working_set" not in law.axes:
        return law.total("bytes", bytes, extrapolate)
    size = _working_set(law, bytes, working_set, level)
    stream = law.total("bytes", bytes, extrapolate, least=size, working_set=size)
    if not function.has(pattern="chase", space="global") or law.keys["space"] != "global":
        return stream
    # Beyond the ladder an access costs what it costs at its end: no stream of that size is bound by it.
    ladder = function.law(pattern="chase", space="global")
    points = ladder.points[:, ladder.axes.index("working_set")]
    end = np.clip(size, points.min(), points.max())
    return stream.at_least(_hop(ladder, end, ladder.parameters["granule"], "s", "flag"))


def _chase(
    function: Function,
    bytes: Amount,
    working_set: Amount | None,
    level: str | None,
    granule: Amount | None,
    unit: Literal["s", "cycle"],
    extrapolate: Extrapolate,
) -> Prediction:
    law = _law(function, "chase", level)
    size = _working_set(law, bytes, working_set, level)
    own = float(law.parameters["granule"])
    if granule is not None and "granule" not in law.axes and np.any(granule != own):
        raise UsageError(f"memory_time: level={level} was measured with granule={own:g} only")
    step = own if granule is None else granule
    count = np.asarray(bytes, dtype=float) / np.asarray(step, dtype=float)
    if not np.all(count >= 1):
        raise OutOfDomain(f"bytes={np.min(bytes):g} is less than one access of granule={np.max(step):g}")
    return _hop(law, size, step, unit, extrapolate).times(count, unit=unit)


def _hop(law: Law, size: Amount, step: Amount, unit: Literal["s", "cycle"], extrapolate: Extrapolate) -> Prediction:
    """One dependent access. The laws are in cycles, which repeat from run to run where clocks do not."""
    cycles = law.at(extrapolate, **_only(law, working_set=size, granule=step))
    return cycles if unit == "cycle" else cycles.times(1 / float(law.parameters["clock_hz"]), unit="s")


def _law(function: Function, pattern: str, level: str | None) -> Law:
    known = [*GLOBAL_LEVELS, *(law.keys["space"] for law in function.laws if law.keys["space"] != "global")]
    if level is not None and level not in known:
        raise UsageError(f"memory_time: level={level} is not in this model{nearest(level, set(known))}")
    space = "global" if level is None or level in GLOBAL_LEVELS else level
    # Streams within one SM are measured by probes of their own, so L1 is a space to them and not a footprint.
    if level == "l1" and function.has(pattern=pattern, space="l1"):
        space = "l1"
    return function.law(pattern=pattern, space=space)


def _working_set(law: Law, bytes: Amount, working_set: Amount | None, level: str | None) -> Amount:
    if working_set is not None or level is None:
        return bytes if working_set is None else working_set
    typical = law.parameters["levels"]
    if level not in typical:
        pattern = law.keys["pattern"]
        raise UsageError(f"memory_time: {level} was not told apart for {pattern}: give working_set=BYTES")
    smallest, largest = typical[level]
    return np.clip(bytes, smallest, largest)


def _only(law: Law, **x: Amount) -> dict[str, Amount]:
    return {name: value for name, value in x.items() if name in law.axes}
