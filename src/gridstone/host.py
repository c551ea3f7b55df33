"""Identity of the host, read from /proc and /sys; a fact that cannot be read is None, never an error."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path("/")
_CONTAINERS = ("docker", "podman", "libpod", "kubepods", "containerd", "lxc")
_SCALE = {"K": 2**10, "M": 2**20, "G": 2**30}


def identity(root: Path = ROOT) -> dict[str, object]:
    """What run.json says of the host, sizes in bytes, null where unknown. root: what holds /proc and /sys."""
    cpu = _fields(root / "proc/cpuinfo")
    return {
        "hostname": platform.node() or None,
        "cpu_model": cpu.get("model name") or cpu.get("Model") or platform.machine() or None,
        "architecture": platform.machine() or None,
        "sockets": _sockets(root),
        "cores_usable": usable_cores(root),
        "cores_online": os.cpu_count(),
        "cpu_quota": _quota(root),
        "smt": _flag(_text(root / "sys/devices/system/cpu/smt/active")),
        "caches": _caches(root),
        "numa_nodes": _numa(root),
        "memory_bytes": total_memory(root) or None,
        "memory_limit_bytes": _memory_limit(root),
        "kernel": platform.release() or None,
        "os": _os_name(root),
        "container": _container(root),
        "hypervisor": _hypervisor(root, cpu),
        "governor": _text(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "transparent_huge_pages": _chosen(_text(root / "sys/kernel/mm/transparent_hugepage/enabled")),
        "clocksource": _text(root / "sys/devices/system/clocksource/clocksource0/current_clocksource"),
        "load_average": _load(root),
        "python": platform.python_version(),
        "python_executable": sys.executable or None,
    }


def usable_cores(root: Path = ROOT) -> int:
    """CPUs that this process may run on at once: its affinity, within the CPU quota of its control group."""
    try:
        allowed = len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        allowed = os.cpu_count() or 1
    quota = _quota(root)
    return allowed if quota is None else max(1, min(allowed, int(quota)))


def total_memory(root: Path = ROOT) -> int:
    """Bytes of memory this process may use, 0 where unknown.

    On virtual machines that are handed memory as they use it, this grows while they run.
    """
    kib = _number(_fields(root / "proc/meminfo").get("MemTotal", "").removesuffix("kB"))
    limit = _memory_limit(root)
    known = [v for v in (None if kib is None else kib * 1024, limit) if v is not None]
    return min(known) if known else 0


def _sockets(root: Path) -> int | None:
    packages = root.glob("sys/devices/system/cpu/cpu[0-9]*/topology/physical_package_id")
    return len({text for p in _listed(packages) if (text := _text(p))}) or None


def _caches(root: Path) -> list[dict[str, object]] | None:
    """The caches of the first CPU: level, type, bytes, and the CPUs that share it."""
    found: list[dict[str, object]] = []
    for folder in _listed(root.glob("sys/devices/system/cpu/cpu0/cache/index[0-9]*")):
        size = _size(_text(folder / "size"))
        if size is not None:
            found.append(
                {
                    "level": _number(_text(folder / "level")),
                    "type": _text(folder / "type"),
                    "bytes": size,
                    "shared_by": _text(folder / "shared_cpu_list"),
                }
            )
    return found or None


def _numa(root: Path) -> list[dict[str, object]] | None:
    """Memory nodes with their CPUs and bytes of memory."""
    found: list[dict[str, object]] = []
    for folder in _listed(root.glob("sys/devices/system/node/node[0-9]*")):
        total = next((v for k, v in _fields(folder / "meminfo").items() if k.endswith("MemTotal")), "")
        kib = _number(total.removesuffix("kB"))
        found.append(
            {
                "node": _number(folder.name.removeprefix("node")),
                "cpus": _text(folder / "cpulist"),
                "memory_bytes": None if kib is None else kib * 1024,
            }
        )
    return found or None


def _quota(root: Path) -> float | None:
    """CPUs that the control groups above this process grant, the tightest of them; None without a quota."""
    found = []
    for folder in _groups(root, "cpu"):
        words = (_text(folder / "cpu.max") or "").split()
        if len(words) != 2:
            words = [_text(folder / f"cpu.cfs_{name}_us") or "" for name in ("quota", "period")]
        quota, period = _number(words[0]), _number(words[1])
        if quota is not None and period and quota > 0:
            found.append(quota / period)
    return min(found, default=None)


def _memory_limit(root: Path) -> int | None:
    """Bytes that the control groups above this process grant; None without a limit."""
    names = ("memory.max", "memory.limit_in_bytes")
    texts = [_text(folder / name) for folder in _groups(root, "memory") for name in names]
    limits = [v for text in texts if (v := _number(text)) is not None and 0 < v < 2**60]
    return min(limits, default=None)


def _groups(root: Path, controller: str) -> list[Path]:
    """Folders of the control groups that this process is in, outermost first, for versions 1 and 2."""
    folders: list[Path] = []
    for line in (_text(root / "proc/self/cgroup") or "").splitlines():
        parts = line.split(":", 2)
        if len(parts) != 3 or not (parts[1] == "" or controller in parts[1].split(",")):
            continue
        top = root / "sys/fs/cgroup" / parts[1]
        steps = [s for s in parts[2].split("/") if s not in ("", "..")]
        folders.extend(top.joinpath(*steps[:depth]) for depth in range(len(steps) + 1))
    return folders


def _container(root: Path) -> str | None:
    """The kind of container this process is in: `docker`, `podman`, `kubernetes`, `lxc`; None outside one."""
    if _exists(root / "var/run/secrets/kubernetes.io") or "KUBERNETES_SERVICE_HOST" in os.environ:
        return "kubernetes"
    if _exists(root / "run/.containerenv"):
        return "podman"
    if _exists(root / ".dockerenv"):
        return "docker"
    groups = _text(root / "proc/1/cgroup") or ""
    named = next((name for name in _CONTAINERS if name in groups), None)
    return _text(root / "run/systemd/container") or named


def _hypervisor(root: Path, cpu: dict[str, str]) -> str | None:
    """Who runs this machine where it is virtual: a product name or `unknown`; None on bare metal."""
    if "gVisor" in (_text(root / "proc/version") or "") or "gvisor" in platform.release().lower():
        return "gVisor"
    if "firecracker" in (_text(root / "proc/cmdline") or "").lower() or _firecracker_tables(root):
        return "Firecracker"
    if "hypervisor" not in cpu.get("flags", "").split():
        return _text(root / "sys/hypervisor/type")
    dmi = root / "sys/class/dmi/id"
    names = [_text(dmi / name) for name in ("sys_vendor", "product_name")]
    return " ".join(filter(None, names)) or _text(root / "sys/hypervisor/type") or "unknown"


def _firecracker_tables(root: Path) -> bool:
    """Whether the ACPI tables bear Firecracker's vendor id (they are readable by root only)."""
    try:
        return (root / "sys/firmware/acpi/tables/DSDT").read_bytes()[10:16] == b"FIRECK"
    except OSError:
        return False


