"""The chapter on what the model of transfers is worth, and chapters that speak of several families."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import pytest
from link_rows import link_rows

from gridstone import content
from gridstone.figure.choices import Choice, choices
from gridstone.report.family import chapters


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return link_rows().assign(sm_mhz=1900.0, verified=True)


def section(rows: pd.DataFrame) -> Any:
    module = content.load_module(content.folder("reports") / "sections" / "transfer.py")
    return module.section(rows[rows["probe"].isin(module.PROBES)])


def test_it_says_how_far_the_model_is_off_and_what_its_choices_cost(rows: pd.DataFrame) -> None:
    made = section(rows)
    found = re.fullmatch(
        r"On cells .* a model is off by ([\d.]+) % for gathers and ([\d.]+) % for scattered blocks", made.heading
    )
    assert found
    assert all(float(number) < 5 for number in found.groups())
    assert re.search(
        r"How to gather rows: of \d+ questions the model's choice, made without the cell, costs", made.lead
    )
    errors, gathers, scatters = (panel.svg for panel in made.panels)
    assert "gather, masked" in errors and "blocks, kernel, host to device" in errors
    assert ">plain<" in gathers and ">2,052 B<" in gathers
    assert ">device to host<" in scatters


def test_too_few_cells_make_no_chapter(rows: pd.DataFrame) -> None:
    assert section(rows[rows["row_bytes"] == 2048]) is None
    assert section(rows.assign(status="crashed")) is None


@pytest.mark.usefixtures("undrawn")
def test_a_chapter_across_families_comes_where_its_file_says_and_has_no_tables(rows: pd.DataFrame) -> None:
    made = list(chapters(rows, {}, {}))
    names = [chapter.family for chapter in made]
    assert names.index("gather") < names.index("scatter") < names.index("transfer") < names.index("corun")
    (across,) = (chapter for chapter in made if chapter.family == "transfer")
    assert across.tables == ()
    assert across.cells > 100
    assert "gather/zero_copy" in across.command
    without = chapters(rows[rows["probe"].str.startswith("duplex/")], {}, {})
    assert [chapter.family for chapter in without] == ["duplex"]


def test_a_matrix_of_choices_needs_one() -> None:
    words = {"rows": ["a"], "columns": ["x", "y"], "row_title": "r", "column_title": "c", "alt": "which where"}
    with pytest.raises(ValueError, match="at least one field"):
        choices({}, **words)
    svg = choices({("a", "y"): Choice(word="one_way", note="+1 %")}, **words)
    assert svg.count(">one way<") == svg.count(">+1 %<") == 1
