"""How one GPU of a host reaches another: over which kind of link, and how fast that is at most."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

TIERS = ("gpu", "nvlink", "pcie", "node", "network")  # nearest first


@dataclass(frozen=True, kw_only=True)
class Link:
    """The way from one GPU to another, by their places among the visible GPUs.

    tier: `nvlink`, `pcie` (within one host bridge), or `node` (through the CPUs). path: what the PCIe tree says (`PIX`,
    `PXB`, `PHB`, `NODE`, `SYS`). count: NVLinks in use. bandwidth: B/s one way at most, 0 where unknown. source: where
    that comes from. total: B/s one way of everything that `src` may use at once while it sends to several GPUs on this
    tier, 0 where unknown: behind a switch its ways to all of them are the same links.
    """

    src: int
    dst: int
    tier: str
    path: str = ""
    count: int = 0
    bandwidth: float = 0.0
    source: str = ""
    total: float = 0.0


def joining(links: Iterable[Link], gpus: int) -> str | None:
    """The tier that joins the first `gpus` GPUs: the farthest between any two of them; None where a link is unknown."""
    tiers = {(one.src, one.dst): one.tier for one in links}
    pairs = [(a, b) for a in range(gpus) for b in range(gpus) if a != b]
    if not pairs or any(pair not in tiers for pair in pairs):
        return None
    return max((tiers[pair] for pair in pairs), key=TIERS.index)
