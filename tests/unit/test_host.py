"""Identity of a host, read from made-up /proc and /sys trees."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridstone import host

_FILES = {
    "proc/cpuinfo": "model name\t: Example CPU\nflags\t\t: fpu hypervisor\n\nmodel name\t: Other\n",
    "proc/meminfo": "MemTotal:       16384 kB\nMemFree: 1 kB\n",
    "proc/loadavg": "0.50 0.25 1.00 1/100 4242\n",
    "proc/self/cgroup": "0::/a/b\n",
    "proc/1/cgroup": "0::/\n",
    "sys/class/dmi/id/sys_vendor": "QEMU\n",
    "sys/class/dmi/id/product_name": "Standard PC\n",
    "sys/devices/system/cpu/cpu0/topology/physical_package_id": "0\n",
    "sys/devices/system/cpu/cpu1/topology/physical_package_id": "1\n",
    "sys/devices/system/cpu/cpu0/cache/index0/level": "1\n",
    "sys/devices/system/cpu/cpu0/cache/index0/type": "Data\n",
    "sys/devices/system/cpu/cpu0/cache/index0/size": "48K\n",
    "sys/devices/system/cpu/cpu0/cache/index0/shared_cpu_list": "0\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance\n",
    "sys/devices/system/cpu/smt/active": "1\n",
    "sys/devices/system/node/node0/cpulist": "0-1\n",
    "sys/devices/system/node/node0/meminfo": "Node 0 MemTotal:        8192 kB\nNode 0 MemFree: 1 kB\n",
    "sys/devices/system/node/node10/cpulist": "2-3\n",
    "sys/devices/system/node/node2/cpulist": "4-5\n",
    "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n",
    "etc/os-release": 'NAME="Example"\nPRETTY_NAME="Example Linux 9"\n',
}


def _tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture(autouse=True)
def _outside_kubernetes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)


def test_identity_of_a_known_tree(tmp_path: Path) -> None:
    found = host.identity(_tree(tmp_path, _FILES))
    expected = {
        "cpu_model": "Example CPU",
        "sockets": 2,
        "smt": True,
        "caches": [{"level": 1, "type": "Data", "bytes": 48 << 10, "shared_by": "0"}],
        "memory_bytes": 16 << 20,
        "memory_limit_bytes": None,
        "cpu_quota": None,
        "os": "Example Linux 9",
        "container": None,
        "hypervisor": "QEMU Standard PC",
        "governor": "performance",
        "transparent_huge_pages": "madvise",
        "clocksource": "tsc",
        "load_average": [0.5, 0.25, 1.0],
    }
    assert {key: found[key] for key in expected} == expected
    assert found["numa_nodes"] == [
        {"node": 0, "cpus": "0-1", "memory_bytes": 8 << 20},
        {"node": 2, "cpus": "4-5", "memory_bytes": None},
        {"node": 10, "cpus": "2-3", "memory_bytes": None},
    ]


def test_what_cannot_be_read_is_null(tmp_path: Path) -> None:
    found = host.identity(tmp_path)
    unread = "sockets caches numa_nodes memory_bytes governor smt container hypervisor load_average os cpu_quota"
    assert [found[key] for key in unread.split()] == [None] * len(unread.split())
    assert host.total_memory(tmp_path) == 0
    assert host.usable_cores(tmp_path) == len(os.sched_getaffinity(0))


def test_this_machine_can_be_described() -> None:
    found = host.identity()
    assert found["hostname"] == os.uname().nodename
    assert host.usable_cores() >= 1
    assert host.total_memory() > 0
    assert json.loads(json.dumps(found)) == found


@given(
    st.dictionaries(st.sampled_from(sorted(_FILES)), st.binary(max_size=60)), st.sets(st.sampled_from(sorted(_FILES)))
)
def test_no_content_of_proc_and_sys_raises(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], folders: set[str]
) -> None:
    root = tmp_path_factory.mktemp("root")
    for name in {*files, *folders}:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name in folders:
            path.mkdir()
        else:
            path.write_bytes(files[name])
    json.dumps(host.identity(root))


@pytest.mark.parametrize(
    ("files", "cpus"),
    [
        ({"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/a/cpu.max": "150000 100000"}, 1.5),
        (
            {
                "proc/self/cgroup": "0::/a",
                "sys/fs/cgroup/a/cpu.max": "max 100000",
                "sys/fs/cgroup/cpu.max": "50000 100000",
            },
            0.5,
        ),
        (
            {
                "proc/self/cgroup": "4:cpu,cpuacct:/job",
                "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "300000",
                "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "100000",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
            },
            3.0,
        ),
        ({"proc/self/cgroup": "4:memory:/job", "sys/fs/cgroup/memory/job/cpu.max": "100000 100000"}, None),
    ],
)
def test_the_tightest_quota_above_this_process_counts(
    tmp_path: Path, files: dict[str, str], cpus: float | None
) -> None:
    root = _tree(tmp_path, files)
    assert host.identity(root)["cpu_quota"] == cpus
    allowed = len(os.sched_getaffinity(0))
    assert host.usable_cores(root) == (allowed if cpus is None else max(1, min(allowed, int(cpus))))


def test_memory_is_what_the_control_group_leaves(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/job",
        "sys/fs/cgroup/job/memory.max": "4194304",
        "sys/fs/cgroup/memory.max": "max",
    }
    assert host.total_memory(_tree(tmp_path, {**_FILES, **files})) == 4 << 20


@pytest.mark.parametrize(
    ("file", "text", "kind"),
    [
        (".dockerenv", "", "docker"),
        ("run/.containerenv", "", "podman"),
        ("var/run/secrets/kubernetes.io/token", "", "kubernetes"),
        ("proc/1/cgroup", "12:cpu:/lxc/web\n", "lxc"),
        ("run/systemd/container", "systemd-nspawn\n", "systemd-nspawn"),
    ],
)
def test_kinds_of_containers(tmp_path: Path, file: str, text: str, kind: str) -> None:
    assert host.identity(_tree(tmp_path, {**_FILES, file: text}))["container"] == kind


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"proc/cpuinfo": "flags : fpu\n"}, None),
        ({"proc/cpuinfo": "flags : hypervisor\n"}, "unknown"),
        ({"proc/cmdline": "console=ttyS0 -- --firecracker-init"}, "Firecracker"),
        ({"sys/firmware/acpi/tables/DSDT": "DSDTxxxxxxFIRECKxx"}, "Firecracker"),
        ({"sys/hypervisor/type": "xen"}, "xen"),
        ({"proc/version": "Linux version 4.4.0 (gVisor)"}, "gVisor"),
    ],
)
def test_kinds_of_hypervisors(tmp_path: Path, files: dict[str, str], name: str | None) -> None:
    assert host.identity(_tree(tmp_path, files))["hypervisor"] == name
