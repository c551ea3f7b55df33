"""What lies around the GPUs, read from a tree of files and a stand-in for NVML."""

# ruff: noqa: N802

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gridstone import adapters, topology
from gridstone.declaration import Link, Machine, Samples, joining, nccl, pcie_bandwidth, peer_link, peers


class Nvml:
    """GPUs by bus id, with the links of each: (where it leads, MB/s), None for a switch."""

    class NVMLError(Exception):
        pass

    def __init__(self, lines: dict[str, list[tuple[str | None, int]]], levels: dict[tuple[str, str], int]) -> None:
        self._lines, self._levels = lines, levels

    def nvmlDeviceGetPciInfo(self, handle: str) -> Any:
        return SimpleNamespace(busId=f"0000{handle}".encode())

    def nvmlDeviceGetTopologyCommonAncestor(self, one: str, other: str) -> int:
        if (one, other) not in self._levels:
            raise self.NVMLError
        return self._levels[one, other]

    def nvmlDeviceGetNvLinkState(self, handle: str, number: int) -> int:
        if number >= len(self._lines[handle]):
            raise self.NVMLError
        return 1

    def nvmlDeviceGetNvLinkRemoteDeviceType(self, handle: str, number: int) -> int:
        return 0 if self._lines[handle][number][0] else 2

    def nvmlDeviceGetNvLinkRemotePciInfo(self, handle: str, number: int) -> Any:
        return SimpleNamespace(busId=f"0000{self._lines[handle][number][0]}")

    def nvmlDeviceGetFieldValues(self, handle: str, fields: list[Any]) -> Any:
        field, number = fields[0]
        assert field == 164
        return [SimpleNamespace(nvmlReturn=0, value=SimpleNamespace(uiVal=self._lines[handle][number][1]))]

    def nvmlDeviceGetMaxPcieLinkGeneration(self, handle: str) -> int:
        return 5 if handle.endswith("1.0") else 4

    def nvmlDeviceGetMaxPcieLinkWidth(self, handle: str) -> int:
        return 16

    def nvmlDeviceGetP2PStatus(self, one: str, other: str, index: int) -> int:
        raise self.NVMLError

    def nvmlDeviceGetNumaNodeId(self, handle: str) -> int:
        raise self.NVMLError


BUSES = ["0000:01:01.0", "0000:01:02.0", "0000:02:01.0"]


def test_through_switches_every_pair_has_all_links() -> None:
    nvml = Nvml({bus: [(None, 26562)] * 18 for bus in BUSES}, {})
    found = topology.links(BUSES, nvml)
    assert len(found) == 6
    assert {(one.tier, one.count, one.bandwidth) for one in found} == {("nvlink", 18, 18 * 26.562e9)}
    assert {one.total for one in found} == {18 * 26.562e9}
    assert found[0].source == "18 NVLinks x 26.562 GB/s (NVML)"
    assert joining(found, 3) == "nvlink"


def test_switches_that_look_like_devices_are_known_by_what_the_driver_says() -> None:
    class Passed(Nvml):
        def nvmlDeviceGetP2PStatus(self, one: str, other: str, index: int) -> int:
            assert index == 2
            return 0

    found = topology.links(BUSES[:2], Passed({bus: [("0000:aa:00.0", 26562)] * 18 for bus in BUSES}, {}))
    assert {(one.tier, one.count) for one in found} == {("nvlink", 18)}


def test_bridges_join_two_and_the_rest_goes_over_pcie() -> None:
    a, b, c = BUSES
    nvml = Nvml(
        {a: [(b, 25000)] * 4, b: [(a, 25000)] * 4, c: []},
        {(a, b): 20, (b, a): 20, (a, c): 30, (c, a): 30, (b, c): 50, (c, b): 50},
    )
    found = {(one.src, one.dst): one for one in topology.links(BUSES, nvml)}
    assert (found[0, 1].tier, found[0, 1].count, found[0, 1].path) == ("nvlink", 4, "PXB")
    assert (found[0, 2].tier, found[0, 2].path) == ("pcie", "PHB")
    assert (found[1, 2].tier, found[1, 2].path) == ("node", "SYS")
    assert found[1, 2].source == "PCIe 4 x16 after line coding"
    assert found[0, 1].total == 4 * 25e9
    assert found[0, 2].total == pytest.approx(4 * 25e9 + pcie_bandwidth(5, 16))
    assert found[2, 0].total == pytest.approx(pcie_bandwidth(5, 16))
    assert joining(found.values(), 2) == "nvlink"
    assert joining(found.values(), 3) == "node"
    assert joining([], 2) is None


