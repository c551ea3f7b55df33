"""What lies around the GPUs of this host: the links between them, network adapters and memory nodes.

Read from /sys, and from NVML through the handles that are passed in, so that a tree of files and a stand-in for NVML
are enough to test it. A fact that cannot be read is None, never an error.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from gridstone.adapters import ROOT, is_up, memory_node
from gridstone.declaration import TIERS, Link, joining, pcie_bandwidth

# Names by which nvidia-smi topo -m calls the levels of nvmlGpuTopologyLevel_t, and the tier of a copy across them.
_LEVELS = {0: "PIX", 10: "PIX", 20: "PXB", 30: "PHB", 40: "NODE", 50: "SYS"}
_THROUGH_CPUS = ("NODE", "SYS")
_NVLINK_SPEED = 164  # NVML_FI_DEV_NVLINK_GET_SPEED, MB/s one way of the link that the scope names
_NVLINK_SPEED_COMMON = 90  # NVML_FI_DEV_NVLINK_SPEED_MBPS_COMMON, for GPUs before Hopper
_MOST_NVLINKS = 18
_P2P_NVLINK = 2  # NVML_P2P_CAPS_INDEX_NVLINK
_USUAL = "nvlink"  # where nothing is known
_SWITCH = 2  # NVML_NVLINK_DEVICE_TYPE_SWITCH


def gpu_count(root: Path = ROOT, environment: Mapping[str, str] = os.environ) -> int:
    """How many GPUs a declaration may count on, by the device files and CUDA_VISIBLE_DEVICES, without any driver."""
    try:
        present = sum(path.name[6:].isdigit() for path in (root / "dev").glob("nvidia[0-9]*"))
    except OSError:
        return 0
    listed = environment.get("CUDA_VISIBLE_DEVICES")
    if listed is None:
        return present
    named = [part.strip() for part in listed.split(",")]
    return min(present, sum(1 for part in named[: (named.index("-1") if "-1" in named else None)] if part))


@cache
def joint_tiers() -> tuple[str, ...]:
    """The tiers that join the first two, three and more GPUs, nearest first, for a declaration.

    NVML is asked only where there are several GPUs; `nvlink` where it does not answer.
    """
    if gpu_count() < 2:
        return (_USUAL,)
    try:
        import pynvml

        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(place) for place in range(pynvml.nvmlDeviceGetCount())]
        ways = links(handles, pynvml)
    except Exception:  # a driver that does not answer: the cells say so when their needs are looked at
        return (_USUAL,)
    found = {joining(ways, count) for count in range(2, len(handles) + 1)}
    return tuple(tier for tier in TIERS if tier in found) or (_USUAL,)


def links(handles: Sequence[Any], nvml: Any) -> tuple[Link, ...]:
    """The way from each GPU to each other, in the order of `handles`. nvml: pynvml, or what stands in for it."""
    lines = [_nvlinks(handle, nvml) for handle in handles]
    found = []
    for src, one in enumerate(handles):
        for dst, other in enumerate(handles):
            if src != dst:
                path = _LEVELS.get(_ask(nvml, "nvmlDeviceGetTopologyCommonAncestor", one, other), "")
                found.append(_link(src, dst, path, lines, (one, other), nvml))
    return tuple(found)


def gpu_nodes(handles: Sequence[Any], nvml: Any, root: Path = ROOT) -> list[int | None]:
    """The memory node that each GPU hangs on: /sys/bus/pci knows it, NVML where that is not mounted."""
    found = []
    for handle in handles:
        bus = nvml.nvmlDeviceGetPciInfo(handle).busId
        name = (bus.decode() if isinstance(bus, bytes) else str(bus)).lower()
        domain, _, rest = name.partition(":")
        node = memory_node(root / "sys/bus/pci/devices" / f"{domain[-4:]}:{rest}")
        found.append(_ask(nvml, "nvmlDeviceGetNumaNodeId", handle) if node is None else node)
    return found


def described(
    ways: Sequence[Link], nodes: Sequence[int | None], adapters: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What run.json keeps: the GPUs with their memory nodes, the links, the adapters, and which tiers there are."""
    tiers = sorted({one.tier for one in ways})
    return {
        "gpus": [{"gpu": place, "numa_node": node} for place, node in enumerate(nodes)],
        "links": [
            {
                "src": one.src,
                "dst": one.dst,
                "tier": one.tier,
                "path": one.path,
                "count": one.count,
                "bandwidth": one.bandwidth or None,
                "total": one.total or None,
            }
            for one in ways
        ],
        "nics": [dict(adapter) for adapter in adapters],
        "tiers": [*(["gpu"] if nodes else []), *tiers, *(["network"] if any(is_up(a) for a in adapters) else [])],
        "joined_by": joining(ways, len(nodes)),
    }


