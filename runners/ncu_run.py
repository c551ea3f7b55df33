"""How a comparison with Nsight Compute runs: a script of ours under `ncu`, its table and our counts into one folder.

The script is started once more under ncu with `--run-into FILE`, runs its kernels and writes there what gridstone knows
of them. What ncu said lies beside it as `ncu.csv`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gridstone import content

_counts = content.load_module(Path(__file__).with_name("ncu_counts.py"))
_INSTALLED = ("/usr/local/cuda*/bin/ncu", "/opt/nvidia/nsight-compute/*/ncu")
_LISTING_S = 120.0
TABLE, OURS, JUDGED = "ncu.csv", "ours.json", "referee.json"


@dataclass(frozen=True, kw_only=True)
class Referee:
    """A comparison: the script that makes it, and what is its own.

    metrics: what ncu counts of each kernel called `probe`. doubtful: those of them that some machines list and yet do
    not count, so that ncu counts nothing at all. limit_s: how long ncu may take. run(): launch the kernels, in the
    process that ncu watches; a record of each. compare(ours, theirs): the records to keep. show(records): print them,
    and whether all agree.
    """

    script: Path
    metrics: Sequence[str]
    limit_s: float
    run: Callable[[], list[dict[str, Any]]]
    compare: Callable[[Sequence[Mapping[str, Any]], Sequence[Mapping[str, float]]], list[dict[str, Any]]]
    show: Callable[[Sequence[Mapping[str, Any]]], bool]
    doubtful: Sequence[str] = ()


def find_ncu() -> str | None:
    """Nsight Compute's command line: from PATH, or where CUDA and Nsight install it."""
    found = shutil.which("ncu")
    if found:
        return found
    places = [str(p) for pattern in _INSTALLED for p in sorted(Path("/").glob(pattern[1:]), reverse=True)]
    return next((p for p in places if os.access(p, os.X_OK)), None)


def main(referee: Referee, about: str, default: str, arguments: Sequence[str] | None = None) -> int:
    """The command line of a referee. about: what it does; default: where its results go. Returns the exit code."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--out", type=Path, default=Path(default), help="folder for what is found")
    parser.add_argument("--judge", action="store_true", help="compare what an earlier run left in that folder")
    parser.add_argument("--run-into", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.run_into:
        asked.run_into.write_text(json.dumps(referee.run(), indent=1))
        return 0
    if asked.judge:
        return judge(referee, asked.out)
    ncu = find_ncu()
    if ncu is None:
        return _nothing("no ncu (Nsight Compute) in PATH, /usr/local/cuda*/bin or /opt/nvidia: nothing to compare")
    return _run(referee, asked.out, ncu)


def judge(referee: Referee, out: Path, remarks: str = "") -> int:
    """Compare what lies in a folder, write `referee.json` there and print it; the exit code.

    remarks: what else ncu said, shown where there is nothing to compare.
    """
    said = ""
    try:
        said = (out / TABLE).read_text()
        theirs = _counts.read_counts(said, referee.metrics)
        records = referee.compare(json.loads((out / OURS).read_text()), theirs)
    except (OSError, ValueError) as error:
        return _nothing(f"{error}\n{said[-1000:]}\n{remarks[-2000:]}")
    (out / JUDGED).write_text(json.dumps(records, indent=1))
    return 0 if referee.show(records) else 1


def _run(referee: Referee, out: Path, ncu: str) -> int:
    from gridstone import device

    machine = device.discover()
    if machine.gpu is None:
        return _nothing(f"nothing to count: {machine.no_gpu or 'no GPU'}")
    out.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": machine.gpu.uuid}
    metrics = _offered(referee, ncu, environment)
    try:
        remarks = _watched(referee, ncu, metrics, out, environment)
        sure = [name for name in metrics if name not in referee.doubtful]
        if len(sure) < len(metrics) and not _counted(referee, out):
            remarks = _watched(referee, ncu, sure, out, environment)
    except (OSError, subprocess.TimeoutExpired) as error:
        return _nothing(f"ncu did not end: {error}")
    return judge(referee, out, remarks)


def _offered(referee: Referee, ncu: str, environment: Mapping[str, str]) -> Sequence[str]:
    """Those of the metrics that the chip has, all where ncu does not say."""
    command = [ncu, "--query-metrics"]
    try:
        asked = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_LISTING_S)
    except (OSError, subprocess.TimeoutExpired):
        return referee.metrics
    offered: Sequence[str] = _counts.given(asked.stdout, referee.metrics)
    return offered


def _watched(referee: Referee, ncu: str, metrics: Sequence[str], out: Path, environment: Mapping[str, str]) -> str:
    """Run the kernels under ncu, whose table goes to `ncu.csv`; what it said beside that."""
    table, ours = out / TABLE, out / OURS
    command = [ncu, "--clock-control", "none", "--csv", "--page", "raw", "--print-units", "base"]
    command += ["--kernel-name", "probe", "--metrics", ",".join(metrics), "--log-file", str(table)]
    command += [sys.executable, str(referee.script), "--run-into", str(ours)]
    table.unlink(missing_ok=True)
    ours.unlink(missing_ok=True)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=referee.limit_s)
    if not table.is_file():
        table.write_text(done.stdout)
    return str(done.stderr)


def _counted(referee: Referee, out: Path) -> bool:
    """Whether ncu counted every kernel that was run."""
    try:
        theirs = _counts.read_counts((out / TABLE).read_text(), referee.metrics)
        return len(theirs) == len(json.loads((out / OURS).read_text()))
    except (OSError, ValueError):
        return False


def _nothing(why: str) -> int:
    print(why, file=sys.stderr)
    return 3
