"""Network adapters of this host, and the memory nodes that devices hang on, read from /sys.

A tree of files is enough to test it. A fact that cannot be read is None, never an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path("/")


def nics(root: Path = ROOT) -> list[dict[str, Any]]:
    """Ports of InfiniBand and RoCE adapters, then other interfaces with a device: name, kind, state, B/s one way, and
    memory node."""
    found: list[dict[str, Any]] = []
    carried = set()
    for port in _listed(root / "sys/class/infiniband", "*/ports/*"):
        adapter = port.parent.parent
        rate = (_text(port / "rate") or "").split()
        carried |= {path.name for path in _listed(adapter / "device/net", "*")}
        found.append(
            {
                "name": f"{adapter.name}:{port.name}",
                "kind": _text(port / "link_layer") or "InfiniBand",
                "state": (_text(port / "state") or "").partition(": ")[2].lower() or None,
                "bandwidth": float(rate[0]) * 1e9 / 8 if rate and _is_number(rate[0]) else None,
                "numa_node": memory_node(adapter / "device"),
            }
        )
    for interface in _listed(root / "sys/class/net", "*"):
        if interface.name in carried or not (interface / "device").exists():
            continue
        speed = _text(interface / "speed")
        known = speed is not None and _is_number(speed) and float(speed) > 0
        found.append(
            {
                "name": interface.name,
                "kind": "Ethernet",
                "state": _text(interface / "operstate"),
                "bandwidth": float(speed) * 1e6 / 8 if known and speed is not None else None,
                "numa_node": memory_node(interface / "device"),
            }
        )
    return found


def is_up(adapter: Mapping[str, Any]) -> bool:
    """Whether an adapter of `nics` has a link."""
    return adapter["state"] in ("active", "up")


def memory_node(device: Path) -> int | None:
    """The memory node that a device of /sys hangs on."""
    text = _text(device / "numa_node")
    return int(text) if text and text.isdigit() else None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip() or None
    except OSError:
        return None


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).replace("-", "", 1).isdigit()


def _listed(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []
