"""What an MPI library can do with the memory of a GPU, found by trying it where a crash costs nothing."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from gridstone.ranks import attempt
from gridstone.ranks.cuda import cuda_variables, without_cuda
from gridstone.ranks.installed import absent, installations

ABILITIES = {
    "messages": "contiguous messages",
    "datatypes": "derived datatypes",
    "collectives": "collectives",
    "pack": "MPI_Pack",
}
_PATIENCE_S = attempt.LONGEST_S + 10
_SIGNAL = re.compile(r"signal[:\s]+(\d+)", re.IGNORECASE)


def unable(library: str, ability: str, placement: str, gpu: str) -> str | None:
    """Why a library cannot do something with the memory of a GPU; None where two ranks just did it.

    ability: one of ABILITIES. placement: both ranks on one GPU (`one`) or one on each (`each`). gpu: UUID of the
    one. The first question starts two ranks, which takes some seconds; the answer is remembered.
    """
    found = installations()
    if library not in found:
        return absent(library, sorted(found))
    reason = without_cuda(found[library])
    if reason is not None:
        return reason
    said = _tried(library, ability, placement, gpu)
    if said is None:
        return None
    return f"{ABILITIES[ability]} of GPU memory do not work over this {library}: two ranks that tried it {said}"


@functools.cache
def _tried(library: str, ability: str, placement: str, gpu: str) -> str | None:
    """What became of two ranks that tried it; None where all went well."""
    installation = installations()[library]
    cores = os.cpu_count() or 1
    package = str(Path(__file__).resolve().parents[2])
    environment = os.environ | installation.variables(2, cores) | cuda_variables(installation)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    environment["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
    if placement == "one" and gpu:
        environment["CUDA_VISIBLE_DEVICES"] = gpu
    words = [sys.executable, "-m", "gridstone.ranks.attempt", ability, placement]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [*installation.command(2, cores, environment), *words],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            env=environment,
            start_new_session=True,
        )
        try:
            code = process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        said.seek(0)
        text = said.read().decode(errors="replace")
    return None if code == 0 and attempt.DONE in text else ended(code, text)


def ended(code: int | None, text: str) -> str:
    """How mpiexec ended, in words, from its exit code (None: it did not) and what was printed."""
    if code is None:
        return f"hung for {_PATIENCE_S} s"
    numbers = [int(number) for number in _SIGNAL.findall(text)] + [
        number for number in (-code, code - 128) if number > 0
    ]
    known = {one.value: one.name for one in signal.Signals}
    if signal.SIGALRM in numbers:
        return f"hung for {attempt.LONGEST_S} s"
    ends = [number for number in numbers if number in known]
    if ends:
        return f"ended with signal {ends[0]} ({known[ends[0]]})"
    lines = [line.strip() for line in text.splitlines() if "rror" in line]
    return f"ended with exit code {code}" + (f": {lines[-1][:200]}" if lines else "")
