"""`gridstone advise` as a person types it: right questions and slips, from outside the process too."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fitted_link import link_model

from gridstone.cli import main


@pytest.fixture(scope="module")
def model() -> Path:
    return link_model()


def said(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as leaving:
        main([str(word) for word in words])
    out, err = capsys.readouterr()
    return int(leaving.value.code or 0), out, err


def test_a_gather_is_advised(capsys: pytest.CaptureFixture[str], model: Path) -> None:
    code, out, err = said(capsys, "advise", model, "gather", "rows=1e6", "row_bytes=2052", "align=4")
    first, _, *lines = out.splitlines()
    assert (code, err) == (0, "")
    assert first.startswith(("masked: the best with probability ", "circular: the best with probability "))
    assert lines[0].split()[0] == first.partition(":")[0]
    assert "bulk was not weighed" in out
    assert "cells that were held out, the choice cost" in out


def test_every_decision_is_listed_with_its_arguments(capsys: pytest.CaptureFixture[str], model: Path) -> None:
    record = json.loads(said(capsys, "advise", model, "--json")[1])
    assert record["scatter"]["required"] == ["blocks", "block_bytes"]
    assert record["gather"]["arguments"]["working_set"] is None
    text = said(capsys, "advise", model)[1]
    assert all(f"{name}({', '.join(one['required'])}" in text for name, one in record.items())


def test_a_larger_table_and_sizes_in_words(capsys: pytest.CaptureFixture[str], model: Path) -> None:
    words = ("advise", model, "gather", "rows=100000", "row_bytes=128", "--json")
    near, far = (json.loads(said(capsys, *words, *more)[1]) for more in ((), ("working_set=4GiB",)))
    assert far["arguments"]["working_set"] == 4 << 30
    assert far["ranking"][0]["cost"]["value"] > 2 * near["ranking"][0]["cost"]["value"]


def test_what_was_not_measured_is_weighed_when_asked_to(capsys: pytest.CaptureFixture[str], model: Path) -> None:
    words = ("advise", model, "scatter", "blocks=3", "block_bytes=64KiB")
    code, out, err = said(capsys, *words)
    assert (code, out) == (2, "")
    assert "blocks=3 is outside what was measured (at least 256)" in err
    assert "--extrapolate flag" in err
    code, out, err = said(capsys, *words, "--extrapolate", "flag")
    assert (code, err) == (0, "")
    assert out.count("OUT OF DOMAIN") == 4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gathr"], "no decision gathr: did you mean gather?"),
        (["weighed"], "no decision weighed"),
        (["gather"], "gather needs rows=, row_bytes= (it takes rows, row_bytes, [align=0]"),
        (["gather", "rows=1", "row_byte=4"], "no argument row_byte: did you mean row_bytes?"),
        (["gather", "rows=1", "rows=4"], "rows is given twice"),
        (["gather", "rows=1", "row_bytes"], "row_bytes has no value"),
        (["gather", "rows=1", "row_bytes="], "row_bytes has no value"),
        (["gather", "rows=1.5", "row_bytes=4"], "rows=1.5 is not a whole number"),
        (["gather", "rows=inf", "row_bytes=4"], "rows=inf is not a whole number"),
        (["gather", "rows=many", "row_bytes=4"], "rows=many is not a number"),
        (["gather", "rows=-1", "row_bytes=4"], "positive numbers"),
        (["gather", "rows=9", "row_bytes=1TiB"], "nothing to choose among"),
        (["scatter", "blocks=256", "block_bytes=4KiB", "direction=up"], "direction=up: write h2d or d2h or both"),
        (["corun", "kind=gather", "split=half"], "split=half is not a number"),
        (["corun", "kind=gather", "model=x"], "no argument model"),
        (["corun", "kind=gather", "--extrapolate", "maybe"], "write refuse or flag"),
    ],
)
def test_a_slip_gets_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], model: Path, words: list[str], message: str
) -> None:
    code, out, err = said(capsys, "advise", model, *words)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_no_model_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert said(capsys, "advise", tmp_path / "none", "gather")[0] == 2
    assert "not a gridstone model" in said(capsys, "advise", tmp_path, "gather")[2]


def test_decisions_need_numpy_alone(model: Path) -> None:
    code = (
        "import sys; from gridstone.advise import scatter; from gridstone.model import load;"
        f"scatter(load({str(model)!r}), blocks=256, block_bytes=4096);"
        "print(sorted({m.partition('.')[0] for m in sys.modules} & {'pandas', 'scipy', 'typer', 'rich', 'pyarrow'}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
