"""Loads of L2 are told apart: near hits, far hits and misses, wherever far lines happen to be kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from device_stand_in import Gpu

from gridstone import content
from gridstone.declaration import Unavailable

halves: Any = content.load_module(content.folder("runners") / "l2_halves.py")
RNG = np.random.default_rng(0)
NEAR, FAR, MISS = (lambda n, m=m, s=s: RNG.normal(m, s, n) for m, s in ((315, 18), (490, 18), (760, 40)))


def test_a_far_hit_is_no_miss_and_no_near_hit() -> None:
    parted = halves.limits(np.concatenate([NEAR(768), FAR(256)]), MISS(1024))
    half = np.concatenate([NEAR(512), FAR(512)])
    assert parted.shares(half) == pytest.approx({"hit_share": 1.0, "near_share": 0.5}, abs=0.01)
    assert parted.shares(NEAR(1024)) == pytest.approx({"hit_share": 1.0, "near_share": 1.0}, abs=0.01)
    assert parted.shares(MISS(1024)) == pytest.approx({"hit_share": 0.0, "near_share": 0.0}, abs=0.01)


def test_a_cache_of_one_piece_has_no_far_half() -> None:
    parted = halves.limits(NEAR(1024), MISS(1024))
    assert parted.near == parted.hit
    assert parted.shares(NEAR(1024))["near_share"] == pytest.approx(1.0, abs=0.01)


def test_a_few_lines_that_come_from_memory_all_the_same_do_not_count():
    clean = halves.limits(np.concatenate([NEAR(768), FAR(256)]), MISS(1024))
    mixed = halves.limits(np.concatenate([NEAR(600), FAR(256), MISS(168)]), MISS(1024))
    assert mixed.near == pytest.approx(clean.near, rel=0.02)
    assert mixed.hit == pytest.approx(clean.hit, rel=0.02)


def test_groups_that_overlap_are_refused() -> None:
    with pytest.raises(Unavailable, match="as long as each other"):
        halves.limits(np.concatenate([NEAR(768), FAR(256)]), FAR(1024))


def test_what_was_stored_is_written_back_before_it_is_read() -> None:
    enqueued: list[tuple[str, int, tuple[int, ...]]] = []

    def note(name: str) -> Any:
        return lambda grid, args: enqueued.append((name, grid, tuple(int(a) for a in args[1:-1])))

    def load(grid: int, args: Any) -> None:
        args[-2].set(np.full(args[-2].words.size, 300, np.uint32))

    gpu = Gpu(load, self_addresses=note("lay"), visit=note("visit"), touch=note("touch"))
    lines = halves.Lines(gpu, 1 << 20)
    lines.settle()
    for _ in range(4):
        lines.sweep("all")
    names = [name for name, _, _ in enqueued]
    assert names == ["lay", "touch", *["visit"] * 4]
    assert enqueued[1][2][0] * 16 >= 2 * gpu.facts.l2
    read = {(grid, args[3:5]) for name, grid, args in enqueued if name == "visit"}
    assert read == {(8 * gpu.multiprocessors, (0, (1 << 20) // 128))}
    assert lines.latencies().tolist() == [300.0] * 1024 and lines.right()
