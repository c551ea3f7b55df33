"""Runs that are stopped: no finished cell is lost, nobody is left behind, and --resume does exactly the rest."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from faulty_cells import CELLS, STEADY, environment, written

import gridstone
from gridstone.cli import main, words
from gridstone.stats import PROFILES

VISITS, PASSES = PROFILES["quick"].least, PROFILES["quick"].passes
PATIENCE_S = 60


def _hear_interrupts() -> None:
    for number in (signal.SIGINT, signal.SIGHUP):  # a shell starts what it puts in the background deaf to them
        signal.signal(number, signal.SIG_DFL)


class Stage:
    """A folder with steady cells, one of whose visits hangs, and the runs of it."""

    def __init__(self, place: Path, hang_at: int) -> None:
        self.bench = written(place / "steady", steady=STEADY)
        self.out, self.visits, self.pipe = place / "out", place / "visits", place / "pipe"
        self.hang_at = hang_at
        self.visits.touch()
        os.mkfifo(self.pipe)
        self._heard = self._listen()

    def _listen(self) -> int:
        return os.open(self.pipe, os.O_RDONLY | os.O_NONBLOCK)

    def start(self, *options: str) -> subprocess.Popen[str]:
        self.close()
        self._heard = self._listen()  # who has heard one writer end hears nothing but that
        variables = environment(
            GRIDSTONE_TEST_VISITS=str(self.visits),
            GRIDSTONE_TEST_HANG_AT=str(self.hang_at),
            GRIDSTONE_TEST_PIPE=str(self.pipe),
        )
        command = [sys.executable, "-m", "gridstone", "run", *options, "--no-report", "--json"]
        return subprocess.Popen(
            command,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.out.parent,
            preexec_fn=_hear_interrupts,
        )

    def begin(self) -> subprocess.Popen[str]:
        return self.start("steady", "--bench", str(self.bench), "--out", str(self.out), "--profile", "quick")

    def hanging_child(self) -> int:
        """Waits until a cell hangs; a descriptor that becomes readable when its process ends."""
        ready, _, _ = select.select([self._heard], [], [], PATIENCE_S)
        assert ready, "no cell hangs"
        return os.pidfd_open(int(os.read(self._heard, 100)))

    def run(self) -> Path:
        (folder,) = self.out.iterdir()
        return folder

    def rows(self) -> pd.DataFrame:
        try:
            return gridstone.load(self.run())
        except gridstone.store.StoreError as error:
            assert "no results there yet" in str(error)
            return pd.DataFrame({"cell_id": [], "metric": [], "t_utc": []})

    def close(self) -> None:
        os.close(self._heard)


@pytest.fixture
def stage(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    made = Stage(tmp_path, request.param)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("stage", "deadly", "finished"),
    [
        (1, signal.SIGKILL, 0),
        (CELLS + 3, signal.SIGINT, 2),
        (CELLS + 3, signal.SIGTERM, 2),
        (CELLS + 3, signal.SIGHUP, 2),
        (VISITS * CELLS, signal.SIGKILL, CELLS - 1),
    ],
    indirect=["stage"],
)
def test_a_stopped_run_goes_on_where_it_was(stage: Stage, deadly: signal.Signals, finished: int) -> None:
    running = stage.begin()
    child = stage.hanging_child()
    running.send_signal(deadly)
    _, said = running.communicate(timeout=PATIENCE_S)
    ended, _, _ = select.select([child], [], [], PATIENCE_S)
    os.close(child)
    assert ended, "the measuring process outlives its parent"

    info = json.loads((stage.run() / "run.json").read_text())
    if deadly != signal.SIGKILL:
        assert running.returncode == 128 + deadly
        assert said.splitlines()[-1] == f"interrupted; go on with: gridstone run --resume {stage.run()}"
        assert info["status"] == "interrupted"
    else:
        assert running.returncode == -deadly
        assert info["status"] == "running"
    before = stage.rows()
    assert before["cell_id"].nunique() == finished
    assert len(before) == 2 * finished

    made, stage.hang_at = stage.visits.stat().st_size, 0
    resumed = stage.start("--resume", str(stage.run()))
    _, said = resumed.communicate(timeout=PATIENCE_S)
    assert resumed.returncode == 0, said
    assert stage.visits.stat().st_size - made == VISITS * (PASSES * CELLS - finished)
    whole(stage)


def whole(stage: Stage) -> None:
    """Asserts that a run has all passes of all its cells."""
    after = stage.rows()
    assert len(after) == 2 * CELLS
    assert not after.duplicated(["cell_id", "metric"]).any()
    assert set(after["status"]) == {"ok"}
    assert {tuple(passes) for passes in after["passes"]} == {(VISITS,) * PASSES}
    assert {len(set(processes)) for processes in after["processes"]} == {PASSES}
    info = json.loads((stage.run() / "run.json").read_text())
    assert (info["status"], info["counts"]) == ("complete", {"ok": CELLS})
    assert sorted(p.name for p in stage.run().iterdir()) == ["logs", "run.json", "steady"]


@pytest.mark.parametrize("deadly", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("stage", [VISITS * CELLS + 1], indirect=True)
def test_a_pass_that_is_added_may_be_stopped_too(stage: Stage, deadly: signal.Signals) -> None:
    for at in (VISITS * CELLS + 1, VISITS * CELLS + CELLS + 3):  # in the second pass, then in that of a resumed run
        resumed = any(stage.out.glob("*"))
        stage.hang_at = at
        running = stage.start("--resume", str(stage.run())) if resumed else stage.begin()
        child = stage.hanging_child()
        running.send_signal(deadly)
        running.communicate(timeout=PATIENCE_S)
        select.select([child], [], [], PATIENCE_S)
        os.close(child)
        assert stage.rows()["cell_id"].nunique() == CELLS
        assert all(passes.sum() in (VISITS, PASSES * VISITS) for passes in stage.rows()["passes"])
    lacking = stage.rows()["passes"].map(len).eq(1).sum() // 2
    assert lacking
    stage.hang_at = 0
    _, said = stage.start("--resume", str(stage.run())).communicate(timeout=PATIENCE_S)
    assert words.resumed(CELLS - lacking, lacking) in said
    whole(stage)


@pytest.mark.parametrize("stage", [CELLS + 3], indirect=True)
def test_nobody_writes_beside_a_run_that_goes_on(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    running = stage.begin()
    child = stage.hanging_child()
    info = (stage.run() / "run.json").read_text()
    for command in (["run", "--resume"], ["compact"]):
        with pytest.raises(SystemExit, match="2"):
            main([*command, str(stage.run())])
        line = f"gridstone: {stage.run()}: another gridstone process is writing this run: wait for it\n"
        assert capsys.readouterr() == ("", line)
    assert (stage.run() / "run.json").read_text() == info
    assert running.poll() is None
    running.kill()
    running.communicate()
    select.select([child], [], [], PATIENCE_S)
    os.close(child)
