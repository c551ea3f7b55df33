"""The comparison with Nsight Compute's counters, on a table of its own and without it."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from plan_probes import NODE

from gridstone.content import folder, load_module

referee = load_module(folder("runners") / "ncu_referee.py")
counts = load_module(folder("runners") / "ncu_counts.py")
ncu_run = load_module(folder("runners") / "ncu_run.py")

WRITTEN = (  # by hand, in the form of ncu's raw page: gaps and counts that a sound run does not have
    Path(__file__).parent / "ncu_raw.csv"
).read_text()


def ours(counter: str, matrix: float, busy: float | None = 12_000_000.0) -> dict:
    return {
        "name": f"a kernel of {counter}",
        "counter": counter,
        "matrix": matrix,
        "instructions": 71_000_000.0,
        "cycles": 3_000_000.0,
        "busy_cycles": busy,
    }


def test_counts_are_read_from_the_raw_page() -> None:
    first, second = counts.read_counts(WRITTEN)
    assert first[counts.CYCLES] == 3_012_345
    assert first[counts.ALL] == 71_234_567
    assert first[counts.matrix_metric("hmma")] == 67_584_000
    assert second[counts.matrix_metric("imma")] == 33_792_000
    assert counts.BUSY not in second  # "n/a" there


def test_only_metrics_that_the_chip_has_are_asked_for() -> None:
    listed = (
        "sm__cycles_elapsed                 Counter   cycle   # of cycles\nsmsp__inst_executed   Counter   inst   # of"
    )
    assert counts.given(listed) == (counts.ALL, counts.CYCLES)
    assert counts.given("==ERROR== no device") == counts.METRICS


def test_a_count_within_one_per_cent_agrees() -> None:
    records = counts.compare([ours("hmma", 67_584_000), ours("imma", 34_500_000)], counts.read_counts(WRITTEN))
    found = {(r["kernel"], r["quantity"]): r["agrees"] for r in records}
    assert found["a kernel of hmma", "matrix instructions"]
    assert found["a kernel of hmma", "instructions"]
    assert found["a kernel of hmma", "cycles"]
    assert found["a kernel of imma", "matrix instructions"] is False
    assert found["a kernel of imma", "tensor pipe busy"] is None
    json.dumps(records)


def test_where_nothing_is_known_of_busy_pipes_none_is_compared() -> None:
    records = counts.compare([ours("hmma", 1.0, busy=None), ours("imma", 1.0)], counts.read_counts(WRITTEN))
    assert [r["quantity"] for r in records if r["kernel"] == "a kernel of hmma"] == [
        "matrix instructions",
        "instructions",
        "cycles",
    ]


def test_kernels_that_ncu_did_not_see_are_an_error() -> None:
    with pytest.raises(ValueError, match="ncu saw 2 kernels, 1 were run"):
        counts.compare([ours("hmma", 1.0)], counts.read_counts(WRITTEN))


def test_what_ncu_says_instead_of_a_table_is_passed_on() -> None:
    said = "==PROF== Connected to process 7\n==ERROR== ERR_NVGPUCTRPERM - The user does not have permission"
    with pytest.raises(ValueError, match="ERR_NVGPUCTRPERM"):
        counts.read_counts(said)


def test_instructions_of_an_iteration() -> None:
    assert counts.instructions_per_iteration("HMMA.16816.F32*64 UIADD3*2 BRA*1") == 67


def test_cases_are_shapes_of_the_declaration() -> None:
    bench = load_module(folder("bench") / "mma.py")
    shapes = [bench.Shape(*case.shape) for case in counts.CASES]
    assert len(shapes) == 5 and set(shapes) <= bench.FLOATS | bench.INTEGERS
    for case, shape in zip(counts.CASES, shapes, strict=True):
        opcode, times = bench.machine_code(shape, 90)[0]
        assert opcode.lower().startswith(case.counter) and times == case.each


def test_busy_tensor_cores_are_busy_throughout_or_for_as_long_as_their_work_takes() -> None:
    by_name = {case.name: case for case in counts.CASES}
    half, double = by_name["mma m16n8k16 f16 x f16 + f32"], by_name["mma m16n8k8 f64 x f64 + f64"]
    assert referee.busy_cycles(half, 1000.0, 2e6, (4096, "")) == 4000
    assert referee.busy_cycles(double, 1000.0, 240e3, (256, "")) == 4 * 240e3 / 256  # in gaps of its own
    assert referee.busy_cycles(by_name["mma m16n8k32 e4m3 x e4m3 + f32"], 1000.0, 2e6, (4096, "")) is None


def test_without_ncu_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(ncu_run, "find_ncu", lambda: None)
    assert referee.main([]) == 3
    assert "no ncu (Nsight Compute)" in capsys.readouterr().err


def test_what_was_counted_on_a_gpu_is_judged_again(tmp_path: Path) -> None:
    kept = Path(__file__).parents[2] / "results" / "reference" / "nvidia-h100" / "referee"
    if not kept.is_dir():
        pytest.skip("the reference results are in a checkout only")
    for name in ("ncu.csv", "ours.json"):
        shutil.copy(kept / name, tmp_path / name)
    ncu_run.judge(referee.REFEREE, tmp_path)
    records = json.loads((tmp_path / "referee.json").read_text())
    assert records == json.loads((kept / "referee.json").read_text())
    assert len({r["kernel"] for r in records}) == 5
    assert all(abs(r["ratio"] - 1) < 0.002 for r in records if "instructions" in r["quantity"])


STAND_IN = """#!{python}
import json, pathlib, sys
if "--query-metrics" in sys.argv:
    print("sure counter\\ndoubtful counter")
    sys.exit()
table = pathlib.Path(sys.argv[sys.argv.index("--log-file") + 1])
wanted = sys.argv[sys.argv.index("--metrics") + 1].split(",")
ours = pathlib.Path(sys.argv[-1])
ours.write_text(json.dumps([{{"name": "one"}}]))
counted = [] if "doubtful.sum" in wanted else ['"ID","sure.sum"', '"","inst"', '"0","7"']
table.write_text("\\n".join(["==PROF== Connected", *counted]))
"""


def test_a_metric_that_spoils_the_others_is_left_out_the_second_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = tmp_path / "ncu"
    stand_in.write_text(STAND_IN.format(python=sys.executable))
    stand_in.chmod(0o755)
    monkeypatch.setattr("gridstone.device.discover", lambda: NODE)
    monkeypatch.setattr(ncu_run, "find_ncu", lambda: str(stand_in))
    compared: list[object] = []
    made = ncu_run.Referee(
        script=tmp_path / "script.py",
        metrics=("sure.sum", "doubtful.sum", "absent.sum"),
        doubtful=("doubtful.sum",),
        limit_s=60.0,
        run=list,
        compare=lambda ours, theirs: compared.append((ours, theirs)) or [],
        show=lambda records: True,
    )
    assert ncu_run.main(made, "", "", ["--out", str(tmp_path / "out")]) == 0
    assert compared == [([{"name": "one"}], [{"sure.sum": 7.0}])]
