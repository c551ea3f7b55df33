"""The tests of datatypes and messages again, each MPI library in a process of its own: mpi4py loads one only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from gridstone import ranks

_TESTS = ("test_datatypes.py", "test_message_buffers.py")


def test_datatypes_and_messages(library: str) -> None:
    chosen = ranks.installations()[library].variables(ranks=1, cores=os.cpu_count() or 1)
    files = [str(Path(__file__).with_name(name)) for name in _TESTS]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
    done = subprocess.run(command, env=os.environ | chosen, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
