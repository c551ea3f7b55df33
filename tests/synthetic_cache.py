"""Plausible truths for the cells of bench/cache*.py and bench/contention*.py: caches of known sizes, hit or missed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gridstone.declaration import Metric, Probe
from gridstone.plan.catalogue import load_probes

KIB, MIB = 2**10, 2**20
L1 = {0: 248 * KIB, 50: 124 * KIB, 100: 28 * KIB}
LINE, SECTOR, FETCH = 128, 32, 64
CONSTANT, CONSTANT_LINE, CONSTANT_WAYS = 2 * KIB, 64, 4
L2, NEAR, PERSISTING, INTERLEAVE = 60 * MIB, 29 * MIB, 37 * MIB, 4096
TLB = {32 * MIB: 270.0, 4096 * MIB: 340.0}
LAST_TLB = 620.0
SET = 4


def cells(family: str) -> Iterator[tuple[Probe, dict[str, Any], Metric, float]]:
    """Every cell and metric of the standard profile of a family, with its true value."""
    for probe in (p for p in load_probes() if p.family == family):
        for axes in probe.points("standard"):
            for metric in probe.metrics:
                yield probe, axes, metric, truth(probe.name, metric.name, axes)


def truth(probe: str, metric: str, axes: dict[str, Any]) -> float:
    """What a machine of these sizes would give."""
    return float(_TRUTHS.get(probe, _any)(metric, axes))


def _any(metric: str, axes: dict[str, Any]) -> float:
    return 30.0 + sum(v for v in axes.values() if isinstance(v, int)) ** 0.5


def _missed(held: float, wanted: float, hit: float = 32.0, miss: float = 276.0) -> float:
    """Latency where `held` of `wanted` fit and what does not fit is met again after it was replaced."""
    return hit + (miss - hit) * min(1.0, max(0.0, 4 * (wanted / held - 1)))


def _l1_capacity(_: str, axes: dict[str, Any]) -> float:
    return _missed(L1[axes["carveout"]], axes["footprint"])


def _l1_line(_: str, axes: dict[str, Any]) -> float:
    return _missed(L1[100], axes["count"] * min(axes["stride"], LINE))


def _l1_ways(_: str, axes: dict[str, Any]) -> float:
    return _missed(max(SET, L1[0] // axes["stride"]), axes["count"])


def _brought(size: int) -> Any:
    return lambda metric, axes: 240.0 if metric == "latency_first" or axes["offset"] >= size else 0.4


def _constant(_: str, axes: dict[str, Any]) -> float:
    """Each set keeps the lines that it saw last: of a walk round and round, more than its ways all miss."""
    sets = CONSTANT // CONSTANT_LINE // CONSTANT_WAYS
    lines = axes["footprint"] // CONSTANT_LINE
    held = [len(range(one, lines, sets)) for one in range(sets)]
    return 28.0 + 66.0 * sum(n for n in held if n > CONSTANT_WAYS) / lines


def _l2_capacity(metric: str, axes: dict[str, Any]) -> float:
    """One SM finds what fits the half near it; what all SMs read is gone, bit by bit, at the size of the whole."""
    if axes["pattern"] == "one":
        return max(0.0, 1.0 - 6 * max(0.0, axes["footprint"] / NEAR - 1))
    share = min(1.0, max(0.0, 2.5 * (1 - axes["footprint"] / (1.02 * L2))))
    return share * (1.0 if metric == "hit_share" else 0.6)


def _persistence(_: str, axes: dict[str, Any]) -> float:
    return 0.99 if axes["form"] == "persisting" and axes["footprint"] <= PERSISTING else 0.03


def _interleave(metric: str, axes: dict[str, Any]) -> float:
    return 0.97 if metric == "same_share" and axes["offset"] < INTERLEAVE else 0.06


def _slices(metric: str, _: dict[str, Any]) -> float:
    return {"groups": 44.0, "alike_share": 0.022, "alike_share_by_chance": 0.0004}[metric]


def _tlb(_: str, axes: dict[str, Any]) -> float:
    reached = axes["count"] * axes["stride"]
    return next((level for reach, level in TLB.items() if reached <= reach), LAST_TLB)


def _reported(metric: str, _: dict[str, Any]) -> float:
    return {"l2_size": L2, "shared_size": 228 * KIB, "persisting_size": PERSISTING, "constant_size": 64 * KIB}.get(
        metric, 128 * MIB
    )


_TRUTHS = {
    "cache/l1_capacity": _l1_capacity,
    "cache/l1_line": _l1_line,
    "cache/l1_ways": _l1_ways,
    "cache/l1_sector": _brought(SECTOR),
    "cache/l2_sector": _brought(FETCH),
    "cache/constant_capacity": _constant,
    "cache/constant_line": _brought(CONSTANT_LINE),
    "cache/l2_capacity": _l2_capacity,
    "cache/persistence": _persistence,
    "cache/l2_interleave": _interleave,
    "cache/l2_slices": _slices,
    "cache/tlb": _tlb,
    "cache/reported": _reported,
}
