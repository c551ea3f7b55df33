"""The sections on the host link, on rows of a machine with known laws: claims, pictures, and what is missing."""

from __future__ import annotations

import math
import re
from types import ModuleType
from typing import Any

import pandas as pd
import pytest
from link_rows import COSTS, LINK, link_rows

from gridstone import content

FAMILIES = ("gather", "scatter", "duplex", "corun")


def chapter(name: str) -> ModuleType:
    return content.load_module(content.folder("reports") / "sections" / f"{name}.py")


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return link_rows()


def of(rows: pd.DataFrame, family: str) -> pd.DataFrame:
    return rows[rows["probe"].str.startswith(f"{family}/")].dropna(axis=1, how="all")


def test_the_law_of_lines_is_the_one_that_models_are_fitted_to(rows: pd.DataFrame) -> None:
    found = chapter("_gather_lines").law(of(rows, "gather"))
    assert found.bandwidth == pytest.approx(LINK, rel=1e-4)
    assert found.costs == pytest.approx(COSTS, abs=0.02)
    assert found.cells["error"].abs().max() < 1e-3
    assert set(found.cells["method"]) == {"plain", "circular", "masked", "warp_per_row", "bulk", "bulk_lines"}


def test_too_few_gathers_have_no_law(rows: pd.DataFrame) -> None:
    gathers = of(rows, "gather")
    assert chapter("_gather_lines").law(gathers[gathers["row_bytes"] == 128].head(5)) is None
    assert chapter("_gather_lines").law(of(rows[rows["probe"] == "gather/cpu"], "gather")) is None


def test_methods_off_their_count_are_named_with_the_way(rows: pd.DataFrame) -> None:
    gathers = of(rows, "gather")
    odd = (gathers["probe"] == "gather/zero_copy") & (gathers["method"] == "circular") & (gathers["align"] > 0)
    slowed = gathers.assign(value=gathers["value"].where(~odd, gathers["value"] / 2))
    words = chapter("_gather_lines").said(chapter("_gather_lines").law(slowed))
    assert re.search(r"the others are of circular \(\d+, slower than their count\)", words)


def test_training_s_gain_is_told_from_that_of_the_data(rows: pd.DataFrame) -> None:
    said = chapter("_gather_graph").gain(of(rows, "gather"))
    # 1.2e8 B at 50 and at 18 GB/s: 2.4 and 6.67 ms, and products of 1 ms
    assert "178 % faster in place" in said
    assert "an epoch with every vertex a seed once takes 39.3 s" in said
    assert "training would gain 125 % where data and products take turns and 158 % where they overlap" in said
    assert "what these data times give where a batch's other work takes 2.24 ms and 4.16 ms" in said


def test_the_gather_section_claims_what_the_rows_hold(rows: pd.DataFrame) -> None:
    made = chapter("gather").section(of(rows, "gather"))
    assert made.heading.startswith("The GPU reads rows of 2 KiB in place at 50 GB/s")
    assert "times the host's gather and copy" in made.heading
    assert re.search(r"58\.?\d* GB/s of sectors of 32 B and of the 20 B around them", made.lead)
    assert re.search(r"KiB under way \(\d+ SMs? of \d+ warps with \d loads? each\)", made.lead)
    assert "Fewer bytes are bound by the 1.2 us that a load takes" in made.lead
    assert re.search(r"ahead of the plain one in (\d+) of the \1 cells", made.lead)
    assert "reach at least 100.0 % of rows that lie in order" in made.lead
    assert "Features of a mini-batch of a graph come 178 % faster in place" in made.lead
    captions = " ".join(panel.caption for panel in made.panels)
    for what in (
        "2,048 to 2,176",
        "alignment",
        "each kind of host memory",
        "several ways",
        "1,024 rows",
        "staging",
        "R-MAT",
    ):
        assert what in captions


def test_without_a_gpu_the_host_s_part_is_reported(rows: pd.DataFrame) -> None:
    alone = of(rows[rows["probe"] == "gather/cpu"], "gather")
    made = chapter("gather").section(alone)
    assert made.heading.startswith("The host's threads gather rows of")
    assert len(made.panels) == 1


def test_knees_are_where_nine_tenths_are_reached(rows: pd.DataFrame) -> None:
    scatter = chapter("scatter")
    made = scatter.section(of(rows, "scatter"))
    assert re.match(r"Scattered blocks fill 90 % of the link from \d", made.heading)
    assert "Fastest host to device: " in made.lead
    assert re.search(r"A block of 4 KiB takes host to device kernel 99.\d ns, packed ", made.lead)
    assert re.search(r"Blocks of 4 KiB that lie together and share a copy: \d+\.\d times as fast", made.lead)
    assert sum("groups" in panel.caption for panel in made.panels) == 2
    cells = pd.DataFrame(
        {"method": "batch", "threads": 1, "block": [1024, 4096, 16384], "value": [10.0, 70.0, 100.0], "status": "ok"}
    )
    assert scatter.knees(cells, 100.0)["batch"] == pytest.approx(4096 * 4 ** (20 / 30))
    assert scatter.knees(cells, 200.0)["batch"] == math.inf


def test_duplex_compares_both_ways_with_one(rows: pd.DataFrame) -> None:
    made = chapter("duplex").section(of(rows, "duplex"))
    assert made.heading == "Both ways at once the link carries 93.5 GB/s, 1.70 times one way"
    assert "host to device keeps 85 %" in made.lead
    assert len(made.panels) == 3


def test_co_run_names_the_pairs_that_do_not_disturb_each_other(rows: pd.DataFrame) -> None:
    corun = chapter("corun")
    made = corun.section(of(rows, "corun"))
    assert (
        made.heading
        == "In 19 of 21 pairs that share the GPU neither is disturbed; gather goes 2.10 times slower beside h2d"
    )
    assert "tensor with stream" in made.lead
    assert "stream with gemv" not in made.lead
    svg = made.panels[0].svg
    assert svg.count(">2.10<") == 1
    assert svg.count(">1.70<") == 1


def test_an_ordered_pair_is_seen_from_both_sides(rows: pd.DataFrame) -> None:
    ordered = chapter("corun").ordered_pairs(of(rows, "corun"))
    wide = ordered[(ordered["kind"] == "gemv") & (ordered["other"] == "stream") & (ordered["split"] == 75)]
    assert wide["value"].iloc[0] == pytest.approx(1 + 0.8 * 1.5)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_section_stands_on_any_probe_alone(rows: pd.DataFrame, family: str) -> None:
    module = chapter(family)
    for probe in module.PROBES:
        made: Any = module.section(of(rows[rows["probe"] == probe], family))
        assert made.heading
        broken = rows[rows["probe"] == probe].assign(status="crashed", value=math.nan)
        assert module.section(of(pd.concat([broken, rows[rows["probe"] == module.PROBES[0]].head(1)]), family)).heading
