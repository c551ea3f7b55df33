"""The documentation is followed: what it tells to write is written, compiled, checked and run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import gridstone
from gridstone import content
from gridstone.declaration import Cell, cell
from gridstone.plan import load_probes, source_digest
from gridstone.store import Row, Run

ROOT = content.root()
DOCS = ROOT / "docs"
pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="needs a checkout")
ARCHITECTURES = ("sm_80", "sm_89", "sm_90a", "sm_100a", "sm_120a")


@pytest.fixture
def mybench(tmp_path: Path) -> Path:
    """The folder that docs/writing-a-probe.md tells to make."""
    page = (DOCS / "writing-a-probe.md").read_text()
    blocks = re.findall(r"^`(mybench/[^`]+)`\n\n```\w+\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    for name, text in blocks:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert [name for name, _ in blocks] == ["mybench/hashing.py", "mybench/chain.cu", "mybench/integer.py"]
    return tmp_path / "mybench"


def cells_of(folder: Path, name: str) -> list[Cell]:
    probe = {p.name: p for p in load_probes([folder])}[name]
    return [cell(probe, axes, source_digest(probe)) for axes in probe.points("standard")]


def test_the_probes_of_the_page_are_known(mybench: Path) -> None:
    assert len(cells_of(mybench, "hashing/digest")) == 4
    assert [c.axes for c in cells_of(mybench, "integer/chain")] == [{"function": "mad"}, {"function": "xor3"}]


def test_the_probes_of_the_page_are_listed(mybench: Path) -> None:
    command = [sys.executable, "-m", "gridstone", "list", "--bench", str(mybench), "--json"]
    listed = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert listed.returncode == 0, listed.stderr
    assert {"hashing/digest", "integer/chain"} <= {p["probe"] for p in json.loads(listed.stdout)}


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_the_kernel_of_the_page_holds_its_contract(mybench: Path, arch: str) -> None:
    pytest.importorskip("cuda.core", reason="needs the CUDA compiler: pip install 'gridstone[test]'")
    from gridstone.compile import compile_all

    cells = cells_of(mybench, "integer/chain")
    for found in compile_all(cells, arch).values():
        assert found.error is None
        assert found.problems == ()
        assert found.sass_ok is True


def test_the_check_of_the_page_finds_that_the_contract_holds(mybench: Path) -> None:
    pytest.importorskip("cuda.core", reason="needs the CUDA compiler: pip install 'gridstone[test]'")
    page = (DOCS / "writing-a-probe.md").read_text()
    script = re.search(r"^`check\.py`\n\n```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert script
    command = [sys.executable, "-c", script[1]]
    ran = subprocess.run(command, cwd=mybench.parent, env=environment(), capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    lines = [f"integer/chain[function={name}] True ()" for name in ("mad", "xor3")]
    assert sorted(ran.stdout.splitlines()) == lines


def test_the_snippet_on_late_ranks_takes_every_cell_of_every_run(tmp_path: Path) -> None:
    page = (DOCS / "mpi.md").read_text()
    script = re.search(
        r"```python\n(import gridstone\nfrom gridstone\.stragglers.*?)^```$", page, re.MULTILINE | re.DOTALL
    )
    assert script
    for run in ("one", "two"):
        folder = Run(tmp_path / "results" / "runs" / run)
        folder.write_info({"run_id": run})
        for ranks in (2, 4):
            folder.write_cell([_late(run, ranks, metric) for metric in ("time", "lateness")])
    command = [sys.executable, "-c", script[1]]
    ran = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert [line.count("Straggler(rank=1") for line in ran.stdout.splitlines()] == [1, 1, 1, 1]


def _late(run: str, ranks: int, metric: str) -> Row:
    """A row of a cell in which rank 1 is always late, by five times the usual time."""
    samples = [0.0, 5e-5, *[0.0] * (ranks - 2)] * 200 if metric == "lateness" else [1e-5] * 200
    return Row(
        run_id=run, probe="collective/variability", cell_id=str(ranks), metric=metric, unit="s", better="lower",
        axes={"ranks": ranks}, status="ok", value=1e-5, lo=1e-5, hi=1e-5, n=len(samples), samples=samples, device="d",
        host="h",
    )  # fmt: skip


def test_the_expected_result_of_the_page_is_what_the_chain_computes(mybench: Path) -> None:
    after = content.load_module(mybench / "integer.py")._after
    assert after("mad", 1) == (12345 * 1103515245 + 12345) % 2**32
    assert after("xor3", 2) == 12345


def test_the_host_probe_of_the_page_runs_under_pytest(mybench: Path) -> None:
    """The whole path for once: collected, measured in a child process, kept, replayed."""
    options = ["-p", "pytest_benchmark.plugin", "-p", "gridstone.pytest_plugin", "-p", "no:cacheprovider"]
    command = ["-m", "pytest", *options, "mybench", "--gridstone-bench", "mybench", "-k", "digest"]
    ran = subprocess.run(
        [sys.executable, *command, "--benchmark-json=out.json"],
        cwd=mybench.parent,
        env=environment(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1"),
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    frame = gridstone.load(mybench.parent / "results" / "runs")
    assert frame["status"].tolist() == ["ok", "ok"]
    assert (frame["value"] > 1e6).all()
    saved = json.loads((mybench.parent / "out.json").read_text())
    timed = {b["extra_info"]["cell_id"]: b["stats"]["data"] for b in saved["benchmarks"]}
    for row in frame.itertuples():
        assert [row.bytes / seconds for seconds in timed[row.cell_id]] == pytest.approx(row.samples, rel=1e-6)


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(gridstone.__file__).parents[1]), **more}
