"""What lists of rows say of themselves, and the shared memory of bulk copies, without a GPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gridstone import content
from gridstone.model.lines import touched

gathers = content.load_module(content.folder("runners") / "gathers.py")


class OnDevice(np.ndarray[Any, Any]):
    def get(self) -> Any:
        return np.asarray(self)


def listed(row_bytes: int, align: int, count: int = 300) -> Any:
    order = np.random.default_rng(3).permutation(4 * count).astype(np.uint32).view(OnDevice)
    return gathers.Rows(gpu=None, order=order, count=count, row_bytes=row_bytes, align=align)


@pytest.mark.parametrize(("row_bytes", "align"), [(2048, 16), (2064, 0), (128, 112), (16, 0)])
def test_whole_lines_are_asked_for_once_and_in_full(row_bytes: int, align: int) -> None:
    rows = listed(row_bytes, align)
    found = rows.asked("bulk_lines", 16)
    starts = np.asarray(rows.list, dtype=np.int64) * row_bytes + align
    lines = (-(-(starts + row_bytes) // 128) - starts // 128).mean()
    assert (found.requests, found.sectors) == (pytest.approx(lines), pytest.approx(4 * lines))


def test_other_methods_are_counted_as_the_model_counts_them() -> None:
    rows = listed(2052, 0)
    expected = touched("plain", row_bytes=2052, vector=4, order=np.asarray(rows.list))
    rows.next()
    assert rows.asked("plain", 4) == expected


@pytest.mark.parametrize(
    ("method", "row_bytes", "slot"),
    [("bulk", 2064, 2176), ("bulk_lines", 2064, 2176), ("bulk_lines", 2080, 2304), ("bulk", 16, 128)],
)
def test_a_slot_holds_the_longest_copy(method: str, row_bytes: int, slot: int) -> None:
    assert gathers.shared_bytes(method, row_bytes, 3) == 3 * (slot + 8)
    longest = (
        max(-(-(at + row_bytes) // 128) * 128 for at in range(0, 128, 16)) if method == "bulk_lines" else row_bytes
    )
    assert slot >= longest


def test_loads_of_threads_need_no_shared_memory() -> None:
    assert gathers.shared_bytes("plain", 2048, 4) == 0
