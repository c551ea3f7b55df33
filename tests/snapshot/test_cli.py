"""What the commands print, on a machine that is the same everywhere."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from finished_run import finished_run, sample_bench
from syrupy.assertion import SnapshotAssertion

import gridstone.device
from gridstone.advise import Advice, Option, weighed
from gridstone.cli import main
from gridstone.declaration import Machine
from gridstone.model import Facts, HardwareModel, Prediction

HOST_ONLY = Machine(host="node", cpu="a CPU", cores=4, memory=64 << 30, no_gpu="no NVIDIA driver found")
COMMANDS = ("list", "run", "show", "report", "doctor", "compact", "fit", "ask", "advise")
Printed = Callable[..., str]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture
def printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bench: Path
) -> Printed:
    """What a command prints, with the folders of this test under names that stay."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.setattr(gridstone.device, "discover", lambda _: HOST_ONLY)

    def call(*words: str) -> str:
        with pytest.raises(SystemExit) as leaving:
            main([str(bench) if word == "BENCH" else word for word in words])
        out, err = capsys.readouterr()
        assert (leaving.value.code, err) == (0, "")
        plain = out.replace(str(bench), "BENCH").replace(str(tmp_path), "HERE")
        return "\n".join(line.rstrip() for line in plain.splitlines())

    return call


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)], ids=" ".join)
def test_help(printed: Printed, snapshot: SnapshotAssertion, command: tuple[str, ...]) -> None:
    """What gridstone itself says in a help text; how it is set is the business of typer, and changes with it."""
    text = printed(*command, "--help")
    before, examples = text.split("Examples:\n")
    options = sorted(set(re.findall(r"^ +(?:-\w, )?(--[a-z-]+)", before, re.MULTILINE)))
    lines = [line.strip() for line in examples.splitlines() if line.strip()]
    assert all(line.startswith(" ".join(("gridstone", *command))) for line in lines)
    assert {"options": options, "examples": lines} == snapshot


def test_every_command_is_in_the_help(printed: Printed) -> None:
    text = printed("--help")
    assert all(re.search(rf"^ +{name} +\w.+\.$", text, re.MULTILINE) for name in COMMANDS)


def test_list(printed: Printed, snapshot: SnapshotAssertion) -> None:
    assert printed("list", "sample", "--bench", "BENCH") == snapshot


def test_list_with_axes(printed: Printed, snapshot: SnapshotAssertion) -> None:
    assert printed("list", "sample", "--bench", "BENCH", "--axes") == snapshot


def test_list_as_json(printed: Printed, snapshot: SnapshotAssertion) -> None:
    assert json.loads(printed("list", "sample", "--bench", "BENCH", "--json")) == snapshot


DRY_RUN = ("run", "sample", "--bench", "BENCH", "--profile", "quick", "--seed", "1", "--dry-run")


def test_dry_run(printed: Printed, snapshot: SnapshotAssertion) -> None:
    assert printed(*DRY_RUN) == snapshot


def test_dry_run_as_json(printed: Printed, snapshot: SnapshotAssertion) -> None:
    document = json.loads(printed(*DRY_RUN, "--json"))
    assert all(re.fullmatch(r"[0-9a-f]{16}", record.pop("cell_id")) for record in document["run"] + document["skip"])
    assert document == snapshot


def test_show(printed: Printed, snapshot: SnapshotAssertion, tmp_path: Path, bench: Path) -> None:
    finished_run(tmp_path / "R", bench)
    assert printed("show", "R", "--sort", "value") == snapshot


def test_show_as_json(printed: Printed, snapshot: SnapshotAssertion, tmp_path: Path, bench: Path) -> None:
    finished_run(tmp_path / "R", bench)
    records = json.loads(printed("show", "R", "sample/carry", "--metric", "bandwidth", "--json"))
    assert len({record.pop("cell_id") for record in records}) == len(records)
    assert records == snapshot


def test_what_a_run_ends_with(printed: Printed, snapshot: SnapshotAssertion, tmp_path: Path, bench: Path) -> None:
    finished_run(tmp_path / "R", bench)
    assert printed("run", "--resume", "R", "--no-report") == snapshot


def test_compact(printed: Printed, snapshot: SnapshotAssertion, tmp_path: Path, bench: Path) -> None:
    finished_run(tmp_path / "R", bench)
    assert [printed("compact", "R"), printed("compact", "R"), json.loads(printed("compact", "R", "--json"))] == snapshot


def choose(model: HardwareModel, *, bytes: int, way: Literal["there", "back"] = "there", sure: bool = True) -> Advice:
    """The faster of two ways.

    More of it.
    """
    options = [
        Option(
            name=name,
            cost=Prediction(
                value=bytes * each,
                lo=bytes * each * 0.9,
                hi=bytes * each * 1.1,
                unit="s",
                in_domain=name != "slow",
                source="measured" if name != "slow" else "extrapolated",
                level=0.95,
            ),
        )
        for name, each in (("slow", 2e-9), ("quick", 1e-9))
    ]
    return weighed(options, ['best was not weighed: accept a widened interval with extrapolate="flag"'])


