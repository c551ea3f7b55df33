"""What is read off a sweep over pairs of SMs: medians by pair and size, when it is complete, what an SM saw."""

from __future__ import annotations

from itertools import islice
from types import ModuleType

import numpy as np
import pytest

from gridstone.content import folder, load_module
from gridstone.declaration import Unavailable

GROUPS = [(0, 1, 4), (2, 3)]


@pytest.fixture(scope="module")
def module() -> ModuleType:
    return load_module(folder("runners") / "pair_sweep.py")


def sweep(module: ModuleType, often: int = 7, seed: int = 0):  # type: ignore[no-untyped-def]
    """Every pair of both groups in clusters of 2 and 3, an SM with itself included, in a random order."""
    rng = np.random.default_rng(seed)
    met = [(s, d, size) for g in GROUPS for s in g for d in g for size in (2, 3) for _ in range(often)]
    source, destination, size = np.array([met[i] for i in rng.permutation(len(met))]).T
    latency = 100.0 * source + destination + 0.25 * (size == 3) + rng.choice([-1.0, 0.0, 1.0], source.size)
    return module.Sweep(source=source, destination=destination, size=size, latency=latency, groups=GROUPS, right=True)


@pytest.mark.parametrize("often", [6, 7])
def test_medians_are_those_of_each_pair_and_size(module: ModuleType, often: int) -> None:
    found = sweep(module, often)
    table = found.apart()
    different = [(s, d) for g in GROUPS for s in g for d in g if s != d]
    assert list(zip(table.source, table.destination, strict=True)) == sorted(different)
    for s, d, value in zip(table.source, table.destination, table.value, strict=True):
        chosen = (found.source == s) & (found.destination == d)
        assert value == np.median(found.latency[chosen])
    by_size = found.by_size([3, 2, 16])
    assert by_size.shape == (len(different), 3) and np.isnan(by_size[:, 2]).all()
    for row, (s, d) in enumerate(sorted(different)):
        for column, size in enumerate((3, 2)):
            chosen = (found.source == s) & (found.destination == d) & (found.size == size)
            assert by_size[row, column] == np.median(found.latency[chosen])


def test_what_is_said_of_a_size_does_not_hang_on_the_pairs_that_met_in_it(module: ModuleType) -> None:
    found = sweep(module)
    slow = (found.size == 2) & (found.source > 1)  # pairs of small clusters are some of all
    kept = np.flatnonzero(~slow)
    part = module.Sweep(
        **{name: getattr(found, name)[kept] for name in ("source", "destination", "size", "latency")},
        groups=GROUPS,
        right=True,
    )
    whole, said = module.summaries(found, [2, 3, 16]), module.summaries(part, [2, 3, 16])
    assert whole.keys() == said.keys() == {2, 3}
    assert said[2]["pairs"] < whole[2]["pairs"] == 8
    assert said[2]["latency"] == pytest.approx(whole[2]["latency"], abs=1.5)
    assert said[2]["latency_most"] < whole[2]["latency_most"] - 50


def test_a_sweep_is_complete_when_each_pair_was_met_often(module: ModuleType) -> None:
    found = sweep(module, often=module.OFTEN // 2)  # in each of two sizes
    assert module.complete(found.source, found.destination, GROUPS)
    once_less = np.flatnonzero((found.source == 0) & (found.destination == 4))[:1]
    rest = np.delete(np.arange(found.source.size), once_less)
    assert not module.complete(found.source[rest], found.destination[rest], GROUPS)
    never = (found.source != 0) | (found.destination != 4)
    assert not module.complete(found.source[never], found.destination[never], GROUPS)


def test_parts_of_gpcs_take_turns_together(module: ModuleType) -> None:
    turns = module.taking_turns([tuple(range(0, 18)), (18, 19), tuple(range(20, 36)), (40, 41)])
    assert len({turns[sm] for sm in range(18)}) == 1
    assert turns[18] == turns[41] != turns[0] != turns[20] != turns[18]
    assert module.taking_turns([]).max() == 0


def test_an_sm_sees_its_group_in_order(module: ModuleType) -> None:
    found = sweep(module, often=1)
    first, _, third = islice(module.observations(found, 1, 4), 3)
    assert [first[f"dst_sm_{slot:02d}"] for slot in range(4)] == [0, 1, 4, np.inf]
    assert [round(first[f"latency_{slot:02d}"] / 100) for slot in range(3)] == [1, 1, 1]
    assert first["latency_03"] == np.inf and first["gpc"] == 0
    assert first["latency"] == np.median([first["latency_00"], first["latency_02"]])
    assert np.isnan([third["latency"], third["latency_00"]]).all()  # each pair was met twice
    with pytest.raises(Unavailable, match="SM 7 ran no block"):
        next(module.observations(found, 7, 4))
