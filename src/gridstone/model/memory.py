"""memory_time: dependent accesses, and streams between latency and bandwidth, by level, pattern and mechanism."""

from __future__ import annotations

import contextlib
from typing import Literal

import numpy as np

from gridstone.errors import UsageError
from gridstone.model.artifact import Artifact, Function, nearest
from gridstone.model.coordinates import coordinates, resident, said
from gridstone.model.law import Law
from gridstone.model.pair import pair_latency
from gridstone.model.prediction import Amount, Extrapolate, ModelError, OutOfDomain, Prediction

# Levels that global memory passes through; the others have an address space or a path of their own.
GLOBAL_LEVELS = ("l1", "l2", "dram")
PLAIN = "plain"


def memory_time(
    model: Artifact,
    /,
    *,
    pattern: str,
    bytes: Amount,
    working_set: Amount | None = None,
    level: str | None = None,
    granule: Amount | None = None,
    mechanism: str = PLAIN,
    stride: Amount | None = None,
    in_flight: Amount | None = None,
    unroll: Amount | None = None,
    stages: Amount | None = None,
    blocks: Amount | None = None,
    cluster_size: Amount | None = None,
    dims: Amount | None = None,
    count: Amount | None = None,
    src_sm: Amount | None = None,
    dst_sm: Amount | None = None,
    sms: Amount | None = None,
    unit: Literal["s", "cycle"] = "s",
    extrapolate: Extrapolate = "refuse",
) -> Prediction:
    """Time that the GPU takes to touch `bytes` bytes of memory.

    One after the other, in one thread or warp: `chase` makes bytes / granule dependent accesses;
    `chase_power_of_two` and `chase_odd` the same at such strides (`granule`), which could fall on one set;
    `strided_chase` dependent loads of a warp of 32 lanes of `granule` bytes, `stride` bytes apart; `atomic_chase`
    atomics, `count` lanes on one word; `round_trip` a copy or signal and its answer.
    With the whole GPU: `read`, `write`, `copy`, `scale`, `triad` stream `bytes` bytes (read and written together),
    and take the larger of one access's latency and bytes over bandwidth (Little's law); `reduce` and `multicast` by
    bulk copies; `pair`, `ring`, `all_to_one`, `broadcast`, `all_to_all` and `random` read the shared memory of
    other blocks of a cluster (level=dsm), or write it by `store`, `st_async` or `bulk`; `strided` loads by all warps
    of `sms` multiprocessors (by default all); `atomic_all` and `atomic_warp` do atomics on `count` words, of all warps
    or of each.

    level: where the data lie. l1, l2, dram: instead of working_set, one that is typical of it; l2_near, l2_far:
    that partition; dsm, shared, constant, readonly, texture, host. working_set: bytes that the accesses range over;
    `bytes` where neither is given. granule: bytes of an access, or of a box. mechanism: what moves them: `plain`
    loads and stores, `cp_async`, `bulk`, `tensor`, `atom.add.u32`; the model lists them all. in_flight: bytes that
    each SM has under way; unroll: loads of them per thread. stages, blocks: boxes under way per block, and blocks
    per SM. Such arguments, where they are left out, are those of the best measured cell. unit: seconds at the SM
    clock of the run, or, of accesses one after the other, SM cycles.

    Raises UsageError for an unknown word, an argument that does not belong, or a contradiction; OutOfDomain outside
    the measured box; ModelError where `sms` is needed and the model does not know how many there are.
    """
    function = model.function("memory_time")
    level = None if level == "global" else level
    typical = level in GLOBAL_LEVELS and function.has(pattern=pattern, level="global", mechanism=mechanism)
    if typical and working_set is not None:
        raise UsageError(f"memory_time: give level={level} or working_set=, not both")
    law = _law(function, pattern, level, mechanism, in_flight)
    asked = {
        "working_set": working_set, "granule": granule, "stride": stride, "in_flight": in_flight, "unroll": unroll,
        "stages": stages, "blocks": blocks, "cluster_size": cluster_size, "dims": dims, "count": count,
    }  # fmt: skip
    given = {name: value for name, value in asked.items() if value is not None}
    if "working_set" in law.axes and working_set is None:
        given["working_set"] = _working_set(law, bytes, level)
    if sms is not None and law.unit != "cycle/B":
        raise UsageError(f"memory_time: {said(law)} is of the whole GPU: leave out sms")
    if src_sm is not None or dst_sm is not None:
        return _between(law, bytes, src_sm, dst_sm, given, unit)
    at = coordinates(law, given)
    apart = _apart(law, given, extrapolate)
    if law.unit == "cycle":
        count = _accesses(law, bytes, at.get("granule"))
        return _access(law, at, unit, extrapolate).times(count, unit=unit).widened(apart)
    if unit != "s":
        raise UsageError(f"memory_time: unit=cycle belongs to accesses one after the other; {said(law)} takes seconds")
    if law.unit == "cycle/B":
        per_second = float(law.parameters["clock_hz"]) * _multiprocessors(model, sms)
        return law.total("bytes", bytes, extrapolate, **at).times(1 / per_second, unit="s").widened(apart)
    stream = law.total("bytes", bytes, extrapolate, least=at.get("working_set", 0.0), **at)
    if "blocks" in law.parameters:
        stream = stream.times(1 / resident(law, at["cluster_size"]), unit="s")
    return _at_least_one_access(function, law, stream, at)


