"""The NCCL runner with real processes and a stand-in for the GPU: what is measured, checked and refused."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import nccl_stand_in
import numpy as np
import pytest

from gridstone import content
from gridstone.collectives import BUS
from gridstone.declaration import Gpu, Machine, Probe, Unavailable
from gridstone.plan.catalogue import load_probes
from gridstone.stragglers import by_rank

_HERE = Path(__file__).parent
_RUNNERS = content.folder("runners")
_GPU = Gpu(
    name="stand-in", uuid="GPU-0", compute_capability=(9, 0), memory=80 << 30, multiprocessors=132, sm_hz_max=2e9,
    mem_hz_max=2.6e9, bus_bits=5120, l2=50 << 20, pcie_gen=5, pcie_width=16,
)  # fmt: skip
_PROBES = {probe.name: probe for probe in load_probes() if probe.family == "nccl"}


def _machine(gpus: int) -> Machine:
    uuids = tuple(f"GPU-{place}" for place in range(gpus))
    return Machine(host="h", cpu="c", cores=2, memory=1 << 34, gpu=_GPU, gpus=gpus, uuids=uuids)


@pytest.fixture(scope="module")
def runner() -> ModuleType:
    return content.load_module(_RUNNERS / "on_nccl.py")


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where the ranks meet."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TMPDIR", str(tmp_path_factory.mktemp("ranks")))
        yield


@pytest.fixture(scope="module")
def programs() -> ModuleType:
    return content.load_module(_HERE / "nccl_programs.py")


@pytest.fixture(scope="module")
def three(runner: ModuleType) -> Iterator[Any]:
    found = runner.Nccl(_machine(3), _HERE / "nccl_stand_in.py")
    found.open()
    yield found
    found.close()


@pytest.fixture
def fresh(runner: ModuleType) -> Iterator[Any]:
    """Ranks that a test may break."""
    found = runner.Nccl(_machine(2), _HERE / "nccl_stand_in.py")
    found.open()
    yield found
    found.close()


def _measured(context: Any, probe: Probe, **axes: Any) -> tuple[Any, bool | None]:
    context.begin(None, "warm")
    work = probe.body(context, **axes)
    work.poison()
    samples = work.clock.take(2)
    verdict = work.verify()
    work.close()
    return samples, verdict


@pytest.mark.parametrize(("collective", "ranks"), list(itertools.product(BUS, (2, 3))))
def test_collectives_are_right_and_their_times_are_those_of_every_rank(three: Any, collective: str, ranks: int) -> None:
    size = 4 * 12 * ranks
    samples, verdict = _measured(
        three, _PROBES["nccl/collective"], tier="nvlink", collective=collective, ranks=ranks, bytes=size
    )
    assert verdict is True
    assert samples.seconds.shape == (2,) and (samples.seconds > 0).all()
    assert samples.work == pytest.approx(BUS[collective](ranks) * size)
    single = samples.observed["time_rank"].reshape(-1, ranks)
    assert samples.observed["imbalance"] == pytest.approx(np.ptp(single, axis=1))
    assert samples.observed["lateness"].shape == (2,) and (samples.observed["lateness"] >= 0).all()
    assert samples.observed["bandwidth_algorithm"] == pytest.approx(size / samples.seconds)
    assert (samples.observed["time_host"] > 0).all()
    assert (samples.sm_hz == 1.5e9).all()


@pytest.mark.parametrize("ranks", [2, 3])
def test_single_operations_say_how_late_each_rank_was(three: Any, ranks: int) -> None:
    axes = {"tier": "nvlink", "collective": "allreduce", "ranks": ranks, "bytes": 64, "delay": 1e-3}
    samples, verdict = _measured(three, _PROBES["nccl/variability"], **axes)
    assert verdict is True
    assert samples.seconds.size == samples.observed["imbalance"].size > 10
    late = by_rank(samples.observed["lateness"].tolist(), ranks)
    assert late.shape == (samples.seconds.size, ranks)
    assert np.abs(np.median(late, axis=1)).max() < 1e-11
    assert (samples.observed["imbalance"] >= 0).all()


def test_clocks_of_other_hosts_are_taken_back(runner: ModuleType) -> None:
    """The second clock is 100 s ahead, then 104: what it showed midway was 102 ahead."""
    offset = content.load_module(_RUNNERS / "offsets.py").Offset
    looks = iter([[offset(at=0.0, ahead=0.0), offset(at=100.0, ahead=100.0)]])
    last = [offset(at=10.0, ahead=0.0), offset(at=114.0, ahead=104.0)]

    class World:
        def offsets(self, members: list[int]) -> list[Any]:
            return next(looks, last)

        def ask(self, members: list[int], do: str, **words: Any) -> list[dict[str, Any]]:
            if do == "warm":
                return [1.0, 1.0]
            return [{"enter": [5.0 + ahead], "leave": [6.0 + ahead], "operations": 1} for ahead in (0.0, 102.0)]

    clock = runner._clocks.Single(World(), [0, 1], 1.0)
    assert clock.take(1).observed["lateness"] == pytest.approx([0.0, 0.0])
    assert clock.take(1).observed["lateness"] == pytest.approx([1.0, -1.0])  # from the last look on


@pytest.mark.parametrize("direction", ["one", "both"])
@pytest.mark.parametrize("ranks", [2, 3])
def test_rings_carry_the_neighbours_data(three: Any, ranks: int, direction: str) -> None:
    axes = {"tier": "nvlink", "direction": direction, "ranks": ranks, "bytes": 64}
    samples, verdict = _measured(three, _PROBES["nccl/ring"], **axes)
    assert verdict is True
    assert samples.work == 64 * (2 if direction == "both" else 1)


def test_a_message_is_half_a_round_trip(three: Any) -> None:
    samples, verdict = _measured(three, _PROBES["nccl/send"], tier="nvlink", bytes=32)
    assert verdict is True
    assert samples.work == 32
    rank = type("Rank", (), {"device": nccl_stand_in.Device(0), "comm": None, "rank": 0, "Program": dict})
    assert content.load_module(_RUNNERS / "nccl_programs.py").message(rank, bytes=32)["operations"] == 2


def test_a_wrong_result_of_one_rank_is_a_wrong_result(three: Any, programs: ModuleType) -> None:
    work = three.work(programs.wrong, ranks=2, axes={}, work=1)
    work.clock.take(1)
    assert work.verify() is False
    work.close()


def test_a_protocol_is_forced_when_the_communicator_is_made_and_only_then(three: Any, programs: ModuleType) -> None:
    for name, right in (("LL128", True), ("default", False)):
        work = three.work(programs.protocol, ranks=2, axes={}, work=1, protocol=name)
        work.clock.take(1)
        assert work.verify() is right
        work.close()
    assert "NCCL_PROTO" not in os.environ


def test_the_worst_rank_counts_of_what_programs_observe(three: Any, programs: ModuleType) -> None:
    work = three.observe(programs.numbers, ranks=3, axes={})
    found = work.clock.take(2).observed
    assert found["slowdown"].tolist() == [3.0, 3.0]
    assert found["slowdown_beside"].tolist() == [3.0, 3.0]
    work.close()


def test_a_limit_of_blocks_and_the_kernel_reach_the_ranks(fresh: Any, programs: ModuleType) -> None:
    fresh.begin(b"four", "warm")
    for blocks in (0, 8, 16):
        work = fresh.observe(programs.surroundings, ranks=2, axes={}, blocks=blocks)
        assert work.clock.take(1).observed["blocks"] == [blocks]
        assert work.clock.take(1).observed["kernel"] == [4]
        work.close()
    assert sorted(fresh._worlds) == [0, 16]


def test_only_so_many_communicators_are_kept(fresh: Any, runner: ModuleType, programs: ModuleType) -> None:
    before = runner._MOST_COMMUNICATORS
    runner._MOST_COMMUNICATORS = 2
    try:
        for name in ("default", "LL", "LL128", "default"):
            fresh.work(programs.protocol, ranks=2, axes={}, work=1, protocol=name).close()
        assert list(fresh._world(0).communicators) == ["0-1:default:LL128", "0-1:default:default"]
    finally:
        runner._MOST_COMMUNICATORS = before


def test_a_run_on_16_gpus_makes_each_communicator_once(runner: ModuleType) -> None:
    settings = {
        (axes.get("ranks", 2), axes.get("algorithm"), axes.get("protocol"))
        for probe in _PROBES.values()
        for axes in probe.points(
            "standard", {"ranks": [2, 4, 8, 16]} if any(axis.name == "ranks" for axis in probe.axes) else {}
        )
    }
    assert 4 * 7 == len(settings) <= runner._MOST_COMMUNICATORS


def test_what_nccl_refuses_is_unavailable_in_its_own_words(fresh: Any) -> None:
    axes = {"tier": "nvlink", "collective": "allreduce", "algorithm": "tree", "protocol": "LL", "ranks": 2, "bytes": 64}
    with pytest.raises(Unavailable, match="NCCL 22809 refuses this: no tree here"):
        _measured(fresh, _PROBES["nccl/forced"], **axes)


@pytest.mark.parametrize(
    ("fault", "said"), [("dies", "rank 1 of 2 on .* died"), ("fails", "rank 1 of 2: MemoryError: no room for this")]
)
def test_a_rank_that_fails_is_named(fresh: Any, programs: ModuleType, fault: str, said: str) -> None:
    with pytest.raises(RuntimeError, match=said):
        fresh.work(getattr(programs, fault), ranks=2, axes={}, work=1).clock.take(1)


def test_a_rank_that_hangs_is_named_and_ended(
    fresh: Any, runner: ModuleType, programs: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner._worlds._worlds, "_STALL_S", 1.0)
    work = fresh.work(programs.hangs, ranks=2, axes={}, work=1)
    started = fresh._world(0)._started.processes
    with pytest.raises(RuntimeError, match="rank 1 did not answer within 1 s"):
        work.clock.take(1)
    fresh.close()
    assert all(process.returncode is not None for process in started)


def test_ranks_of_several_models_are_not_compared(runner: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN_NAMES", "H100,H200")
    context = runner.Nccl(_machine(2), _HERE / "nccl_stand_in.py")
    context.open()
    with pytest.raises(Unavailable, match="another GPU than rank 0: H200 and H100"):
        _measured(context, _PROBES["nccl/send"], tier="nvlink", bytes=32)
    context.close()


def test_a_gpu_that_does_not_open_costs_the_cells_and_says_why(
    runner: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_GPUS", "1")
    context = runner.Nccl(_machine(2), _HERE / "nccl_stand_in.py")
    context.open()
    with pytest.raises(Unavailable, match=r"GPU 1 on .*: there is no GPU 1"):
        _measured(context, _PROBES["nccl/send"], tier="nvlink", bytes=32)
    context.close()


def test_more_ranks_than_gpus_are_refused(three: Any) -> None:
    with pytest.raises(Unavailable, match="needs 4 GPUs on one host, there are 3"):
        _measured(three, _PROBES["nccl/collective"], tier="nvlink", collective="allreduce", ranks=4, bytes=64)


_LAUNCHER = """
import os, subprocess, sys
count, words = int(sys.argv[1]), sys.argv[2:]
started = [
    subprocess.Popen(words, env=os.environ | {"SLURMD_NODENAME": f"host{n // 2}", "SLURM_LOCALID": str(n % 2)})
    for n in range(count)
]
sys.exit(max(process.wait() for process in started))
"""


def test_ranks_of_two_hosts_are_spread_over_them(
    runner: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "launch.py").write_text(_LAUNCHER)
    monkeypatch.setenv("GRIDSTONE_MPI_LAUNCH", f"{sys.executable} {tmp_path / 'launch.py'} {{ranks}}")
    monkeypatch.setenv("GRIDSTONE_MPI_RANKS", "4")
    monkeypatch.setenv("GRIDSTONE_MPI_ADDRESS", "127.0.0.1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-here")
    context = runner.Nccl(_machine(2), _HERE / "nccl_stand_in.py")
    context.open()
    world = context._world(0)
    assert [(hello["host"], hello["place"]) for hello in world.hellos] == [
        ("host0", 0), ("host0", 1), ("host1", 0), ("host1", 1)
    ]  # fmt: skip
    assert world.members(2, "network") == [0, 2]
    assert world.members(2, "nvlink") == [0, 1]
    axes = {"tier": "network", "collective": "allreduce", "ranks": 3, "bytes": 64}
    _, verdict = _measured(context, _PROBES["nccl/collective"], **axes)
    assert verdict is True
    context.close()


def test_ranks_of_one_host_are_no_network(three: Any) -> None:
    with pytest.raises(Unavailable, match="all GPUs are on one host"):
        _measured(three, _PROBES["nccl/send"], tier="network", bytes=64)
