"""The sections on wgmma, FP8 and power: claims from the rows, pictures of all of them, and runs that lack most."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensor_cells import tensor_run

from gridstone import content
from gridstone.declaration import Probe
from gridstone.plan.catalogue import load_probes
from gridstone.report import Section, render
from gridstone.report.family import chapters
from gridstone.report.runs import select

wgmma = content.load_module(content.folder("reports") / "sections" / "wgmma.py")
declared = content.load_module(content.folder("bench") / "wgmma.py")


def sections(run: Path) -> dict[str, Section]:
    chosen = select(run)
    axes = {p.name: [a.name for a in p.axes] for p in load_probes()}
    return {c.family: c.section for c in chapters(chosen.rows, axes, {})}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Section]:
    return sections(tensor_run(tmp_path_factory.mktemp("runs")))


def test_headings_are_claims(whole: dict[str, Section]) -> None:
    assert "of their limit" in whole["wgmma"].heading
    assert "keep 13 binary places with e4m3" in whole["fp8"].heading
    assert whole["power"].heading.startswith("bf16 sustains")
    assert "W with random operands" in whole["power"].heading


def test_the_n_from_which_a_type_saturates_is_said(whole: dict[str, Section]) -> None:
    assert "N = 40 with" in whole["wgmma"].lead


def test_facts_carry_the_names_of_published_values(whole: dict[str, Section]) -> None:
    names = {fact.quantity for fact in whole["wgmma"].facts}
    assert {"wgmma_n256_issue_interval", "wgmma_f16_n256_zeros", "wgmma_fp8_n256_zeros"} <= names


def test_every_kind_of_wgmma_stands_in_the_table(whole: dict[str, Section]) -> None:
    (table,) = (panel.svg for panel in whole["wgmma"].panels if panel.svg.startswith("<table"))
    assert table.count("<tr>") > 10
    assert ">40<" in table  # the N from which this made-up type is as fast as at 256


def test_power_is_drawn_over_what_changes_with_its_law(whole: dict[str, Section]) -> None:
    captions = [panel.caption for panel in whole["power"].panels]
    for what in ("Power at equilibrium", "SM clock at equilibrium", "Operations per second", "Energy per operation"):
        (said,) = (c for c in captions if c.startswith(what) and "bits that change" in c)
        assert "The curve is the fitted law" in said


def test_saturation_of_warpgroups_has_its_law_and_its_point(whole: dict[str, Section]) -> None:
    said = [p.caption for p in whole["wgmma"].panels if "keeps under way" in p.caption]
    assert said
    assert all("of the most is there with" in caption and "a latency of" in caption for caption in said)


@pytest.mark.parametrize("probe", [p.name for p in load_probes() if p.family in ("wgmma", "fp8", "power")])
def test_a_run_of_one_probe_alone_has_its_section(probe: str, tmp_path: Path) -> None:
    found = sections(tensor_run(tmp_path, probes=(probe,), profile="quick", flaws=True))
    assert found[probe.split("/")[0]].heading


def test_a_page_with_flawed_cells_is_made(tmp_path: Path) -> None:
    page = render(tensor_run(tmp_path, flaws=True, profile="quick")).read_text(encoding="utf-8")
    assert "Energy per operation" in page
    assert "Issue interval" in page or "m64n256" in page


@pytest.mark.parametrize(
    ("n", "speed", "least"),
    [([8, 16, 32, 64], [1, 2, 4, 4], 32), ([8, 16, 32], [4, 4, 4], 8), ([8, 16, 32], [4, 2, 4], 32)],
)
def test_saturation_counts_from_above(n: list[int], speed: list[float], least: int) -> None:
    assert wgmma.saturated_from(n, speed) == least


def test_every_cell_is_an_instruction_that_ptx_has() -> None:
    probes: dict[str, Probe] = {p.name: p for p in load_probes()}
    for name in ("latency", "interval", "accumulators", "layout", "throughput", "saturation"):
        for axes in probes[f"wgmma/{name}"].points("full"):
            kind = (axes["a_type"], axes["b_type"], axes["acc_type"])
            assert declared.offered(kind, axes["tile_n"], axes.get("sparse", False))
            (contract,) = probes[f"wgmma/{name}"].contracts("sm_90a", axes) or ()
            assert contract.clocked and contract.count == 8


def test_n_is_swept_whole_for_every_format() -> None:
    interval = next(p for p in load_probes() if p.name == "wgmma/interval")
    swept: dict[str, set[int]] = {}
    for axes in interval.points("standard"):
        if axes["source"] == "ss" and not axes["sparse"]:
            swept.setdefault(str(axes["a_type"]), set()).add(int(axes["tile_n"]))
    for dtype in ("f16", "bf16", "tf32", "e4m3", "e5m2"):
        assert swept[dtype] == set(range(8, 257, 8))
    for dtype in ("s8", "b1"):
        assert len(swept[dtype]) == 18
