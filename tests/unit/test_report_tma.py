"""The section of the TMA family: its claims, its facts, and that it stands with few rows or flawed ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from synthetic import synthetic_run
from synthetic_tma import tma_cells

from gridstone import content
from gridstone.report.runs import select

module: Any = content.load_module(content.folder("reports") / "sections" / "tma.py")
PROBES = tuple(dict.fromkeys(probe for probe, _, _ in tma_cells()))


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("runs")
    return select(synthetic_run(folder, probes=PROBES, flaws=False)).rows


def test_every_probe_is_drawn(rows: pd.DataFrame) -> None:
    assert set(module.PROBES) == set(PROBES)
    section = module.section(rows)
    assert len(section.panels) == 11
    assert all(panel.svg.startswith("<svg") and panel.caption for panel in section.panels)


def test_the_heading_is_the_best_load_from_dram(rows: pd.DataFrame) -> None:
    section = module.section(rows)
    assert "from DRAM, 95 % of its limit" in section.heading
    assert "boxes of" in section.lead and "per SM" in section.lead
    assert "where a plain load takes 2" in section.lead
    assert "A copy within DRAM reaches" in section.lead


def test_the_least_that_is_enough_is_no_more_than_the_best(rows: pd.DataFrame) -> None:
    one = rows[(rows["probe"] == "tma/throughput") & (rows["pattern"] == "load") & (rows["tier"] == "dram")]
    loads = one[one["metric"] == "bandwidth"].copy()
    loads["value"] = 1e12
    loads.loc[(loads["bytes"] == 4096) & (loads["stages"] == 8), "value"] = 4.5e12
    loads.loc[(loads["bytes"] == 65536) & (loads["stages"] == 2), "value"] = 4.52e12
    assert "8 boxes of 4 KiB in one block" in module._said.lead(rows[:0], loads)


def test_boxes_that_bring_what_plain_loads_do_are_told(rows: pd.DataFrame) -> None:
    some = rows[(rows["metric"] == "bandwidth") & (rows["tier"] == "dram")].copy()
    loads = (some["probe"] == "tma/throughput") & (some["pattern"] == "load")
    plain = (some["probe"] == "tma/in_flight") & (some["method"] == "plain")
    small = loads & (some["bytes"] == 4096) & (some["stages"] == 8)
    for name in ("value", "lo", "hi"):
        some.loc[loads, name], some.loc[plain, name], some.loc[small, name] = 3e12, 2.5e12, 2.6e12
        some.loc[loads & (some["bytes"] < 4096), name] = 1e12
    told = module._said.lead(some, some[loads])
    assert (
        "Plain loads bring 2.5 TB/s at most, bulk copies as much from one box of 4 KiB in one block per SM on." in told
    )
    some.loc[plain, ["value", "lo", "hi"]] = 3.5e12
    assert "Plain loads bring more: 3.5 TB/s." in module._said.lead(some, some[loads])


def test_facts_have_the_names_of_published_values(rows: pd.DataFrame) -> None:
    facts = {fact.quantity: fact for fact in module.section(rows).facts}
    assert facts["tma_latency_l2"].value == pytest.approx(264 + 175, rel=0.01)
    assert facts["tma_latency_dram"].value == pytest.approx(655 + 175, rel=0.01)
    assert facts["tma_bandwidth_peak"].value <= facts["tma_bandwidth_peak"].limit
    assert facts["little_latency_dram_plain"].value == pytest.approx(655, rel=0.1)
    assert facts["little_latency_l2_bulk"].value == pytest.approx(264 + 175, rel=0.1)


def test_what_waits_for_the_thread_that_starts_boxes_is_no_latency(rows: pd.DataFrame) -> None:
    """Where a box can start every 200 cycles, four small ones under way come no faster than two and a half."""
    slow = rows.copy()
    moved = (slow["metric"] == "bandwidth_sm") & (slow["tier"] == "l2")
    boxes = moved & (slow["probe"] == "tma/throughput") & (slow["pattern"] == "load")
    quarters = moved & (slow["probe"] == "tma/in_flight") & (slow["method"] == "bulk")
    slow.loc[boxes, "value"] = slow.loc[boxes, "value"].clip(upper=slow.loc[boxes, "bytes"] / 200)
    slow.loc[quarters, "value"] = slow.loc[quarters, "value"].clip(upper=slow.loc[quarters, "in_flight"] / 4 / 200)
    section = module.section(slow)
    facts = {fact.quantity: fact for fact in section.facts}
    assert facts["little_latency_l2_bulk"].value == pytest.approx(264 + 200, rel=0.1)
    captions = " ".join(panel.caption for panel in section.panels)
    assert "(Little's law, of bulk copies by the boxes that do best): " in captions
    assert "One thread starts a box every 200 cycles at best." in captions
    assert captions.count("starts a box every") == 1  # from DRAM boxes come later than they start


@pytest.mark.parametrize("probe", PROBES)
def test_one_probe_alone_makes_a_section(rows: pd.DataFrame, probe: str) -> None:
    section = module.section(rows[rows["probe"] == probe].dropna(axis="columns", how="all"))
    assert section.heading and section.panels


@pytest.mark.parametrize("axis", ["method", "tier", "function", "pattern", "form"])
def test_words_of_another_version_are_shown_as_they_are(rows: pd.DataFrame, axis: str) -> None:
    other = rows.copy()
    other[axis] = other[axis].where(other[axis].isna(), "teleported")
    assert module.section(other).heading


@pytest.mark.parametrize("probe", PROBES)
def test_a_single_flawed_row_makes_a_section(rows: pd.DataFrame, probe: str) -> None:
    one = rows[rows["probe"] == probe].head(1).assign(status="unverified")
    section = module.section(one)
    assert section.heading and not section.facts


def test_the_page_takes_the_section(tmp_path: Path) -> None:
    from gridstone.report import render

    run = synthetic_run(tmp_path, probes=PROBES)
    assert "Bulk copies bring" in render(run).read_text(encoding="utf-8")
