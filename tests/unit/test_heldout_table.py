"""The table of docs/models.md: what models say of their own errors, put where the page has a place for it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from fitted_machine import model_folder

import gridstone.model
from gridstone.content import folder, load_module

heldout = load_module(folder("reports") / "heldout_table.py")


def test_a_row_per_function_says_what_the_model_says_of_it() -> None:
    model = gridstone.model.load(model_folder())
    head, _, *rows = heldout.table([model, model]).splitlines()
    assert head.count("Test GPU: cells") == 2
    assert [row.split("`")[1] for row in rows] == list(model.functions)
    random = model.functions["host_time"].quality["random"]
    (row,) = (row for row in rows if "host_time" in row)
    cells = [str(random["n"]), f"{100 * random['median']:.2f} %", f"{100 * random['p95']:.2f} %"]
    assert row.split(" | ")[1:4] == cells and row.split(" | ")[5:8] == cells


def test_a_function_without_held_out_cells_has_an_empty_row() -> None:
    model = gridstone.model.load(model_folder())
    few = dataclasses.replace(model.functions["host_time"], quality={"random": None})
    beside = dataclasses.replace(model, functions={"host_time": few})
    row = next(line for line in heldout.table([model, beside]).splitlines() if "`host_time`" in line)
    first, second = row.strip("| ").split(" | ")[1:5], row.split("|")[6:10]
    assert all(first) and [cell.strip() for cell in second] == [""] * 4


def test_the_page_has_a_place_for_it(tmp_path: Path) -> None:
    page = folder("docs") / "models.md"
    if not page.is_file():
        pytest.skip("needs a checkout")
    copy = tmp_path / "models.md"
    copy.write_text(page.read_text(encoding="utf-8"), encoding="utf-8")
    heldout.main([model_folder()], copy)
    assert "| function | Test GPU: cells |" in copy.read_text(encoding="utf-8")
    copy.write_text("nothing", encoding="utf-8")
    with pytest.raises(ValueError, match="the page has no"):
        heldout.main([model_folder()], copy)
