"""Operations as probes run them: chains that stay finite, ceilings, and what a full SM is asked and checked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gridstone import content
from gridstone.clock import Work
from gridstone.declaration import Gpu, Machine, Samples
from gridstone.plan.catalogue import load_probes

OPERATIONS = content.load_module(content.folder("runners") / "operations.py")
PAIRS = content.load_module(content.folder("runners") / "operation_pairs.py")
ALIGNMENT = content.load_module(content.folder("runners") / "alignment.py")
PIPES = content.load_module(content.folder("bench") / "pipes.py")
DPX = content.load_module(content.folder("bench") / "dpx.py")
ALL = {**PIPES.OPERATIONS, **DPX.OPERATIONS}


def machine(major: int, minor: int) -> Machine:
    gpu = Gpu(
        name="a GPU",
        uuid="GPU-0",
        compute_capability=(major, minor),
        memory=2**34,
        multiprocessors=3,
        sm_hz_max=2e9,
        mem_hz_max=3e9,
        bus_bits=4096,
        l2=2**25,
        pcie_gen=5,
        pcie_width=16,
    )
    return Machine(host="h", cpu="c", cores=1, memory=2**34, gpu=gpu, gpus=1)


@pytest.mark.parametrize("name", ALL)
def test_a_chain_stays_finite_and_every_lane_keeps_to_itself(name: str) -> None:
    operation = ALL[name]
    drawn = OPERATIONS.drawn_for(name, operation.operands, 2, 64)
    assert drawn.shape == (6, 64)
    after = OPERATIONS.follow(operation, drawn, operation.steps, 1)
    assert after.dtype == drawn.dtype
    if after.dtype.kind == "f":
        assert np.isfinite(after).all()
    first = OPERATIONS.follow(operation, drawn[[0, 2, 3, 4, 5]], operation.steps, 1)
    assert first.tobytes() == after[:64].tobytes()


def test_the_end_of_a_loop_is_little_beside_what_one_instruction_takes() -> None:
    end, moved = 9, {"mad_hi_u32"}  # cycles on the H100 behind an operation of 4; two moves go with each of these
    single = [o for o in ALL.values() if o.of(o.machine, 90) <= o.per_step and o.name not in moved]
    assert len(single) > 50
    assert not {o.name for o in single if end / (o.body(90) * o.per_step) > 0.05}


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("fma_f32", 128),
        ("fma_f64", 64),
        ("add_s32", 128),
        ("mad_s64", 64 / 3),
        ("ex2_f32", 16),
        ("prmt", 128),
        ("viaddmax_s32", 64),
        ("vibmax_s16x2", 32),
        ("vimax_s32_relu_fused", 128),
    ],
)
def test_limits_on_hopper(name: str, limit: float) -> None:
    assert ALL[name].limit(machine(9, 0)).value == pytest.approx(limit)


def test_where_the_guide_is_silent_four_schedulers_are_the_limit() -> None:
    assert ALL["viaddmax_s32"].limit(machine(8, 0)).value == 64  # two instructions each
    assert ALL["fma_f32"].limit(machine(12, 0)).value == 128
    assert ALL["fma_f32"].limit(Machine(host="h", cpu="c", cores=1, memory=1)) is None


def test_a_pair_is_held_back_by_the_slower_or_by_issue() -> None:
    fma, add, special = (ALL[n] for n in ("fma_f32", "add_s32", "ex2_f32"))
    assert PAIRS.limit(machine(9, 0), fma, add, 1).value == 128
    assert PAIRS.limit(machine(9, 0), fma, special, 4).value == 80
    assert PAIRS.limit(machine(9, 0), fma, None, 1).value == 128


class Array:
    """Device memory that is the host's: what the bodies use of a CuPy array."""

    def __init__(self, data: np.ndarray) -> None:
        self.data, self.itemsize, self.nbytes = data, data.itemsize, data.nbytes

    def view(self, dtype: Any) -> Array:
        return Array(self.data.view(dtype))

    def set(self, given: np.ndarray) -> None:
        self.data[:] = given

    def get(self) -> np.ndarray:
        return self.data.copy()


