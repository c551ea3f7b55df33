"""Copies between GPUs: who does them, on which stream, with which GPU current, and whether a wrong one shows."""

from __future__ import annotations

import itertools
from types import ModuleType

import numpy as np
import pytest
from peer_stand_in import Gpus

from gridstone import content


@pytest.fixture(scope="module")
def peer_copies() -> ModuleType:
    return content.load_module(content.folder("runners") / "peer_copies.py")


DOER = {"engine": ("engine", "src"), "read": ("sm", "dst"), "write": ("sm", "src")}


@pytest.mark.parametrize(
    ("method", "direction", "src", "dst"), list(itertools.product(DOER, ("one", "both"), (0, 2), (1,)))
)
def test_a_copy_is_done_by_whom_its_method_says(
    peer_copies: ModuleType, method: str, direction: str, src: int, dst: int
) -> None:
    gpus = Gpus(3)
    work = peer_copies.copies(gpus, src=src, dst=dst, method=method, direction=direction, size=64)
    kind, end = DOER[method]
    lead = src if end == "src" else dst
    assert gpus.current == lead
    work.poison()
    assert gpus.current == lead
    samples = work.clock.take(1)
    assert work.verify() is True
    assert gpus.current == lead
    expected = [(kind, lead, src, dst)]
    if direction == "both":
        expected.append((kind, dst if end == "src" else src, dst, src))
    assert gpus.calls == expected
    assert samples.work == 64 * len(expected)
    other = gpus.gpu(dst if lead == src else src)
    waited = (gpus.gpu(lead).stream.waits, other.stream.waits)
    assert waited == ((1, 1) if direction == "both" else (0, 0))


def test_what_does_not_arrive_is_noticed_on_either_side(peer_copies: ModuleType) -> None:
    for lost in (0, 1):
        gpus = Gpus(2)
        work = peer_copies.copies(gpus, src=0, dst=1, method="write", direction="both", size=64)
        work.poison()
        work.clock.take(1)
        on_it = [array for array in gpus.arrays.values() if array.place == lost]
        target = on_it[0] if lost else on_it[-1]  # GPU 1 receives first and then sends
        target.words[3] += 1
        assert work.verify() is False


def test_loads_go_through_memory_of_the_peer(peer_copies: ModuleType) -> None:
    gpus = Gpus(2)
    peer_copies.chase(gpus, src=1, dst=0, footprint=4096, stride=128, lengths=(64, 320))
    args, expected = gpus.gpu(0).launched
    memory = next(array for array in gpus.arrays.values() if array.place == 1)
    assert args == [memory.data.ptr + 64 + 64, 64]
    assert expected == [1]
    assert gpus.calls == [("visit", 0, 1)], "the reader has read the ring before: what is laid only is not all in L2"


def test_atomics_add_up_as_the_kernel_adds(peer_copies: ModuleType) -> None:
    gpus = Gpus(2)
    peer_copies.atomics(gpus, src=0, dst=1, lengths=(3, 5))
    (word, first), expected = gpus.gpu(1).launched
    assert (word.place, first) == (0, 1)
    held, found = 0, 1
    for _ in range(3):
        held, found = np.uint64(held) + np.uint64(found | 1), int(held)
    assert expected == [found]