def _between(
    law: Law,
    bytes: Amount,
    src: Amount | None,
    dst: Amount | None,
    given: dict[str, Amount],
    unit: Literal["s", "cycle"],
) -> Prediction:
    """Loads from one SM to another; which two they are is all that matters."""
    if src is None or dst is None or (law.keys["pattern"], law.keys["level"]) != ("chase", "dsm"):
        raise UsageError("memory_time: src_sm and dst_sm belong together, and to pattern=chase with level=dsm")
    if given:
        raise UsageError(f"memory_time: a pair of SMs says it all: leave out {', '.join(given)}")
    cycles = pair_latency(law, src, dst)
    one = cycles if unit == "cycle" else cycles.times(1 / float(law.parameters["clock_hz"]), unit="s")
    return one.times(_accesses(law, bytes, None), unit=unit)


def _apart(law: Law, given: dict[str, Amount], extrapolate: Extrapolate) -> Amount:
    """What the interval grows by where lanes are further apart than they were measured: passes alone do not say it."""
    if "stride" not in law.free or "stride" not in given:
        return 0.0
    nearest = law.free["stride"][0] or 1.0
    return law.outside("stride", np.maximum(given["stride"], nearest), extrapolate)


def _accesses(law: Law, bytes: Amount, granule: Amount | None) -> Amount:
    """How many accesses move so many bytes; those of a warp move its lanes' bytes together."""
    step = law.parameters["granule"] if granule is None else granule
    each = np.asarray(step, dtype=float) * float(law.parameters.get("lanes", 1))
    count = np.asarray(bytes, dtype=float) / each
    if np.any(np.isinf(count)):
        raise OutOfDomain("bytes=inf is not a number of bytes")
    if not np.all(count >= 1):
        raise OutOfDomain(f"bytes={np.min(bytes):g} is less than one access of {np.max(each):g} bytes")
    return count


def _access(law: Law, at: dict[str, Amount], unit: Literal["s", "cycle"], extrapolate: Extrapolate) -> Prediction:
    """One dependent access. The laws are in cycles, which repeat from run to run where clocks do not."""
    cycles = law.at(extrapolate, **at)
    return cycles if unit == "cycle" else cycles.times(1 / float(law.parameters["clock_hz"]), unit="s")


