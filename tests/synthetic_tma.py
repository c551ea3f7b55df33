"""Plausible truths for the cells of bench/tma.py: Little's law, latencies that add up, a peak that stands."""

from __future__ import annotations

from typing import Any

from synthetic import DRAM_PEAK, SMS, Cells, Truth

from gridstone import content
from gridstone.declaration import Probe

_CLOCK = SMS * 1.965e9
_KIND = "memory clock x bus width x 2"
_PLAIN = {"l2": 264.0, "dram": 655.0}
_PEAK = {"l2": 42.0, "dram": 0.952 * DRAM_PEAK / _CLOCK}  # bytes per SM and clock
_OVER_PLAIN = {"plain": 0.0, "staged": 52.0, "cp_async": 60.0, "bulk": 175.0, "tensor": 190.0, "prefetched": 175.0}
_SHARE = {"load": 1.0, "store": 0.95, "reduce": 0.5, "multicast": 0.97}
_ROUND = {"mbarrier": 33, "prefetch": 40, "store_read": 180, "store_done": 620, "reduce_read": 185, "reduce_done": 690}


def tma_cells() -> Cells:
    """Every cell of the standard profile of the family."""
    module = content.load_module(content.folder("bench") / "tma.py")
    for probe in (p for p in vars(module).values() if isinstance(p, Probe)):
        for axes in probe.points("standard"):
            yield probe.name, axes, _TRUTHS[probe.name](axes)


def _latency(axes: dict[str, Any]) -> list[Truth]:
    tier = "l2" if axes["method"] == "prefetched" else axes["tier"]
    size = max(0, axes["bytes"] - 128) / 45
    dims = 6.0 * axes["dims"] if axes["method"] == "tensor" else 0.0
    return [_cycles(_PLAIN[tier] + _OVER_PLAIN[axes["method"]] + size + dims, "hop")]


def _round(axes: dict[str, Any]) -> list[Truth]:
    return [_cycles(_ROUND[axes["function"]] + axes["bytes"] / 60, "round")]


def _throughput(axes: dict[str, Any]) -> list[Truth]:
    rate = _flown(axes["tier"], axes["bytes"] * axes["stages"] * axes["blocks"], 200.0)
    return _rates(rate * _SHARE[axes["pattern"]], axes["tier"])


def _in_flight(axes: dict[str, Any]) -> list[Truth]:
    return _rates(_flown(axes["tier"], axes["in_flight"], _OVER_PLAIN[axes["method"]]), axes["tier"])


def _copy(axes: dict[str, Any]) -> list[Truth]:
    share = 0.901 if axes["form"] == "evict_first" else 0.894
    return _rates(share * DRAM_PEAK / _CLOCK, "dram")[:1]


def _flown(tier: str, in_flight: int, overhead: float) -> float:
    latency = _PLAIN[tier] + overhead
    return float(((in_flight / latency) ** -3 + _PEAK[tier] ** -3) ** (-1 / 3))


def _cycles(value: float, per: str) -> Truth:
    return Truth(metric="latency", unit=f"cycle/{per}", better="lower", value=value)


def _rates(per_clock: float, tier: str) -> list[Truth]:
    limit, kind = (DRAM_PEAK, _KIND) if tier == "dram" else (None, None)
    whole = Truth(
        metric="bandwidth", unit="B/s", better="higher", value=per_clock * _CLOCK, limit=limit, limit_kind=kind
    )
    return [whole, Truth(metric="bandwidth_sm", unit="B/cycle", better="higher", value=per_clock)]


_TRUTHS = {
    "tma/latency": _latency,
    "tma/round": _round,
    "tma/throughput": _throughput,
    "tma/copy": _copy,
    "tma/in_flight": _in_flight,
}
