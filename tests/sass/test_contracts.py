"""Every kernel that gridstone brings holds what its declaration claims, on every target that it claims it for."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from gridstone.compile import Binary, Verdict, check_all, compile_kernel
from gridstone.declaration import Contract
from gridstone.plan.catalogue import load_probes
from gridstone.plan.source import kernel_path

TARGETS = ("sm_80", "sm_89", "sm_90a", "sm_100a", "sm_120a")
BATCH = 32


@dataclass(frozen=True, kw_only=True)
class Case:
    source: Path
    defines: tuple[tuple[str, str], ...]
    arch: str
    contracts: tuple[Contract, ...]


def cases() -> dict[Case, str]:
    """The distinct claims of the standard profile, each under a name to read."""
    found: dict[Case, str] = {}
    for probe in load_probes():
        source = kernel_path(probe)
        if source is None:
            continue
        for axes in probe.points("standard"):
            defines = probe.defines(axes)
            words = "-".join([probe.name, *(f"{k}={v}" for k, v in defines.items())])
            for arch in TARGETS:
                contracts = probe.contracts(arch, axes)
                if contracts is not None:
                    case = Case(
                        source=source,
                        defines=tuple(sorted(defines.items())),
                        arch=arch,
                        contracts=tuple(contracts),
                    )
                    found.setdefault(case, f"{words}-{arch}")
    return found


CASES = cases()


def judge(batch: list[Case]) -> dict[Case, Verdict]:
    built = [compile_kernel(case.source, dict(case.defines), case.arch) for case in batch]
    claims: list[tuple[Binary, tuple[Contract, ...]]] = [(b, c.contracts) for b, c in zip(built, batch, strict=True)]
    return dict(zip(batch, check_all(claims), strict=True))


@pytest.fixture(scope="module")
def verdicts(request: pytest.FixtureRequest, pool: ThreadPoolExecutor) -> Mapping[Case, Future[dict[Case, Verdict]]]:
    """All that this session asks for, under way at once: batches of one target each."""
    asked = [item for item in request.session.items if item.nodeid.startswith(request.node.nodeid + "::")]
    params = [item.callspec.params for item in asked if isinstance(item, pytest.Function) and hasattr(item, "callspec")]
    cases = sorted((p["case"] for p in params if "case" in p), key=lambda case: TARGETS.index(case.arch))
    found: dict[Case, Future[dict[Case, Verdict]]] = {}
    for _, group in itertools.groupby(cases, key=lambda case: case.arch):
        of_target = list(group)
        for at in range(0, len(of_target), BATCH):
            batch = of_target[at : at + BATCH]
            found |= dict.fromkeys(batch, pool.submit(judge, batch))
    return found


@pytest.mark.parametrize("case", CASES, ids=CASES.values())
def test_machine_code_holds_what_is_claimed(case: Case, verdicts: Mapping[Case, Future[dict[Case, Verdict]]]) -> None:
    verdict = verdicts[case].result()[case]
    assert verdict.ok, "\n".join([*verdict.problems, verdict.listing])


@pytest.mark.parametrize("arch", TARGETS)
def test_kernels_that_time_memory_claim_something(arch: str) -> None:
    timed = [p for p in load_probes() if p.source is not None and p.family in ("latency", "bandwidth")]
    assert timed
    silent = [p.name for p in timed if p.contracts(arch, next(p.points("standard"))) is None]
    assert not silent
