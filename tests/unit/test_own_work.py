"""The rank that is held up on purpose: which one it is, in which operations, and for how long."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from gridstone import content

_own = content.load_module(content.folder("runners") / "own_work.py")


@pytest.mark.parametrize(("rank", "delay", "waits"), [(2, 0.5, True), (2, 0.0, False), (1, 0.5, False)])
def test_the_last_rank_waits_in_one_operation_of_five(
    monkeypatch: pytest.MonkeyPatch, rank: int, delay: float, waits: bool
) -> None:
    shown = [0.0]

    def tick() -> float:
        shown[0] += 0.125
        return shown[0]

    monkeypatch.setattr(_own, "time", SimpleNamespace(perf_counter=tick))
    work = _own.before(rank, 3, delay)
    waited = []
    for _ in range(2 * _own.DELAYED_EVERY):
        start = shown[0]
        work()
        waited.append(shown[0] - start)
    expected = [0.0, 0.0, 0.0, 0.0, 0.625 if waits else 0.0] * 2
    assert waited == expected