@dataclass
class Gpu3:
    """Three SMs that compute what the reference says; `wrong` spoils one lane of the last of them."""

    operation: Any
    ilp: int
    wrong: bool = False
    facts: Any = field(default_factory=lambda: machine(9, 0).gpu)
    machine: Machine = field(default_factory=lambda: machine(9, 0))
    multiprocessors: int = 3
    kernel: Any = None
    bench: Any = field(default_factory=lambda: SimpleNamespace(slot=lambda _: 0))
    filled: Mapping[str, Any] = field(default_factory=dict)

    def alloc(self, size: int) -> Array:
        return Array(np.empty(size, np.uint8))

    def memset(self, array: Array, value: int) -> None:
        array.data.view(np.uint8)[:] = value

    def enqueue(self, _kernel: Any, grid: int, block: int, args: list[Any]) -> None:
        given, last, rounds = args[0].data, args[1].data.reshape(grid, -1), int(args[2])
        drawn = given.reshape(self.ilp + 4, block)
        last[:] = OPERATIONS.follow(self.operation, drawn, self.operation.steps // self.ilp, rounds)
        if self.wrong:
            last.view(np.uint8)[-1, 0] ^= 1

    def fill(self, **filled: Any) -> Work:
        self.filled = filled

        class Clock:
            def take(self, count: int) -> Samples:
                return Samples(cycles=np.full(count, 1000.0), work=filled["work"], multiprocessors=3)

        return Work(clock=Clock(), poison=filled["poison"], verify=filled["verify"])


@pytest.mark.parametrize("name", ["fma_f32", "fma_f64", "shfl_bfly", "ex2_f32", "viaddmax_s16x2"])
@pytest.mark.parametrize("wrong", [False, True])
def test_a_full_sm_is_checked_against_the_reference_and_its_neighbours(name: str, wrong: bool) -> None:
    gpu = Gpu3(operation=ALL[name], ilp=2, wrong=wrong)
    work = OPERATIONS.fill(gpu, ALL[name], warps=2, ilp=2)
    work.poison()
    assert work.verify() is False  # nothing ran
    work.poison()
    gpu.enqueue(None, 3, 64, [*gpu.filled["args"][:2], np.uint32(3)])
    assert work.verify() is not wrong
    rounds = int(gpu.filled["args"][2])
    assert gpu.filled["work"] == 3 * 64 * ALL[name].steps * ALL[name].per_step * rounds


def test_machine_instructions_are_observed_beside_the_operations() -> None:
    gpu = Gpu3(operation=ALL["vimax_s32_relu_fused"], ilp=2)
    work = OPERATIONS.fill(gpu, gpu.operation, warps=2, ilp=2, machine=True)
    taken = work.clock.take(2)
    assert taken.observed["throughput_machine"] == pytest.approx(0.5 * taken.work / (1000 * 3))


def test_every_pair_is_of_operations_that_are_one_instruction_each() -> None:
    (pair,) = (p for p in load_probes() if p.name == "pipes/pair")
    points = list(pair.points("full"))
    assert {p["first"] for p in points if p["second"] == "none"} >= {p["second"] for p in points} - {"none"}
    for point in points:
        counts = [c.count for c in pair.contracts("sm_90a", point) or ()]
        assert sum(counts) == (1 + point["ratio"] * (point["second"] != "none")) * PAIRS.steps(point["ratio"])


def aligned(query: np.ndarray, subject: np.ndarray) -> int:
    """The textbook: a gap of n letters costs OPEN + (n - 1) EXTEND, tried for every n."""
    rows, columns = len(query), len(subject)
    h = np.zeros((rows + 1, columns + 1), int)
    cost = [0, *(ALIGNMENT.OPEN + ALIGNMENT.EXTEND * n for n in range(max(rows, columns)))]
    for i in range(1, rows + 1):
        for j in range(1, columns + 1):
            gained = ALIGNMENT.MATCH if query[i - 1] == subject[j - 1] else ALIGNMENT.MISMATCH
            across = max(h[i, j - n] - cost[n] for n in range(1, j + 1))
            down = max(h[i - n, j] - cost[n] for n in range(1, i + 1))
            h[i, j] = max(0, h[i - 1, j - 1] + gained, across, down)
    return int(h.max())


def test_alignment_scores_are_those_of_the_textbook() -> None:
    queries, subjects = ALIGNMENT.sequences(64)
    for pair in (0, 63):
        assert ALIGNMENT.scores(64)[pair] == aligned(queries[pair], subjects[pair])


@pytest.mark.parametrize("words", [1, 2])
def test_the_kernel_picks_the_score_of_each_letter_with_its_sign(words: int) -> None:
    queries, subjects = ALIGNMENT.sequences(8)
    profile, selectors = ALIGNMENT.profile(queries, words), ALIGNMENT.selectors(subjects, words)
    assert selectors.shape == (ALIGNMENT.COLUMNS + 1, 8 // words)  # each letter is loaded a column ahead
    prmt = content.load_module(content.folder("runners") / "operation_reference.py").REFERENCES["prmt"]
    for row, column in ((0, 0), (5, 9), (15, 255)):
        scores = prmt(profile[row, 0], profile[row, words - 1], selectors[column], 0)
        matches = queries[:, row] == subjects[:, column]
        expected = np.where(matches, ALIGNMENT.MATCH, ALIGNMENT.MISMATCH)
        assert (scores.view(np.int32 if words == 1 else np.int16) == expected).all()
