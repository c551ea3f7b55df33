"""Clocks of other hosts: their offset is found, and a drift from one look to the next is taken out."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from gridstone import content

_offsets = content.load_module(content.folder("runners") / "offsets.py")


def test_the_fastest_round_trip_gives_the_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, delays = [0.0], iter([3.0, 1.0, *[5.0] * _offsets.ROUNDS])
    monkeypatch.setattr(_offsets, "time", SimpleNamespace(perf_counter=lambda: clock[0]))

    def ask() -> float:
        back = next(delays)
        clock[0] += 1.0  # there; the way back takes longer or shorter
        shown = clock[0] + 100.0
        clock[0] += back
        return shown

    found = _offsets.seen(ask)
    assert found.ahead == pytest.approx(100.0)
    assert found.at == pytest.approx(4.0 + 1.0 + 100.0)


def test_a_drift_between_two_looks_is_taken_out() -> None:
    drift = 40e-6
    mine = np.linspace(10.0, 20.0, 11)
    theirs = 5.0 + mine * (1 + drift)
    before, after = (
        _offsets.Offset(at=float(t), ahead=float(t - m)) for t, m in zip(theirs[[0, -1]], mine[[0, -1]], strict=True)
    )
    assert _offsets.here(theirs.tolist(), before, after) == pytest.approx(mine, abs=1e-12)
    once = theirs - before.ahead  # what one look alone leaves
    assert abs(once - mine).max() == pytest.approx(10 * drift)


def test_one_look_twice_is_a_constant() -> None:
    one = _offsets.Offset(at=1.0, ahead=2.0)
    assert _offsets.here([3.0, 4.0], one, one).tolist() == [1.0, 2.0]
