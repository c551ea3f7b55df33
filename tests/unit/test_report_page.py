"""The page as a whole: complete, self-contained, tolerant of what is missing, and never fooled by what it shows."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from synthetic import GPU, HOSTILE, NO_GPU, UUID, synthetic_run

from gridstone.report import render
from gridstone.report.family import chapters
from gridstone.report.runs import select
from gridstone.store import FORMAT, Row, Run, StoreError
from gridstone.store.schema import table

FAST = ("bandwidth/dram", "launch/sync", "host/file")


class Page(HTMLParser):
    """Tags with their attributes, the text outside style and script, and the text of headings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.headings: list[str] = []
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)
        if tag == "h2":
            self.headings.append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in ("style", "script"):
            return
        self.text += data
        if "h2" in self._open:
            self.headings[-1] += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthetic_run(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def page(run: Path) -> Page:
    written = render(run)
    assert written == run / "report.html"
    return Page(written.read_text(encoding="utf-8"))


def test_the_page_says_what_was_reached_and_what_failed(page: Page) -> None:
    assert "DRAM read reaches 95 % of its limit" in page.text
    for status in ("skipped", "crashed", "timeout", "unverified", "throttled", "impossible"):
        assert status in page.text
    assert "killed by signal 11 (SIGSEGV)" in page.text


def test_each_family_has_a_claim_computed_from_its_rows(page: Page) -> None:
    headings = " | ".join(page.headings)
    assert re.search(r"L1 hits take 32 cycles, near L2 20\d, far L2 40\d and DRAM 6\d\d", headings)
    assert "DRAM reaches 95 % of its limit reading, 9" in headings
    assert re.search(r"Copies reach 55\.\d GB/s host to device", headings)
    assert "An empty kernel costs 1.9 us back to back with cuda-core" in headings
    assert "On the host, " in headings


def test_the_identity_card_tells_the_clocks_that_were_seen(run: Path, page: Page) -> None:
    clocks = select(run).rows["sm_mhz"].dropna()
    assert f"{clocks.min():.0f} / {clocks.median():.0f} / {clocks.max():.0f} MHz" in page.text
    assert GPU in page.text and UUID in page.text and "580.82.07" in page.text


def test_every_row_is_in_a_table_and_every_figure_has_a_name(run: Path, page: Page) -> None:
    rows = sum(1 for tag, _ in page.tags if tag == "tr")
    assert rows > len(select(run).rows)
    pictures = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert len(pictures) >= 15
    assert all(p["role"] == "img" and p["aria-label"] for p in pictures)


def test_the_command_names_the_probes_and_the_request(page: Page) -> None:
    assert "gridstone run launch/graph launch/kernel launch/sync --profile standard --seed 7" in page.text


def test_nothing_refers_to_anything_outside_the_file(page: Page) -> None:
    for tag, attributes in page.tags:
        assert tag not in ("img", "iframe", "object", "embed", "base", "audio", "video", "image")
        assert not attributes.keys() & {"src", "srcset", "action", "onload", "onclick", "onerror"}
        for name in ("href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:,"))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path, probes=FAST)
    assert render(run, tmp_path / "a.html").read_bytes() == render(run, tmp_path / "b.html").read_bytes()


def test_markup_in_a_run_stays_text(tmp_path: Path) -> None:
    calm = Page(render(synthetic_run(tmp_path / "calm", probes=FAST)).read_text(encoding="utf-8"))
    text = render(synthetic_run(tmp_path / "hostile", probes=FAST, hostile=True)).read_text(encoding="utf-8")
    wild = Page(text)
    assert wild.count("script") == calm.count("script") == 1
    assert wild.count("style") == calm.count("style")
    assert wild.count("img") == 0
    assert not any(name.startswith("on") for _, attributes in wild.tags for name in attributes)
    assert wild.text.count(HOSTILE) > 5  # device, host, reasons and an axis, each shown as it is
    assert "<script>alert" not in text and "<img src=x" not in text


