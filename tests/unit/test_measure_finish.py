"""What a finished run says of clocks that were held back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_measure_drift import cell

from gridstone.measure import finishing
from gridstone.measure.throttling import slowed
from gridstone.store.schema import table
from gridstone.units import timed

CAP = "sw_power_cap"


@pytest.mark.parametrize("unit", ["B/s", "s", "s/hop", "W", "J/flop"])
def test_units_with_time_in_them(unit: str) -> None:
    assert timed(unit)


@pytest.mark.parametrize("unit", ["flop/cycle", "cycle/hop", "B/cycle", "1", "bit"])
def test_units_without_time(unit: str) -> None:
    assert not timed(unit)


@pytest.mark.parametrize(
    ("unit", "sm_mhz", "said"),
    [("flop/s", 1700.0, True), ("flop/s", 1978.0, False), ("flop/s", None, True), ("cycle/hop", 1700.0, False)],
)
def test_a_value_is_slowed_where_time_is_in_it_and_the_clock_was_lower(unit: str, sm_mhz: float, said: bool) -> None:
    assert slowed(unit, sm_mhz, 1980.0) is said
    row = replace(
        cell(0, 1.0, 1.0), unit=unit, sm_mhz=sm_mhz, status="throttled", reason="the GPU slowed itself", throttle=CAP
    )
    (found,) = finishing(1980.0)(table([row])).to_pylist()
    assert (found["status"], found["reason"] is None) == (("throttled", False) if said else ("ok", True))


def test_other_statuses_stay() -> None:
    rows = [replace(cell(i, 1.0, 1.0), status=status) for i, status in enumerate(("ok", "unverified", "impossible"))]
    assert finishing(1980.0)(table(rows)).column("status").to_pylist() == ["ok", "unverified", "impossible"]


@pytest.mark.parametrize(
    ("regime", "throttle", "status"),
    [
        ("sustained", CAP, "ok"),
        ("sustained", f"hw_thermal|{CAP}", "throttled"),
        ("burst", CAP, "throttled"),
    ],
)
def test_at_power_equilibrium_the_cap_is_what_is_measured(regime: str, throttle: str, status: str) -> None:
    row = replace(cell(0, 1.0, 1.0), unit="flop/s", sm_mhz=1500.0, status="throttled", reason="so", throttle=throttle)
    (found,) = finishing(1980.0)(table([replace(row, axes={**row.axes, "regime": regime})])).to_pylist()
    assert found["status"] == status


@pytest.mark.parametrize(
    ("second", "verified", "throttle", "status"),
    [
        (1.3, True, "", "ok"),
        (1.3, True, CAP, "throttled"),
        (1.3, False, "", "unverified"),
        (1.0, True, "", "impossible"),
    ],
)
def test_an_interval_that_drift_widens_to_its_limit_is_not_impossible(
    second: float, verified: bool, throttle: str, status: str
) -> None:
    flawed = {"status": "impossible", "reason": "beyond its limit", "limit": 0.9, "better": "higher", "unit": "B/s"}
    rows = [
        replace(cell(i, 1.0, second, value=1.0), **flawed, verified=verified, throttle=throttle, sm_mhz=1500.0)
        for i in range(3)
    ]
    assert finishing(1980.0)(table(rows)).column("status").to_pylist() == [status] * 3
