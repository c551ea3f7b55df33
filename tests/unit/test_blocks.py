"""Where scattered blocks lie, alone or in groups, and which pieces the driver is asked to copy."""

from __future__ import annotations

import types
from typing import Any

import numpy as np
import pytest

from gridstone import content

pytest.importorskip("cuda.core")
pytest.importorskip("numba")
blocks = content.load_module(content.folder("runners") / "blocks.py")
DEVICE, HOST = 1 << 40, 1 << 41


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Any:
    table = types.SimpleNamespace(host=HOST, device=HOST)
    monkeypatch.setattr(blocks._tables, "table", lambda *_: table)
    monkeypatch.setattr(blocks._tables, "target", lambda *_: table)
    monkeypatch.setattr(blocks._tables, "fill", lambda *_: None)
    array = types.SimpleNamespace(data=types.SimpleNamespace(ptr=DEVICE))
    return types.SimpleNamespace(alloc=lambda _size: array, cp=np)


@pytest.mark.parametrize("group", [1, 4, 64])
@pytest.mark.parametrize("outbound", [True, False])
def test_pieces_are_whole_groups_that_do_not_overlap(gpu: Any, group: int, outbound: bool) -> None:
    way = blocks.Way(gpu=gpu, outbound=outbound, block=4096, count=64, packed=False, group=group)
    targets, sources = way.addresses()
    assert targets.size == sources.size == 64 // group
    for addresses, base in ((targets, DEVICE if outbound else HOST), (sources, HOST if outbound else DEVICE)):
        places = np.sort(addresses) - np.uint64(base)
        assert (places % way.piece == 0).all() and int(places[-1]) + way.piece <= blocks.POOL
        assert (np.diff(places) >= way.piece).all()
    for places in (way.there, way.here):
        assert np.unique(places).size == 64
        assert (np.diff(places.reshape(-1, group).astype(int), axis=1) == 1).all()


def test_packed_blocks_lie_in_the_order_of_the_list(gpu: Any) -> None:
    way = blocks.Way(gpu=gpu, outbound=True, block=4096, count=16, packed=True, group=4)
    assert way.here.tolist() == list(range(16))


@pytest.mark.parametrize(("block", "count", "group"), [(4096, 10, 4), (1 << 20, 512, 1)])
def test_blocks_that_cannot_lie_so_are_refused(gpu: Any, block: int, count: int, group: int) -> None:
    with pytest.raises(ValueError, match="whole groups of 256 MiB at most"):
        blocks.moved(gpu, method="kernel", direction="h2d", threads=1, block=block, count=count, group=group)