def test_of_a_gpu_with_a_link_of_unknown_speed_nobody_knows_what_it_has_in_all() -> None:
    a, b, c = BUSES
    nvml = Nvml({a: [(b, 25000), (b, 25000), (b, 0)], b: [(a, 25000)] * 3, c: []}, {})
    found = {(one.src, one.dst): one.total for one in topology.links(BUSES, nvml)}
    assert found[0, 1] == found[0, 2] == 0.0
    assert found[1, 0] == 3 * 25e9


def test_links_without_a_known_speed_are_links_without_a_limit() -> None:
    class Silent(Nvml):
        def nvmlDeviceGetFieldValues(self, handle: str, fields: list[Any]) -> Any:
            raise self.NVMLError

    (one, _) = topology.links(BUSES[:2], Silent({bus: [(None, 0)] for bus in BUSES}, {}))
    assert (one.tier, one.count, one.bandwidth, one.source) == ("nvlink", 1, 0.0, "")
    machine = Machine(host="h", cpu="c", cores=1, memory=1, links=(one,))
    assert peer_link(machine, {"src": 0, "dst": 1}, Samples()) is None


def _write(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    _write(tmp_path, "sys/class/infiniband/mlx5_0/ports/1/rate", "400 Gb/sec (4X NDR)\n")
    _write(tmp_path, "sys/class/infiniband/mlx5_0/ports/1/state", "4: ACTIVE\n")
    _write(tmp_path, "sys/class/infiniband/mlx5_0/ports/1/link_layer", "InfiniBand\n")
    _write(tmp_path, "sys/class/infiniband/mlx5_0/device/numa_node", "1\n")
    _write(tmp_path, "sys/class/infiniband/mlx5_0/device/net/ib0/x", "")
    _write(tmp_path, "sys/class/infiniband/mlx5_1/ports/1/state", "1: DOWN\n")
    _write(tmp_path, "sys/class/net/ib0/device/numa_node", "1\n")
    _write(tmp_path, "sys/class/net/eth0/device/numa_node", "-1\n")
    _write(tmp_path, "sys/class/net/eth0/speed", "25000\n")
    _write(tmp_path, "sys/class/net/eth0/operstate", "up\n")
    _write(tmp_path, "sys/class/net/eth1/device/numa_node", "0\n")
    _write(tmp_path, "sys/class/net/eth1/speed", "-1\n")
    _write(tmp_path, "sys/class/net/eth1/operstate", "down\n")
    _write(tmp_path, "sys/class/net/lo/operstate", "unknown\n")
    for number, bus in enumerate(BUSES[:2]):
        _write(tmp_path, f"sys/bus/pci/devices/{bus}/numa_node", f"{number}\n")
    return tmp_path


def test_adapters_and_memory_nodes(tree: Path) -> None:
    found = {nic["name"]: nic for nic in adapters.nics(tree)}
    assert sorted(found) == ["eth0", "eth1", "mlx5_0:1", "mlx5_1:1"]
    assert found["mlx5_0:1"] == {
        "name": "mlx5_0:1",
        "kind": "InfiniBand",
        "state": "active",
        "bandwidth": 50e9,
        "numa_node": 1,
    }
    assert (found["mlx5_1:1"]["state"], found["mlx5_1:1"]["bandwidth"]) == ("down", None)
    assert (found["eth0"]["bandwidth"], found["eth0"]["numa_node"]) == (25e9 / 8, None)
    assert (found["eth1"]["bandwidth"], found["eth1"]["numa_node"]) == (None, 0)
    nvml = Nvml({bus: [(None, 26562)] * 18 for bus in BUSES}, {})
    assert topology.gpu_nodes(BUSES, nvml, tree) == [0, 1, None]


def test_what_run_json_keeps_and_what_is_said_of_it(tree: Path) -> None:
    nvml = Nvml({bus: [(None, 26562)] * 18 for bus in BUSES}, {})
    ways = topology.links(BUSES[:2], nvml)
    kept = topology.described(ways, [0, 1], adapters.nics(tree))
    assert kept["tiers"] == ["gpu", "nvlink", "network"]
    assert kept["joined_by"] == "nvlink"
    assert kept["links"][0]["bandwidth"] == pytest.approx(478.1e9, rel=1e-3)
    assert topology.in_words(kept) == [
        "GPUs all pairs: 18 NVLinks, 478 GB/s one way",
        "mlx5_0:1: InfiniBand, 400 Gbit/s, memory node 1",
        "eth0: Ethernet, 25 Gbit/s",
    ]


def test_nothing_to_read_is_nothing_found(tmp_path: Path) -> None:
    assert adapters.nics(tmp_path) == []
    kept = topology.described((), [], [])
    assert kept == {"gpus": [], "links": [], "nics": [], "tiers": [], "joined_by": None}
    assert topology.in_words(kept) == []


@pytest.mark.parametrize(
    ("visible", "count"), [(None, 3), ("0,1", 2), ("GPU-a,GPU-b,GPU-c,GPU-d", 3), ("", 0), ("1,-1,0", 1)]
)
def test_gpus_are_counted_without_a_driver(tmp_path: Path, visible: str | None, count: int) -> None:
    for name in ("nvidia0", "nvidia1", "nvidia7", "nvidiactl", "nvidia-uvm"):
        _write(tmp_path, f"dev/{name}", "")
    environment = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    assert topology.gpu_count(tmp_path, environment) == count


def _machine(gpus: int, tier: str = "nvlink") -> Machine:
    ways = [Link(src=a, dst=b, tier=tier) for a in range(gpus) for b in range(gpus) if a != b]
    return Machine(host="h", cpu="c", cores=2, memory=1 << 34, gpus=gpus, links=tuple(ways))


def test_cells_say_what_they_lack() -> None:
    pair = peers()
    assert pair.missing(_machine(2), {"src": 0, "dst": 1}) is None
    assert pair.missing(_machine(1), {"src": 0, "dst": 1}) == "needs 2 GPUs, 1 visible"
    assert "no peer of itself" in str(pair.missing(_machine(2), {"src": 1, "dst": 1}))
    need = nccl(lambda axes: int(axes["ranks"]), lambda axes: str(axes["tier"]))
    asked = {"ranks": 2, "tier": "nvlink"}
    assert need.missing(_machine(2), asked) is None
    assert need.missing(_machine(1), asked) == "needs 2 GPUs, 1 visible (NCCL wants a GPU for each rank)"
    assert need.missing(_machine(2, "pcie"), asked) == "the first 2 GPUs are joined by pcie: ask for tier=pcie"
    assert "needs several hosts" in str(need.missing(_machine(2), asked | {"tier": "network"}))


def test_a_declaration_knows_the_tiers_of_all_and_of_fewer_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b, c = BUSES
    nvml = Nvml({a: [(b, 25000)], b: [(a, 25000)], c: []}, dict.fromkeys(itertools.permutations(BUSES, 2), 50))
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setattr(topology, "gpu_count", lambda: 3)
    joint_tiers = topology.joint_tiers.__wrapped__
    nvml.nvmlInit = lambda: None  # type: ignore[attr-defined]
    nvml.nvmlDeviceGetCount = lambda: 3  # type: ignore[attr-defined]
    nvml.nvmlDeviceGetHandleByIndex = lambda place: BUSES[place]  # type: ignore[attr-defined]
    assert joint_tiers() == ("nvlink", "node")
    nvml.nvmlDeviceGetCount = lambda: 1 // 0  # type: ignore[attr-defined]
    assert joint_tiers() == ("nvlink",)
    monkeypatch.setattr(topology, "gpu_count", lambda: 1)
    assert joint_tiers() == ("nvlink",)
