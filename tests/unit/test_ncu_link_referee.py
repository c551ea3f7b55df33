"""The comparison of lines and sectors with Nsight Compute's counters, on tables written by hand."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from gridstone.content import folder, load_module

referee = load_module(folder("runners") / "ncu_link_referee.py")
ncu_run = load_module(folder("runners") / "ncu_run.py")


def ours(name: str = "plain 2048 B by 16", rows: int = 8192) -> dict[str, Any]:
    """A case of 64 sectors and 16 requests a row."""
    return {"name": name, "rows": rows, "method": "plain", "row_bytes": 2048, "align": 0, "vector": 16}


def raw(kernels: list[dict[str, str]]) -> str:
    """ncu's raw page: remarks, a row of names, one of units, then a row per kernel."""
    made = io.StringIO()
    names = ["ID", "Kernel Name", *dict.fromkeys(name for kernel in kernels for name in kernel)]
    writer = csv.DictWriter(made, names, quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerow({"ID": "", "Kernel Name": ""})
    for number, kernel in enumerate(kernels):
        writer.writerow({"ID": str(number), "Kernel Name": "probe", **kernel})
    return "==PROF== Connected to process 7\n" + made.getvalue()


def left(where: Path, kernels: list[dict[str, str]], mine: list[dict[str, Any]]) -> Path:
    (where / "ncu.csv").write_text(raw(kernels))
    (where / "ours.json").write_text(json.dumps(mine))
    return where


def judge(folder: Path) -> int:
    code: int = ncu_run.judge(referee.REFEREE, folder)
    return code


def test_counts_that_agree_end_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    moved = 32 * 524_288 + 12 * 131_072
    kernels = [{referee.FILLED: "524,300", referee.PCIE: str(moved)}]
    assert judge(left(tmp_path, kernels, [ours()])) == 0
    assert "2 of 2 counts agree" in capsys.readouterr().out


def test_what_ncu_did_not_give_is_not_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert judge(left(tmp_path, [{referee.FILLED: "524,288"}], [ours()])) == 0
    out = capsys.readouterr().out
    assert "1 of 1 counts agree" in out
    assert "requests on the link" in out and "not given by ncu" in out
    records = json.loads((tmp_path / "referee.json").read_text())
    assert {r["quantity"]: r["agrees"] for r in records}["requests on the link"] is None


def test_a_count_that_differs_is_shown_with_its_difference_and_what_explains_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hits = "l1tex__t_sectors_pipe_lsu_mem_global_op_ld_lookup_hit.sum"
    kernels = [{referee.FILLED: "655360", hits: "81920"}]
    assert judge(left(tmp_path, kernels, [ours()])) == 1
    out = capsys.readouterr().out
    assert "+25.00 %" in out
    line = next(line for line in out.splitlines() if hits.removesuffix(".sum") in line)
    assert line.endswith("10.00")


def test_kernels_that_ncu_did_not_see_are_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert judge(left(tmp_path, [{referee.SECTORS: "1"}], [ours(), ours()])) == 3
    assert "ncu saw 1 kernels, 2 were run" in capsys.readouterr().err


def test_nothing_that_could_be_compared_is_no_agreement(tmp_path: Path) -> None:
    assert judge(left(tmp_path, [{"some__other.sum": "1"}], [ours()])) == 1


def test_what_was_counted_on_a_gpu_is_what_the_law_counts_but_for_plain_misaligned_rows(tmp_path: Path) -> None:
    kept = Path(__file__).parents[2] / "results" / "reference" / "nvidia-h100" / "referee-link"
    if not kept.is_dir():
        pytest.skip("the reference results are in a checkout only")
    for name in ("ncu.csv", "ours.json"):
        shutil.copy(kept / name, tmp_path / name)
    judge(tmp_path)
    records = json.loads((tmp_path / "referee.json").read_text())
    assert records == json.loads((kept / "referee.json").read_text())
    judged = [record for record in records if record["ratio"] is not None]
    assert len(judged) == 2 * len(referee.CASES)
    others = [one for one in judged if not (one["gather"].startswith("plain") and one["gather"].endswith("by 4"))]
    assert all(abs(one["ratio"] - 1) < 0.02 for one in others)


def test_every_case_is_a_gather_that_can_be_made() -> None:
    bench = load_module(folder("bench") / "_gathering.py")
    assert len({case.name for case in referee.CASES}) == len(referee.CASES)
    for case in referee.CASES:
        assert bench.fits(case.method, case.row_bytes, case.align, case.vector)


def test_without_ncu_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(ncu_run, "find_ncu", lambda: None)
    assert referee.main([]) == 3
    assert "no ncu (Nsight Compute)" in capsys.readouterr().err