def test_markup_in_run_json_stays_text(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path, probes=FAST, info={"gpu": {"driver": HOSTILE}, "request": {"profile": HOSTILE}})
    page = Page(render(run).read_text(encoding="utf-8"))
    assert (page.count("script"), page.count("img")) == (1, 0)


@pytest.mark.parametrize("info", [{}, {"gpu": None, "host": None, "request": None}, {"gpu": {}, "host": []}])
def test_a_run_json_without_its_keys_shows_dashes(tmp_path: Path, info: dict[str, object]) -> None:
    page = Page(render(synthetic_run(tmp_path, probes=FAST, info=info)).read_text(encoding="utf-8"))
    assert GPU in page.text and "–" in page.text


def test_without_a_gpu_the_host_is_the_subject(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path, probes=("host/stream", "host/pointer_chase", "bandwidth/dram"), gpu=False)
    page = Page(render(run).read_text(encoding="utf-8"))
    assert "The host's memory gives" in page.text
    assert NO_GPU in page.text and "Against its limits" not in page.text


def test_a_run_in_which_nothing_was_measured_has_a_page(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path, probes=("bandwidth/dram",), gpu=False)
    assert "Nothing could be measured" in Page(render(run).read_text(encoding="utf-8")).text


def test_each_probe_can_be_alone_in_a_run(run: Path) -> None:
    selection = select(run)
    for probe in selection.rows["probe"].unique():
        others = {axis for axes in selection.axes.values() for axis in axes} - set(selection.axes[probe])
        rows = selection.rows[selection.rows["probe"] == probe].drop(columns=list(others))
        chapter, *_ = chapters(rows, selection.axes, {})
        assert chapter.section.heading and chapter.section.panels, probe


def test_a_probe_without_any_ok_cell_is_drawn_without_a_claim(run: Path) -> None:
    selection = select(run)
    rows = selection.rows.assign(status="throttled")
    found = list(chapters(rows, selection.axes, {}))
    assert len(found) == rows["probe"].str.split("/").str[0].nunique()
    assert all(chapter.section.panels and not chapter.section.facts for chapter in found)


def _write(run: Path, rows: list[Row]) -> None:
    path = (run / rows[0].probe).with_suffix(".parquet")
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table(rows), path)


