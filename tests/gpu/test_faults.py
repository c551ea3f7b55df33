"""Cells that break the GPU cost themselves and nothing else; code that is not what it claims is not believed."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

PROBES = '''
import numpy as np
from gridstone import loop, probe, seconds


@probe("wrong.cu", fault=["none", "address", "hang", "memory", "result"], knobs=["fault"], measures=seconds())
def wrong(gpu, *, fault):
    """Fails in one way, or in none."""
    out = gpu.alloc(4).view(np.uint32)
    if fault == "memory":
        gpu.alloc(1 << 42)
    return gpu.launch(grid=1, block=32, args=[out], work=1, poison=lambda: gpu.memset(out, 0xFF),
                      verify=lambda: int(out.get()[0]) == 1)


@probe("wrong.cu", fault=["none"], knobs=["fault"], measures=seconds(), sass={"sm_80+": loop("DFMA", count=4)})
def claims(gpu, *, fault):
    """Claims what its machine code does not hold."""
    return gpu.launch(grid=1, block=32, args=[gpu.alloc(4)], work=1)
'''
KERNEL = """
extern "C" __global__ void probe(unsigned* out) {
#if defined(FAULT_ADDRESS)
    *(volatile unsigned*)0x10 = 1;
#elif defined(FAULT_HANG)
    while (*(volatile unsigned*)out != 77) {}
#elif defined(FAULT_RESULT)
    *out = 2;
#else
    *out = 1;
#endif
}
"""


@pytest.fixture(scope="module")
def rows(measure: Callable[..., pd.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("faulty")
    (folder / "faults.py").write_text(PROBES)
    (folder / "wrong.cu").write_text(KERNEL)
    return measure("faults", "--bench", str(folder), "--timeout", "3s")


def _fate(rows: pd.DataFrame, fault: str) -> tuple[str, str]:
    found = rows[(rows["probe"] == "faults/wrong") & (rows["fault"] == fault)]
    assert len(found) == 1
    return str(found.iloc[0]["status"]), str(found.iloc[0]["reason"])


def test_a_sound_cell_beside_them_is_measured(rows: pd.DataFrame) -> None:
    assert _fate(rows, "none")[0] == "ok"


def test_an_illegal_address_crashes_its_cell(rows: pd.DataFrame) -> None:
    status, reason = _fate(rows, "address")
    assert status == "crashed" and "illegal" in reason.lower().replace("_", " ")


def test_a_hang_ends_in_a_timeout(rows: pd.DataFrame) -> None:
    status, reason = _fate(rows, "hang")
    assert status == "timeout" and "no answer within" in reason


def test_memory_that_is_not_there_crashes_its_cell(rows: pd.DataFrame) -> None:
    status, reason = _fate(rows, "memory")
    assert status == "crashed" and "memory" in reason.lower()


def test_a_wrong_result_is_not_believed(rows: pd.DataFrame) -> None:
    assert _fate(rows, "result") == ("unverified", "the result differs from the reference")


def test_a_broken_contract_is_not_believed(rows: pd.DataFrame) -> None:
    (claim,) = rows[rows["probe"] == "faults/claims"].to_dict("records")
    assert claim["status"] == "unverified" and "no loop holds DFMA" in claim["reason"] and not claim["sass_ok"]


def test_every_cell_has_its_row_and_none_is_left(rows: pd.DataFrame) -> None:
    assert len(rows) == 6 and not rows.duplicated(["cell_id", "metric"]).any()
