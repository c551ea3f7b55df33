"""What an MPI library can do with the memory of a GPU, found by trying it where a crash costs nothing."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from gridstone.ranks import attempt
from gridstone.ranks.cuda import cuda_variables, without_cuda
from gridstone.ranks.installed import absent, elsewhere, in_folder, installations

ABILITIES = {
    "messages": "contiguous messages",
    "datatypes": "derived datatypes",
    "collectives": "collectives",
    "pack": "MPI_Pack",
}
_START = attempt.START
_ASKED_FOR = ("messages", "collectives")
_PATIENCE_S = attempt.LONGEST_S + 10
_SIGNAL = re.compile(r"signal[:\s]+(\d+)", re.IGNORECASE)


def unable(library: str, ability: str, placement: str, gpu: str) -> str | None:
    """Why a library cannot do something with the memory of a GPU; None where two ranks just did it.

    ability: one of ABILITIES. placement: both ranks on one GPU (`one`) or one on each (`each`). gpu: UUID of the
    one. The first question starts two ranks, which takes some seconds, for each library and for each ability that a
    probe asks for, at the same time where they are processes of this machine; the answers are remembered.
    """
    found = installations()
    if library not in found:
        return absent(library, sorted(found))
    reason = without_cuda(found[library])
    if reason is not None:
        return reason
    pairs: tuple[tuple[str, str], ...] = ((library, ability),)
    if ability in _ASKED_FOR and not elsewhere():  # in a job each would wait for the tasks of the others
        able = [other for other in found if without_cuda(found[other]) is None]
        pairs = tuple(itertools.product(able, _ASKED_FOR))
    said = _tried(pairs, placement, gpu)[library, ability]
    return (
        said and f"{ABILITIES[ability]} of GPU memory do not work over this {library}: two ranks that tried it {said}"
    )


def unstarted(library: str) -> str | None:
    """Why no ranks can be started with a library; None where two were, and were told by it that they are two."""
    here = [library] if elsewhere() else sorted(installations())
    said = _tried(tuple(itertools.product(here, [_START])), "", "")[library, _START]
    return said and f"no ranks can be started with {library}: two that were {said}"


@functools.cache
def _tried(pairs: tuple[tuple[str, str], ...], placement: str, gpu: str) -> Mapping[tuple[str, str], str | None]:
    """What became of two ranks for each library and ability, all at the same time; None where all went well."""
    until = time.monotonic() + _PATIENCE_S
    with ExitStack() as started:
        try:
            waiting = {pair: started.enter_context(_trying(*pair, placement, gpu)) for pair in pairs}
        except OSError as error:  # a launcher that is not there, or no program
            return dict.fromkeys(pairs, f"could not be started: {error.filename} ({error.strerror})")
        return {pair: _outcome(process, said, until) for pair, (process, said) in waiting.items()}


@contextlib.contextmanager
def _trying(library: str, ability: str, placement: str, gpu: str) -> Iterator[tuple[subprocess.Popen[bytes], BinaryIO]]:
    """The mpiexec of two ranks that try it, and what they print. Afterwards all of them are gone."""
    installation, cores = installations()[library], os.cpu_count() or 1
    package = str(Path(__file__).resolve().parents[2])
    environment = os.environ | installation.variables(2, cores)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    if placement:
        environment |= cuda_variables(installation) | {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    if placement == "one" and gpu:
        environment["CUDA_VISIBLE_DEVICES"] = gpu
    words = [sys.executable, "-m", "gridstone.ranks.attempt", ability, placement or library]
    with tempfile.TemporaryFile() as said, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [*installation.command(2, cores, environment), *words],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            env=environment | in_folder(folder),
            start_new_session=True,
        )
        try:
            yield process, said
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _outcome(process: subprocess.Popen[bytes], said: BinaryIO, until: float) -> str | None:
    try:
        code = process.wait(max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        code = None
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