@pytest.fixture
def one_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model, and `choose` as the only decision; what it costs on held-out cells is known."""
    monkeypatch.setattr("gridstone.advise.decisions.decisions", lambda: {"choose": choose})
    known = {"choose": {"n": 12, "mean": 0.0123}}
    model = HardwareModel(facts=Facts(identity={}, measured={}), functions={}, absent={}, runs=(), decisions=known)
    monkeypatch.setattr("gridstone.model.load", lambda folder: model)


@pytest.mark.usefixtures("one_decision")
def test_advise_lists_decisions(printed: Printed, snapshot: SnapshotAssertion) -> None:
    assert [printed("advise", "MODEL"), json.loads(printed("advise", "MODEL", "--json"))] == snapshot


@pytest.mark.usefixtures("one_decision")
def test_advice(printed: Printed, snapshot: SnapshotAssertion) -> None:
    assert printed("advise", "MODEL", "choose", "bytes=1MiB", "way=back", "sure=no") == snapshot


@pytest.mark.usefixtures("one_decision")
def test_advice_as_json(printed: Printed, snapshot: SnapshotAssertion) -> None:
    assert json.loads(printed("advise", "MODEL", "choose", "bytes=1e6", "--json")) == snapshot


FACTS = {
    "gridstone": {"version": "1.2", "revision": "0123456789abcdef", "dirty": True},
    "host": {
        "hostname": "node",
        "os": "Linux",
        "kernel": "6.1",
        "python": "3.12",
        "cpu_model": "a CPU",
        "cores_usable": 4,
        "cores_online": 8,
        "memory_bytes": 64 << 30,
        "container": None,
    },
    "gpu": None,
    "no_gpu": HOST_ONLY.no_gpu,
    "topology": {
        "gpus": [{"gpu": 0, "numa_node": 0}, {"gpu": 1, "numa_node": 0}],
        "links": [
            {"src": a, "dst": 1 - a, "tier": "nvlink", "path": "SYS", "count": 18, "bandwidth": 478e9} for a in (0, 1)
        ],
        "nics": [{"name": "eth0", "kind": "Ethernet", "state": "up", "bandwidth": 12.5e9, "numa_node": None}],
    },
    "packages": {"numpy": "2.5"},
    "gpu_processes": [],
    "tools": {"nvdisasm": {"path": None, "missing": "nvdisasm is missing"}, "headers": {"path": "/h", "missing": None}},
    "mpi": [
        {"library": "mpich", "mpiexec": "/m/bin/mpiexec", "gpu_memory": {"messages": None, "pack": "MPI_Pack ends"}},
        {"library": "openmpi", "mpiexec": "/o/bin/mpiexec", "gpu_memory": None},
    ],
    "runs": {"folder": "/runs", "free_bytes": 1 << 40},
}


@pytest.fixture
def sample_only(monkeypatch: pytest.MonkeyPatch, bench: Path) -> None:
    """Facts that stay, and no probes but the small bench's."""
    from gridstone.plan import load_probes

    probes = [probe for probe in load_probes([bench]) if probe.family == "sample"]
    monkeypatch.setattr("gridstone.plan.load_probes", lambda _: probes)
    monkeypatch.setattr(sys.modules["gridstone.cli.doctor"], "facts", lambda _: FACTS)


@pytest.mark.usefixtures("sample_only")
def test_doctor(printed: Printed, snapshot: SnapshotAssertion) -> None:
    assert printed("doctor") == snapshot


@pytest.mark.usefixtures("sample_only")
def test_doctor_as_json(printed: Printed) -> None:
    document = json.loads(printed("doctor", "--json"))
    (family,) = document.pop("families")
    assert document == FACTS
    assert (family["family"], family["cells"], family["run"]) == ("sample", 7, 5)
    assert {skip["remedy"] for skip in family["skipped"]} == {
        "nothing to install: it needs a larger machine",
        "on a machine with an NVIDIA GPU: install its driver, then pip install 'gridstone[cuda13]'",
    }


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("gridstone do", {"doctor"}),
        ("gridstone run launch/", {"launch/graph", "launch/kernel", "launch/sync"}),
        ("gridstone run --profile s", {"standard"}),
        ("gridstone run -a launch/sync.", {"launch/sync.method="}),
        ("gridstone list --bench /nowhere x", set()),
    ],
)
def test_completion(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, line: str, expected: set[str]
) -> None:
    monkeypatch.setenv("_GRIDSTONE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
    with pytest.raises(SystemExit):
        main([])
    out, err = capsys.readouterr()
    assert err == ""
    assert set(out.split()) == expected
