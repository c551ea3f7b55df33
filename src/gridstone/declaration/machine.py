"""The facts about a machine that declarations decide on: what may run, and what its limit is."""

from __future__ import annotations

from dataclasses import dataclass

from gridstone.declaration.fabric import Link


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One GPU as its driver describes it. Sizes in bytes, clocks in Hz."""

    name: str
    uuid: str
    compute_capability: tuple[int, int]
    memory: int
    multiprocessors: int
    sm_hz_max: float
    mem_hz_max: float
    bus_bits: int
    l2: int
    pcie_gen: int
    pcie_width: int

    @property
    def arch(self) -> str:
        """The compile target: `sm_90a` where the chip has instructions of its own kind only, else `sm_89`."""
        major, minor = self.compute_capability
        return f"sm_{major}{minor}{'a' if major >= 9 else ''}"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The host, and the GPU that is measured (None without one, with the reason in `no_gpu`).

    uuids: all visible GPUs in their order, for cells that take several of them; links: the ways between these.
    """

    host: str
    cpu: str
    cores: int
    memory: int
    gpu: Gpu | None = None
    gpus: int = 0
    no_gpu: str = ""
    packages: tuple[str, ...] = ()
    uuids: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
