"""Ceilings: the physical or architectural most that a cell can give, and where that number comes from."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gridstone.declaration.axis import Value
from gridstone.declaration.machine import Machine
from gridstone.declaration.sample import Samples


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A ceiling in the unit of its metric, and the formula or source it comes from."""

    value: float
    kind: str


LimitOf = Callable[[Machine, Mapping[str, Value], Samples], Limit | None]

# Data bytes per lane and second after line coding, by PCIe generation (PCI Express Base Specification).
_PCIE_LANE = {1: 0.25e9, 2: 0.5e9, 3: 8e9 * 128 / 130 / 8, 4: 16e9 * 128 / 130 / 8, 5: 32e9 * 128 / 130 / 8}
_PCIE_LANE[6] = 64e9 * 242 / 256 / 8


def pcie_bandwidth(generation: int, width: int) -> float:
    """B/s one way after line coding, before packet headers; 0 for a generation that is not known."""
    return _PCIE_LANE.get(generation, 0.0) * width


def dram(machine: Machine, _axes: Mapping[str, Value], _samples: Samples) -> Limit | None:
    """DRAM bandwidth in B/s: maximum memory clock x bus width x 2 transfers per clock."""
    if machine.gpu is None or not machine.gpu.bus_bits:
        return None
    peak = machine.gpu.mem_hz_max * machine.gpu.bus_bits / 8 * 2
    return Limit(value=peak, kind="memory clock x bus width x 2")


def pcie(machine: Machine, _axes: Mapping[str, Value], _samples: Samples) -> Limit | None:
    """PCIe bandwidth one way in B/s after line coding, before packet headers, at the link's largest width."""
    if machine.gpu is None or machine.gpu.pcie_gen not in _PCIE_LANE:
        return None
    gen, width = machine.gpu.pcie_gen, machine.gpu.pcie_width
    return Limit(value=pcie_bandwidth(gen, width), kind=f"PCIe {gen} x{width} after line coding")


def peer_link(machine: Machine, axes: Mapping[str, Value], _samples: Samples) -> Limit | None:
    """Bandwidth in B/s one way from the GPU of axis `src` to that of axis `dst`: NVLinks times their rate, or PCIe."""
    found = next((one for one in machine.links if (one.src, one.dst) == (axes["src"], axes["dst"])), None)
    return Limit(value=found.bandwidth, kind=found.source) if found and found.bandwidth else None


def own_links(machine: Machine, gpus: int) -> tuple[Limit, ...]:
    """B/s that each of the first `gpus` GPUs can send to the others at once, and get from them; () where unknown.

    Over these links goes whatever it sends or gets, by whatever route: its ways to the others added up, and no more
    than all that it has, since behind a switch those ways are the same links.
    """
    found = []
    for place in range(gpus):
        ways = [one for one in machine.links if one.src == place and one.dst < gpus]
        if len(ways) < gpus - 1 or not all(one.bandwidth and one.total for one in ways):
            return ()
        value = min(sum(one.bandwidth for one in ways), max(one.total for one in ways))
        one_way = next((one.source for one in ways if one.bandwidth == value), None)
        found.append(Limit(value=value, kind=one_way or f"all links of GPU {place} to the others"))
    return tuple(found)


def per_sm_clock(amount: float, source: str) -> LimitOf:
    """`amount` per SM and clock on every SM, at the SM clock of the samples: in units of work per second."""

    def limit(machine: Machine, _axes: Mapping[str, Value], samples: Samples) -> Limit | None:
        hz = [v for v in samples.sm_hz.tolist() if math.isfinite(v)]
        if machine.gpu is None or not hz:
            return None
        value = amount * machine.gpu.multiprocessors * statistics.median(hz)
        return Limit(value=value, kind=f"{amount:g} per clock and SM at the measured clock ({source})")

    return limit


def constant(value: float, kind: str) -> LimitOf:
    """A ceiling that does not depend on the machine's clocks."""
    return lambda _machine, _axes, _samples: Limit(value=value, kind=kind)
