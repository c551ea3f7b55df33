"""Every kernel that gridstone brings holds what its declaration claims, on every target that it claims it for."""

from __future__ import annotations

import pytest
from judging import TARGETS, Case, Judges, cases

from gridstone.plan.catalogue import load_probes

CASES = cases()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", CASES, ids=CASES.values())
def test_machine_code_holds_what_is_claimed(case: Case, judges: Judges) -> None:
    verdict = judges[case]
    assert verdict.ok, "\n".join([*verdict.problems, verdict.listing])


@pytest.mark.parametrize("arch", TARGETS)
def test_kernels_that_time_memory_claim_something(arch: str) -> None:
    timed = [p for p in load_probes() if p.source is not None and p.family in ("latency", "bandwidth")]
    assert timed
    silent = [p.name for p in timed if p.contracts(arch, next(p.points("standard"))) is None]
    assert not silent
