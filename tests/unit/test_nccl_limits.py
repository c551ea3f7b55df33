"""What bounds NCCL among the GPUs of a host, and that what was recorded on several H100s lies below it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import gridstone
from gridstone.collectives import BUS
from gridstone.declaration import Gpu, Limit, Link, Machine, Samples, Value, own_links
from gridstone.plan.catalogue import load_probes

REFERENCE = Path(__file__).parents[2] / "results/reference"
H100 = Gpu(
    name="H100", uuid="GPU-0", compute_capability=(9, 0), memory=80 << 30, multiprocessors=132, sm_hz_max=2e9,
    mem_hz_max=2.6e9, bus_bits=5120, l2=50 << 20, pcie_gen=5, pcie_width=16,
)  # fmt: skip
NVLINK = 26.562e9
PROBES = {probe.name: probe for probe in load_probes() if probe.family == "nccl"}


def _machine(gpus: int, links: Mapping[tuple[int, int], tuple[int, int]], gpu: Gpu = H100) -> Machine:
    """links: of each pair, how many NVLinks lead from one to the other, and how many the one has in all."""
    ways = [
        Link(src=a, dst=b, tier="nvlink", count=n, bandwidth=n * NVLINK, total=every * NVLINK, source=f"{n} NVLinks")
        for (a, b), (n, every) in links.items()
    ]
    return Machine(host="h", cpu="c", cores=2, memory=1 << 34, gpu=gpu, gpus=gpus, links=tuple(ways))


def _switched(gpus: int) -> Machine:
    return _machine(gpus, dict.fromkeys(itertools.permutations(range(gpus), 2), (18, 18)))


def _limit(machine: Machine, probe: str = "nccl/collective", **axes: Value) -> Limit | None:
    found: Limit | None = PROBES[probe].limits["bandwidth_bus"](machine, {"tier": "nvlink", **axes}, Samples())
    return found


def _times(machine: Machine, ranks: int) -> float:
    found = _limit(machine, collective="allreduce", ranks=ranks)
    assert found is not None
    return found.value / (18 * NVLINK)


@pytest.mark.parametrize("ranks", [2, 4, 8])
@pytest.mark.parametrize("name", BUS)
def test_behind_a_switch_all_links_of_a_gpu_bound_it(monkeypatch: pytest.MonkeyPatch, name: str, ranks: int) -> None:
    monkeypatch.setenv("NCCL_NVLS_ENABLE", "0")
    assert _limit(_switched(8), collective=name, ranks=ranks) == Limit(value=18 * NVLINK, kind="18 NVLinks")


def test_a_switch_that_adds_up_lets_each_rank_send_its_array_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NCCL_NVLS_ENABLE", raising=False)
    hopper = _switched(8)
    assert [_times(hopper, ranks) for ranks in (2, 4, 8)] == pytest.approx([1.0, 1.5, 1.75])
    assert "if the switch adds up" in str(_limit(hopper, collective="allreduce", ranks=4))
    assert _times(replace(hopper, gpu=replace(H100, compute_capability=(8, 0))), 8) == 1.0
    for name in set(BUS) - {"allreduce"}:
        assert _limit(hopper, collective=name, ranks=8) == Limit(value=18 * NVLINK, kind="18 NVLinks")
    for algorithm in ("ring", "tree"):
        told = _limit(hopper, "nccl/forced", collective="allreduce", algorithm=algorithm, protocol="LL", ranks=8)
        assert told == Limit(value=18 * NVLINK, kind="18 NVLinks")


def test_links_of_its_own_to_each_gpu_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NCCL_NVLS_ENABLE", "0")
    mesh = _machine(4, dict.fromkeys(itertools.permutations(range(4), 2), (4, 12)))
    for ranks, links in ((2, 4), (3, 8), (4, 12)):
        found = _limit(mesh, collective="alltoall", ranks=ranks)
        assert found is not None and found.value == pytest.approx(links * NVLINK)


def test_the_gpu_with_the_fewest_links_bounds_all_but_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rank with few links may leave sums to the others, but has to send its array and to get the sum."""
    monkeypatch.setenv("NCCL_NVLS_ENABLE", "0")
    joined = {(a, b): (min(n, m), n) for (a, n), (b, m) in itertools.permutations(enumerate((6, 12, 12)), 2)}
    uneven = _machine(3, joined)
    assert [round(one.value / NVLINK) for one in own_links(uneven, 3)] == [6, 12, 12]
    for name, links in (("alltoall", 6), ("allreduce", 8)):
        found = _limit(uneven, collective=name, ranks=3)
        assert found is not None and found.value == pytest.approx(links * NVLINK)


def test_nothing_is_claimed_of_links_that_are_not_known() -> None:
    two = _switched(2)
    assert _limit(two, collective="allreduce", ranks=3) is None
    assert _limit(two, collective="allreduce", ranks=2, tier="network") is None
    silent = replace(two, links=tuple(replace(one, bandwidth=0.0, total=0.0) for one in two.links))
    assert _limit(silent, collective="allreduce", ranks=2) is None
    sent = _limit(two, "nccl/send")
    assert sent is not None and sent.value == 18 * NVLINK


@pytest.mark.parametrize(
    ("run", "ranks"),
    [("nvidia-h100-x2/20261126T012506Z-vm-267a", [2]), ("nvidia-h100-x4/20261126T084528Z-vm-4e7a", [2, 4])],
)
def test_what_h100s_reached_lies_below_it_and_large_collectives_well_above_its_half(
    monkeypatch: pytest.MonkeyPatch, run: str, ranks: Sequence[int]
) -> None:
    monkeypatch.setenv("NCCL_NVLS_ENABLE", "0")
    rows = gridstone.load(REFERENCE / run)
    reached = rows[rows["metric"] == "bandwidth_bus"]
    machine, share = _switched(4), []
    for row in reached.to_dict("records"):
        axes = {name: row[name] for name in rows.attrs["axes"][row["probe"]]}
        limit = _limit(machine, row["probe"], **axes)
        assert limit is not None and row["hi"] < limit.value
        if row["probe"] == "nccl/collective" and row["bytes"] == 1 << 30:
            share.append(row["value"] / limit.value)
    assert sorted(reached["ranks"].dropna().unique()) == ranks
    assert len(share) == len(BUS) * len(ranks) and min(share) > 0.5