def _os_name(root: Path) -> str | None:
    for line in (_text(root / "etc/os-release") or "").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip('"') or None
    return None


def _load(root: Path) -> list[float] | None:
    """Runnable processes averaged over 1, 5 and 15 minutes."""
    try:
        return [float(word) for word in (_text(root / "proc/loadavg") or "").split()[:3]] or None
    except ValueError:
        return None


def _chosen(text: str | None) -> str | None:
    """The word in brackets of a kernel setting such as `always [madvise] never`."""
    return next((w.strip("[]") for w in (text or "").split() if w.startswith("[")), None)


def _fields(path: Path) -> dict[str, str]:
    """`name: value` lines, the first of each name."""
    found: dict[str, str] = {}
    for line in (_text(path) or "").splitlines():
        name, colon, value = line.partition(":")
        if colon:
            found.setdefault(name.strip(), value.strip())
    return found


def _size(text: str | None) -> int | None:
    """Bytes of a cache size such as `32K`."""
    if not text:
        return None
    number = _number(text.rstrip("KMG"))
    return None if number is None else number * _SCALE.get(text[-1], 1)


def _flag(text: str | None) -> bool | None:
    return {"0": False, "1": True}.get(text or "")


def _number(text: str | None) -> int | None:
    try:
        return int(text) if text else None
    except ValueError:
        return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\x00\n\t ") or None
    except (OSError, ValueError):
        return None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _listed(paths: Iterable[Path]) -> list[Path]:
    """The paths of a glob, shorter ones first, so that node10 follows node9."""
    try:
        return sorted(paths, key=lambda p: (len(str(p)), str(p)))
    except OSError:
        return []