def in_words(found: Mapping[str, Any]) -> list[str]:
    """A line per kind of link between GPUs, and one per adapter that is up at a known speed."""
    kinds: dict[str, list[str]] = {}
    for one in found.get("links", ()):
        through = f"{one['count']} NVLinks" if one["tier"] == "nvlink" else f"PCIe ({one['path'] or 'path unknown'})"
        speed = f", {one['bandwidth'] / 1e9:.0f} GB/s one way" if one["bandwidth"] else ""
        if one["src"] < one["dst"]:
            kinds.setdefault(f"{through}{speed}", []).append(f"{one['src']}-{one['dst']}")
    gpus = len(found.get("gpus", ()))
    every = gpus * (gpus - 1) // 2
    lines = [
        f"GPUs {'all pairs' if len(pairs) == every else ', '.join(pairs)}: {kind}" for kind, pairs in kinds.items()
    ]
    for nic in (one for one in found.get("nics", ()) if is_up(one) and one["bandwidth"]):
        node = "" if nic["numa_node"] is None else f", memory node {nic['numa_node']}"
        lines.append(f"{nic['name']}: {nic['kind']}, {nic['bandwidth'] * 8 / 1e9:g} Gbit/s{node}")
    return lines


def _nvlinks(handle: Any, nvml: Any) -> list[tuple[str | None, float]]:
    """Where each active NVLink leads, the other GPU's bus id or None for a switch, and its B/s one way."""
    found = []
    for number in range(_MOST_NVLINKS):
        if _ask(nvml, "nvmlDeviceGetNvLinkState", handle, number) != 1:
            continue
        switch = _ask(nvml, "nvmlDeviceGetNvLinkRemoteDeviceType", handle, number) == _SWITCH
        remote = None if switch else _ask(nvml, "nvmlDeviceGetNvLinkRemotePciInfo", handle, number)
        found.append((None if remote is None else _bus(remote), _nvlink_speed(handle, number, nvml)))
    return found


def _nvlink_speed(handle: Any, number: int, nvml: Any) -> float:
    for field in ((_NVLINK_SPEED, number), _NVLINK_SPEED_COMMON):
        values = _ask(nvml, "nvmlDeviceGetFieldValues", handle, [field])
        if values and values[0].nvmlReturn == 0 and values[0].value.uiVal:
            return float(values[0].value.uiVal) * 1e6
    return 0.0


def _link(src: int, dst: int, path: str, lines: Sequence[Any], pair: tuple[Any, Any], nvml: Any) -> Link:
    """Through switches any GPU reaches any other with all its links; else those count that lead to the other GPU.

    Where NVML gives a switch's bus for the other end of a link, it is the driver's word that peers talk over NVLink.
    """
    there = _bus(nvml.nvmlDeviceGetPciInfo(pair[1]))
    used = [speed for remote, speed in lines[src] if remote in (None, there)]
    back = [speed for remote, speed in lines[dst] if remote in (None, _bus(nvml.nvmlDeviceGetPciInfo(pair[0])))]
    if not used and _ask(nvml, "nvmlDeviceGetP2PStatus", *pair, _P2P_NVLINK) == 0:
        used, back = ([speed for _, speed in lines[place]] for place in (src, dst))
    speeds = [speed for _, speed in lines[src]]
    count, every = min(len(used), len(back)), math.fsum(speeds) if all(speeds) else None
    if count:
        speed = used[0]
        source = f"{count} NVLinks x {speed / 1e9:.5g} GB/s (NVML)" if speed else ""
        return Link(
            src=src,
            dst=dst,
            tier="nvlink",
            path=path,
            count=count,
            bandwidth=count * speed,
            source=source,
            total=every or 0.0,
        )
    ends = [
        (
            _ask(nvml, "nvmlDeviceGetMaxPcieLinkGeneration", handle) or 0,
            _ask(nvml, "nvmlDeviceGetMaxPcieLinkWidth", handle) or 0,
        )
        for handle in pair
    ]
    generation, width = min(ends, key=lambda end: pcie_bandwidth(*end))
    bandwidth, own = pcie_bandwidth(generation, width), pcie_bandwidth(*ends[0])
    tier = "node" if path in _THROUGH_CPUS else "pcie"
    source = f"PCIe {generation} x{width} after line coding" if bandwidth else ""
    total = own + every if own and every is not None else 0.0
    return Link(src=src, dst=dst, tier=tier, path=path, bandwidth=bandwidth, source=source, total=total)


def _bus(info: Any) -> str:
    name = info.busId
    return (name.decode() if isinstance(name, bytes) else str(name)).lower()[-12:]


def _ask(nvml: Any, name: str, *args: Any) -> Any:
    """What NVML answers, None where this GPU, driver or version of its bindings does not know."""
    try:
        return getattr(nvml, name)(*args)
    except (AttributeError, TypeError, nvml.NVMLError):
        return None