def _at_least_one_access(function: Function, law: Law, stream: Prediction, at: dict[str, Amount]) -> Prediction:
    """No stream is faster than one access to where its data lie, by what moves them, where that was measured."""
    place, mechanism = str(law.keys["level"]), str(law.keys["mechanism"]).partition("/")[0]
    own = {"pattern": "chase", "level": place, "mechanism": mechanism}
    if mechanism != PLAIN and function.has(**own):
        one = function.law(**own)
        nearest = {axis: _within(one, axis, at[axis]) for axis in one.axes if axis in at}
        if len(nearest) == len(one.axes):
            with contextlib.suppress(OutOfDomain):  # between its cells; what plain loads take is known there
                return stream.at_least(_access(one, nearest, "s", "refuse"))
    of = "global" if place in GLOBAL_LEVELS else place
    if of not in ("global", "dsm", "shared") or not function.has(pattern="chase", level=of, mechanism=PLAIN):
        return stream
    ladder = function.law(pattern="chase", level=of, mechanism=PLAIN)
    if of == "dsm":
        return stream.at_least(_access(ladder, {"cluster_size": at["cluster_size"]}, "s", "flag"))
    if "working_set" not in at and place not in ladder.parameters["levels"]:
        return stream
    size = at["working_set"] if "working_set" in at else ladder.parameters["levels"][place][0]
    # Beyond the ladder an access costs what it costs at its end: no stream of that size is bound by it.
    end = _within(ladder, "working_set", size)
    return stream.at_least(_access(ladder, {"granule": ladder.parameters["granule"], "working_set": end}, "s", "flag"))


def _within(law: Law, axis: str, value: Amount) -> Amount:
    points = law.points[:, law.axes.index(axis)]
    return np.clip(value, points.min(), points.max())


def _law(function: Function, pattern: str, level: str | None, mechanism: str, in_flight: Amount | None) -> Law:
    known = [*GLOBAL_LEVELS, *(str(law.keys["level"]) for law in function.laws)]
    if level is not None and level not in known:
        raise UsageError(f"memory_time: level={level} is not in this model{nearest(level, set(known))}")
    place = level or "global"
    if level in GLOBAL_LEVELS:
        own = function.has(pattern=pattern, level=level, mechanism=mechanism)
        ladder = function.has(pattern=pattern, level="global", mechanism=mechanism)
        # What has a probe of its own there, and not only a footprint that is typical of the level.
        if not own or (ladder and level != "l1" and in_flight is None):
            place = "global"
    if function.has(pattern=pattern, level=place, mechanism=mechanism):
        return function.law(pattern=pattern, level=place, mechanism=mechanism)
    raise UsageError(_missing(function, pattern, level, mechanism))


def _missing(function: Function, pattern: str, level: str | None, mechanism: str) -> str:
    """Which of the words is not in the model, or with what the pattern was measured."""
    patterns = {str(law.keys["pattern"]) for law in function.laws}
    if pattern not in patterns:
        return f"memory_time: pattern={pattern} is not in this model{nearest(pattern, patterns)}"
    of_pattern = [law for law in function.laws if law.keys["pattern"] == pattern]
    mechanisms = {str(law.keys["mechanism"]) for law in of_pattern}
    if mechanism not in mechanisms:
        hint = nearest(mechanism, mechanisms)
        return f"memory_time: pattern={pattern} was not measured with mechanism={mechanism}{hint}"
    there = {str(law.keys["level"]) for law in of_pattern if law.keys["mechanism"] == mechanism}
    listed = ", ".join(f"level={one}" if one != "global" else "working_set=BYTES" for one in sorted(there))
    asked = f"level={level}" if level else "no level"
    return f"memory_time: pattern={pattern}, mechanism={mechanism} was not measured with {asked}: give {listed}"


def _working_set(law: Law, bytes: Amount, level: str | None) -> Amount:
    if level is None:
        return bytes
    typical = law.parameters.get("levels", {})
    if level not in typical:
        pattern = law.keys["pattern"]
        raise UsageError(f"memory_time: {level} was not told apart for {pattern}: give working_set=BYTES")
    smallest, largest = typical[level]
    return np.clip(bytes, smallest, largest)


def _multiprocessors(model: Artifact, sms: Amount | None) -> Amount:
    there = (model.facts.identity.get("gpu") or {}).get("multiprocessors")
    if sms is None:
        if not there:
            raise ModelError("memory_time: the model does not say how many multiprocessors the GPU has: give sms=")
        return float(there)
    wanted = np.asarray(sms, dtype=float)
    if not np.all((wanted >= 1) & (wanted <= (there or np.inf)) & (wanted == np.round(wanted))):
        raise OutOfDomain(f"sms={np.max(wanted):g}: the GPU has {there or 'an unknown number of'} multiprocessors")
    return wanted
