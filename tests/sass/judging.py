"""The claims of the standard profile on the machine code of every kernel, judged by processes beside the tests."""

from __future__ import annotations

import ctypes
import itertools
import os
import signal
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from gridstone.compile import Binary, Verdict, check_all, compile_kernel
from gridstone.declaration import Contract, Probe, Value
from gridstone.plan.catalogue import load_probes
from gridstone.plan.source import kernel_path

TARGETS = ("sm_80", "sm_89", "sm_90a", "sm_100a", "sm_120a")
_BATCH = 128  # nvdisasm takes half a second to start, as long as eight kernels take to compile
_PR_SET_PDEATHSIG = 1
_M_TRIM_THRESHOLD = -1
_YIELDING = 10  # niceness: the tests that run meanwhile come first, as all else waits for them


@dataclass(frozen=True, kw_only=True)
class Case:
    """One kernel for one target, and what it has to hold."""

    source: Path
    defines: tuple[tuple[str, str], ...]
    arch: str
    contracts: tuple[Contract, ...]


def case_of(probe: Probe, source: Path, axes: Mapping[str, Value], arch: str) -> Case | None:
    """What a cell, whose kernel is in `source`, claims for a target; None where that is nothing."""
    contracts = probe.contracts(arch, axes)
    if contracts is None:
        return None
    defines = tuple(sorted(probe.defines(axes).items()))
    return Case(source=source, defines=defines, arch=arch, contracts=tuple(contracts))


def cases() -> dict[Case, str]:
    """The distinct claims of the standard profile, each under a name to read."""
    found: dict[Case, str] = {}
    for probe in load_probes():
        source = kernel_path(probe)
        if source is None:
            continue
        for axes in probe.points("standard"):
            words = "-".join([probe.name, *(f"{k}={v}" for k, v in probe.defines(axes).items())])
            for arch in TARGETS:
                case = case_of(probe, source, axes, arch)
                if case is not None:
                    found.setdefault(case, f"{words}-{arch}")
    return found


class Judges:
    """Processes that compile and judge cases, batches of one target each; the verdict of a case when it is there."""

    def __init__(self, cache: str) -> None:
        count = len(os.sched_getaffinity(0))  # the tests that run meanwhile come first; what waits has all cores
        self._pool = ProcessPoolExecutor(count, get_context("spawn"), initializer=_begin, initargs=(cache,))
        self._verdicts: dict[Case, Future[dict[Case, Verdict]]] = {}

    def ask(self, asked: Iterable[Case]) -> None:
        """Have those judged that no one has asked about."""
        new = [case for case in dict.fromkeys(asked) if case not in self._verdicts]
        ordered = sorted(new, key=lambda case: TARGETS.index(case.arch))
        for _, group in itertools.groupby(ordered, key=lambda case: case.arch):
            of_target = list(group)
            for at in range(0, len(of_target), _BATCH):
                batch = of_target[at : at + _BATCH]
                self._verdicts |= dict.fromkeys(batch, self._pool.submit(_judged, batch))

    def __getitem__(self, case: Case) -> Verdict:
        self.ask([case])
        return self._verdicts[case].result()[case]

    def close(self) -> None:
        """Drop what is not judged yet."""
        self._pool.shutdown(cancel_futures=True)


def _begin(cache: str) -> None:
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # else they wait for ever where the session is killed
    libc.mallopt(_M_TRIM_THRESHOLD, 1 << 30)  # each compilation would give its memory back, and fetch it page by page
    os.nice(_YIELDING)
    os.environ["GRIDSTONE_CACHE"] = cache


def _judged(batch: list[Case]) -> dict[Case, Verdict]:
    built = [compile_kernel(case.source, dict(case.defines), case.arch) for case in batch]
    claims: list[tuple[Binary, tuple[Contract, ...]]] = [(b, c.contracts) for b, c in zip(built, batch, strict=True)]
    return dict(zip(batch, check_all(claims), strict=True))
