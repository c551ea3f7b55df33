"""What docs/mpi.md and docs/datatypes.md tell to write is written and run, on two ranks; the GPU is a stand-in."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gridstone import content, ranks
from gridstone.datatypes import canonical
from gridstone.declaration import Machine, cell
from gridstone.plan import load_probes
from gridstone.worker import Crew, Visit

_DOCS = content.root() / "docs"
pytestmark = pytest.mark.skipif(not _DOCS.is_dir(), reason="needs a checkout")


def _blocks(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", (_DOCS / page).read_text(), re.MULTILINE | re.DOTALL)


def _block(page: str, mark: str) -> str:
    (found,) = [text for text in _blocks(page) if mark in text]
    return found


def test_the_probe_of_the_page_runs(library: str, machine: Machine, tmp_path: Path) -> None:
    text = _block("mpi.md", "def swap(").replace('library=["mpich"]', f'library=["{library}"]')
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "messages.py").write_text(text)
    probe = {p.name: p for p in load_probes([tmp_path / "mine"])}["messages/swap"]
    with Crew(machine=machine, log_dir=tmp_path) as crew:
        for point in probe.points("standard"):
            visit = crew.visit(cell(probe, point, "source"), 1)
            assert isinstance(visit, Visit) and visit.taken.verified is True, visit


def test_the_script_that_sends_a_face_runs(library: str, tmp_path: Path) -> None:
    (tmp_path / "face.py").write_text(_block("datatypes.md", "from gridstone.datatypes import Recv, Send"))
    found = ranks.installations()[library]
    package, stand_in = Path(content.__file__).parents[1], Path(__file__).parent / "stand_in"
    environment = os.environ | found.variables(2, 2) | {"PYTHONPATH": f"{package}:{stand_in}"}
    ran = subprocess.run(
        [*found.command(2, 2, environment), sys.executable, str(tmp_path / "face.py")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_trap_of_the_page_is_as_it_says(mpi: Any) -> None:
    names: dict[str, Any] = {"MPI": mpi, "canonical": canonical}
    exec(_block("datatypes.md", "down ="), names)
    page = (_DOCS / "datatypes.md").read_text()
    said = {name: re.search(rf"^ +{name}, \d: +(.*)$", page, re.MULTILINE) for name in ("down", "along")}
    matrix = [row * 100 + column for row in range(3) for column in range(100)]
    orders = set()
    for name, count in (("down", 4), ("along", 3)):
        form = canonical(names[name], count)
        text = said[name]
        assert text is not None
        packed = [matrix[at // 4] for at in _starts(form)]
        assert packed == [int(word) for word in text[1].split()]
        orders.add(form.order)
        assert f"counts={form.counts}, strides={form.strides}, order={form.order}" in page
    assert orders == {(0, 1), (1, 0)}


def _starts(form: Any) -> list[int]:
    at = [form.start]
    for count, stride in form.streams:
        at = [start + i * stride for start in at for i in range(count)]
    return at


def _commands() -> list[str]:
    return re.findall(r"gridstone run [^#\n]+", (_DOCS / "mpi.md").read_text())


@pytest.mark.parametrize("command", _commands())
def test_the_commands_of_the_page_are_understood(command: str) -> None:
    words = [*command.split()[1:], "--dry-run"]
    environment = os.environ | {"PYTHONPATH": str(Path(content.__file__).parents[1])}
    ran = subprocess.run(
        [sys.executable, "-m", "gridstone", *words], capture_output=True, text=True, env=environment, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"\d+ cells to measure, \d+ to skip", ran.stdout)