def _row(probe: str, cell: str, **given: object) -> Row:
    plain = Row(
        run_id="r1",
        probe=probe,
        cell_id=cell,
        metric="throughput",
        unit="flop/s",
        better="higher",
        axes={"m": 64},
        status="ok",
        value=2e12,
        lo=1.9e12,
        hi=2.1e12,
        n=9,
        host="node-7",
        t_utc="2026-11-24T10:00:00+00:00",
    )
    return replace(plain, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("probe", ["mma/new_instruction", "latency/new_way", "unheard_of/probe"])
def test_a_new_probe_has_a_place_without_a_section_of_its_own(tmp_path: Path, probe: str) -> None:
    rows = [_row(probe, f"c{m}", axes={"m": m, "dtype": "bf16"}, value=m * 1e10) for m in (16, 32, 64, 128)]
    _write(tmp_path, rows)
    Run(tmp_path).write_info({"run_id": "r1"})
    page = Page(render(tmp_path).read_text(encoding="utf-8"))
    name = probe.split("/")[1].replace("_", " ")
    assert any(f"{name} throughput is at most 1.28 Tflop/s (m 128)" in heading for heading in page.headings)
    assert page.count("svg") == 1


def test_of_two_runs_the_newest_value_of_a_cell_is_shown(tmp_path: Path) -> None:
    for name, day, value in (("r1", 24, 2e12), ("r2", 25, 3e12)):
        _write(tmp_path / name, [_row("mma/x", "c", run_id=name, value=value, t_utc=f"2026-11-{day}T10:00:00+00:00")])
        Run(tmp_path / name).write_info({"run_id": name})
    selection = select(tmp_path)
    assert selection.rows["value"].tolist() == [3e12]
    assert [info["run_id"] for info in selection.infos] == ["r2", "r1"]
    assert "from 2 runs of this machine: r2, r1" in Page(render(tmp_path).read_text(encoding="utf-8")).text


def test_a_cell_whose_kernel_was_changed_replaces_the_older_one(tmp_path: Path) -> None:
    for name, day, value in (("r1", 24, 2e12), ("r2", 25, 3e12)):
        when = f"2026-11-{day}T10:00:00+00:00"
        rows = [_row("mma/x", f"{name}{m}", run_id=name, value=value + m, t_utc=when) for m in (16, 64)]
        _write(tmp_path / name, [replace(row, axes={"m": m}) for row, m in zip(rows, (16, 64), strict=True)])
        Run(tmp_path / name).write_info({"run_id": name})
    assert select(tmp_path).rows["value"].tolist() == [3e12 + 16, 3e12 + 64]


def test_runs_of_another_machine_are_named_and_not_mixed_in(tmp_path: Path) -> None:
    for name, day, uuid in (("r1", 24, "GPU-a"), ("r2", 25, "GPU-b")):
        when = f"2026-11-{day}T10:00:00+00:00"
        row = _row("mma/x", f"c{name}", run_id=name, device_uuid=uuid, t_utc=when)
        _write(tmp_path / name, [replace(row, axes={"method": name})])
        Run(tmp_path / name).write_info({"run_id": name})
    selection = select(tmp_path)
    assert selection.rows["run_id"].tolist() == ["r2"]
    assert selection.left_out == ("r1",)
    together = select(tmp_path, all_cards=True)
    assert together.rows["run_id"].tolist() == ["r2", "r1"] and not together.left_out
    page = Page(render(tmp_path, all_cards=True).read_text(encoding="utf-8"))
    assert "from 2 runs of 2 cards of this model (GPU-b, GPU-a): r2, r1" in page.text
    assert "2026-11-24, 10:00 to 2026-11-25, 10:00 UTC" in page.text
    assert "GPU of the newest run" in page.text


def test_a_number_that_is_infinite_is_shown_as_none(tmp_path: Path) -> None:
    endless, whole = _row("launch/sync", "c1", value=float("inf"), lo=1.0, hi=float("inf")), _row("launch/sync", "c2")
    _write(tmp_path, [replace(endless, axes={"method": "a"}), replace(whole, axes={"method": "b"})])
    Run(tmp_path).write_info({"run_id": "r1"})
    page = Page(render(tmp_path).read_text(encoding="utf-8"))
    assert not re.search(r"\b(inf|nan)\b", page.text)


def test_a_run_that_begins_with_its_host_is_still_of_its_gpu(tmp_path: Path) -> None:
    for name, day in (("r1", 24), ("r2", 25)):
        when = f"2026-11-{day}T10:00:00+00:00"
        host = _row("host/x", f"h{name}", run_id=name, device="a CPU", device_uuid=None, t_utc=when)
        gpu = _row("mma/x", f"c{name}", run_id=name, device_uuid=f"GPU-{name}", t_utc=when)
        _write(tmp_path / name, [gpu])
        if name == "r2":
            _write(tmp_path / name, [host])
        Run(tmp_path / name).write_info({"run_id": name})
    assert not select(tmp_path, all_cards=True).left_out


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no gridstone run there"):
        render(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps({"format": FORMAT}))
    with pytest.raises(StoreError, match="no results there yet"):
        render(tmp_path)


def test_published_values_are_for_hopper_only(tmp_path: Path) -> None:
    hopper = render(synthetic_run(tmp_path / "h", probes=("bandwidth/dram",)))
    assert "Against published values" in hopper.read_text(encoding="utf-8")
    other = synthetic_run(tmp_path / "o", probes=("bandwidth/dram",), info={"gpu": {"compute_capability": [8, 0]}})
    assert "Against published values" not in render(other).read_text(encoding="utf-8")
