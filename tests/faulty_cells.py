"""Probes that go wrong on purpose, a runner that does little, and what it takes to run them."""

from __future__ import annotations

import os
from pathlib import Path

import gridstone
from gridstone.declaration import Cell, Machine
from gridstone.plan import Request, cells, load_probes

MACHINE = Machine(host="node", cpu="a CPU", cores=2, memory=4 << 30)

RUNNER = '''
"""Runs host cells, without what takes long to import."""
from contextlib import contextmanager

from gridstone.clock import HostClock, Work


@contextmanager
def context(machine):
    yield Plain()


class Plain:
    def begin(self, cubin, l2):
        pass

    def end(self):
        pass

    def call(self, run, verify):
        return Work(clock=HostClock(run=run, work=1), verify=verify)
'''

FAULTS = '''
"""One fault each."""
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from gridstone import bandwidth, probe, seconds
from gridstone.declaration import Unavailable

FAULTS = [
    "none", "segfault", "nameless_signal", "out_of_memory", "memory_killer", "raise", "many_lines", "end_of_file",
    "exit", "silent_end", "hang", "nothing", "wrong_result", "unavailable",
]


@probe(None, runner="on_host", fault=FAULTS, measures=[seconds(), bandwidth()])
def cell(host, *, fault):
    """Fails in one way, or in none."""
    match fault:
        case "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "nameless_signal":
            os.kill(os.getpid(), signal.SIGRTMIN + 5)
        case "out_of_memory":
            resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
            bytearray(8 << 30)
        case "memory_killer":
            os.kill(os.getpid(), signal.SIGKILL)
        case "raise":
            raise ValueError("no such thing")
        case "many_lines":
            raise ValueError("x" * 100_000 + "\\nmore")
        case "end_of_file":
            raise EOFError("the file is empty")
        case "exit":
            sys.exit(3)
        case "silent_end":
            os._exit(0)
        case "hang":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            helper = subprocess.Popen(["sleep", "1000"])
            Path(os.environ["GRIDSTONE_TEST_HELPER"]).write_text(str(helper.pid))
            signal.pause()
        case "nothing":
            return None
        case "unavailable":
            raise Unavailable("needs a full moon")
    return host.call(lambda: None, (lambda: np.bool_(False)) if fault == "wrong_result" else None)
'''


def written(folder: Path, **files: str) -> Path:
    """The folder, with Python files of these names and texts."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def cells_of(bench: Path, *globs: str) -> list[Cell]:
    """The quick cells of probes in a folder, in the order of seed 1."""
    request = Request(seed=1, probes=globs, profile="quick", bench=(str(bench),))
    return cells(load_probes([bench]), request)


def alive(pid: int) -> bool:
    """Whether a process still runs; one that nobody has waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def environment(**more: str) -> dict[str, str]:
    """Variables for a gridstone of this checkout in a process of its own."""
    return {**os.environ, "PYTHONPATH": str(Path(gridstone.__file__).parents[1]), **more}


STEADY = '''
"""Cells that have enough after two visits, the hanging one of which says so."""
import os
import signal
from pathlib import Path

from gridstone import observed, probe
from gridstone.clock import ObservedClock, Work

METRICS = {"time": 2.0, "energy": 3.0}


@probe(
    None,
    runner="on_host",
    budget=200.0,  # so that a slow machine makes as many visits as a fast one
    number=[1, 2, 3, 4, 5, 6],
    measures=[observed(name=name, unit="1") for name in METRICS],
)
def cell(host, *, number):
    """Counts its visits in a file."""
    with Path(os.environ["GRIDSTONE_TEST_VISITS"]).open("ab") as visits:
        visits.write(b".")
        visits.flush()
        count = visits.tell()
    if count == int(os.environ["GRIDSTONE_TEST_HANG_AT"]):
        with open(os.environ["GRIDSTONE_TEST_PIPE"], "w") as pipe:
            pipe.write(str(os.getpid()))
        signal.pause()
    return Work(clock=ObservedClock(observe=lambda: METRICS))
'''
CELLS = 6
