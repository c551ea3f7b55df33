"""Power, clock, rate and energy over the activity of operands: which rows count, what is recovered, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gridstone
from gridstone import content
from gridstone.errors import UsageError
from gridstone.fit import clock, energy, power, rate
from gridstone.fit.capped import capped
from gridstone.fit.law import fit_function
from gridstone.fit.provenance import provenance
from gridstone.fit.tensor_power import at_its_clock
from gridstone.model import Artifact, Facts, Function, OutOfDomain
from gridstone.model import power as asked
from gridstone.model.artifact import _law

REFERENCE = next((Path(__file__).parents[2] / "results/reference/nvidia-h100").glob("*/power")).parent
ACTIVITY = content.load_module(content.folder("runners") / "operand_activity.py")
FORMATS = content.load_module(content.folder("runners") / "number_formats.py")
FINE = sorted({name for name in FORMATS.BITS if name not in ("b1", "f32", "u8")})


@pytest.mark.parametrize("dtype", FINE)
@pytest.mark.parametrize("operands", FORMATS.OPERANDS)
def test_activity_is_the_share_of_bits_that_differ_between_draws(dtype, operands):
    rng = np.random.default_rng(5)
    letters = FORMATS.alphabet(dtype, operands)
    one, other = (FORMATS.draw(letters, (20_000,), rng) for _ in range(2))
    changed = np.unpackbits((one ^ other).view(np.uint8)).mean()
    assert ACTIVITY.activity(dtype, operands) == pytest.approx(changed, abs=0.003)


@pytest.mark.parametrize("dtype", FINE)
def test_operands_are_ordered_by_how_much_of_them_changes(dtype):
    found = [ACTIVITY.activity(dtype, operands) for operands in FORMATS.OPERANDS]
    assert found == pytest.approx(sorted(found), abs=1e-3)  # both of the last are wholly random integers
    assert found[0] == 0
    assert found[-1] <= 0.5


def row(metric: str, value: float, operands: str, **more: Any) -> dict[str, Any]:
    plain = {
        "probe": "power/tensor",
        "unit": {"power": "W", "rate": "flop/s", "energy": "J/flop"}[metric],
        "better": "lower",
        "status": "ok",
        "throttle": "",
        "value": value,
        "lo": 0.999 * value,
        "hi": 1.001 * value,
        "sm_mhz": 1700.0,
        "mem_mhz": 2600.0,
        "power_w": 600.0,
        "run_id": "r",
        "device": "GPU",
        "device_uuid": "u",
        "host": "h",
        "a_type": "bf16",
        "regime": "sustained",
    }
    made = {**plain, "metric": metric, "operands": operands, **more}
    return {**made, "cell_id": f"{made['a_type']}{operands}{made['regime']}"}


def drawn(operands: str) -> float:
    """Watts of a card whose power goes with the root of the activity."""
    return 300 + 600 * ACTIVITY.activity("bf16", operands) ** 0.5


def measured(**more: Any) -> pd.DataFrame:
    """The rows of one type at its power cap."""
    rows = []
    for operands in FORMATS.OPERANDS:
        watts, flops = drawn(operands), 9e14 * 300 / drawn(operands)
        rows.append(row("power", watts, operands, **more))
        rows.append(row("rate", flops, operands, sm_mhz=flops / 5e11, **more))
        rows.append(row("energy", watts / flops, operands, **more))
    return pd.DataFrame(rows)


CAPPED = {"status": "throttled", "throttle": "sw_power_cap"}


def artifact(frame: pd.DataFrame) -> Artifact:
    """The four functions, fitted."""
    functions = {}
    for module in (power, clock, rate, energy):
        wanted = module.sought(frame)
        if not wanted:
            continue
        fitted = fit_function(module.NAME, module.FORM, wanted)
        laws = tuple(_law(record, fitted.arrays) for record in fitted.record["laws"])
        functions[module.NAME] = Function(
            name=module.NAME, form=module.FORM, laws=laws, quality=fitted.record["quality"], provenance={}
        )
    return Artifact(facts=Facts(identity={}, measured={}), functions=functions, absent={}, runs=())


def test_a_cap_is_what_is_measured_and_heat_is_not():
    assert len(at_its_clock(measured(), "power")) == 5
    assert len(at_its_clock(measured(**CAPPED), "power")) == 5
    assert len(at_its_clock(measured(status="throttled", throttle="sync_boost|sw_power_cap"), "power")) == 5
    for heat in ("sw_thermal", "hw_thermal", "sw_power_cap|hw_slowdown"):
        assert at_its_clock(measured(status="throttled", throttle=heat), "power").empty
    for status in ("unverified", "impossible"):
        assert at_its_clock(measured(status=status, throttle="sw_power_cap"), "power").empty
    assert at_its_clock(measured().drop(columns="operands"), "power").empty


def test_a_power_that_goes_with_the_root_is_found_between_the_cells():
    model = artifact(measured(**CAPPED))
    for activity in (0.005, 0.1, 0.27):
        answer = asked.power(model, kind="tensor/bf16", activity=activity)
        assert answer.value == pytest.approx(300 + 600 * activity**0.5, rel=0.002)
        assert answer.lo <= answer.value <= answer.hi
        assert answer.source == "interpolated"
    named = asked.power(model, kind="tensor/bf16", operands="uniform")
    assert named.value == pytest.approx(drawn("uniform"), rel=0.002)
    assert (named.source, named.unit) == ("measured", "W")


@pytest.mark.parametrize("cap", [560.0, 600.0])
def test_power_goes_straight_up_to_the_cap_and_stays_there(cap):
    frame = measured(**CAPPED)
    frame = frame[frame["metric"] == "power"].assign(value=lambda rows: rows["value"].clip(upper=cap))
    model = artifact(frame.assign(lo=0.999 * frame["value"], hi=1.001 * frame["value"]))
    assert drawn("one_binade") < 590 and drawn("uniform") > cap
    for activity in np.linspace(0, ACTIVITY.activity("bf16", "normal"), 20):
        found = asked.power(model, kind="tensor/bf16", activity=float(activity)).value
        assert found == pytest.approx(min(cap, 300 + 600 * activity**0.5), rel=0.005)


def test_a_level_that_the_line_does_not_meet_ahead_of_it_is_none():
    straight = np.array([[1.0, 300], [1.2, 400], [1.5, 550], [1.59, 595], [1.6, 600]])
    assert capped(straight) is straight
    assert (capped(straight[:3]) == straight[:3]).all()
    flat = np.array([[1.0, 700.0], [1.2, 701], [1.5, 699]])
    assert (capped(flat) == flat).all()
    falling = np.array([[1.0, 500.0], [1.2, 400], [1.5, 700], [1.6, 700]])
    assert (capped(falling) == falling).all()
    held = capped(np.array([[1.0, 300.0], [1.2, 400], [1.5, 500], [1.6, 504]]))
    assert held.tolist() == [[1.0, 300.0], [1.2, 400], [pytest.approx(1.4), 500], [1.5, 500], [1.6, 504]]


@given(st.lists(st.floats(650, 669), min_size=2, max_size=4))
def test_no_power_falls_where_the_last_ones_differ_by_what_they_are_known_to(last):
    points = np.array([[0.2, 300.0], [0.4, 500.0], *([0.7 + 0.05 * i, v] for i, v in enumerate(sorted(last)))])
    assert (np.diff(capped(points)[:, 1]) >= 0).all()


def test_clock_rate_and_energy_belong_together():
    model = artifact(measured(**CAPPED))
    place = {"kind": "tensor/bf16", "operands": "normal"}
    watts, hertz, flops = asked.power(model, **place), asked.clock(model, **place), asked.rate(model, **place)
    joules = asked.energy(model, flop=1e15, **place)
    assert hertz.value == pytest.approx(flops.value / 5e11 * 1e6)
    assert joules.value == pytest.approx(watts.value / flops.value * 1e15, rel=1e-6)
    assert (hertz.unit, flops.unit, joules.unit) == ("Hz", "flop/s", "J")
    assert asked.energy(model, flop=2e15, **place).value == pytest.approx(2 * joules.value)


@given(st.lists(st.floats(0, 0.35), min_size=2, max_size=30))
def test_more_that_changes_never_draws_less(activities):
    model = MONOTONE
    ordered = np.sort(np.array(activities))
    values = np.asarray(asked.power(model, kind="tensor/bf16", activity=ordered).value)
    assert (np.diff(values) >= -1e-9 * values[1:]).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, UsageError, "give operands= or activity="),
        ({"operands": "normal", "activity": 0.1}, UsageError, "one of them"),
        ({"operands": "nromal"}, UsageError, "did you mean normal"),
        ({"activity": -0.1}, UsageError, "between 0 and 1"),
        ({"activity": float("nan")}, UsageError, "between 0 and 1"),
        ({"activity": 0.45}, OutOfDomain, r"activity=0.45 .*\(0 to 0.35"),
        ({"activity": 0.1, "kind": "tensor/fp16"}, UsageError, "kind=tensor/fp16"),
        ({"activity": 0.1, "regime": "burst"}, UsageError, "regime=burst"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_its_reason(arguments, error, message):
    with pytest.raises(error, match=message):
        asked.power(MONOTONE, **{"kind": "tensor/bf16", **arguments})


def test_beyond_what_was_measured_it_answers_with_a_flag():
    answer = asked.power(MONOTONE, kind="tensor/bf16", activity=0.5, extrapolate="flag")
    assert not answer.in_domain
    assert answer.lo < answer.value < answer.hi


def test_between_two_cells_alone_nothing_is_told_but_their_ends():
    frame = measured(**CAPPED)
    model = artifact(frame[frame["operands"].isin(["zeros", "normal"])])
    ends = [asked.power(model, kind="tensor/bf16", operands=one) for one in ("zeros", "normal")]
    assert [end.source for end in ends] == ["measured", "measured"]
    for function, more in ((asked.power, {}), (asked.clock, {}), (asked.rate, {}), (asked.energy, {"flop": 1e12})):
        with pytest.raises(OutOfDomain, match="measured with zeros and normal alone"):
            function(model, kind="tensor/bf16", activity=0.1, **more)
        told = function(model, kind="tensor/bf16", activity=[0.0, 0.1], extrapolate="flag", **more)
        assert told.in_domain.tolist() == [True, False]
        assert told.source.tolist() == ["measured", "extrapolated"]
    told = asked.power(model, kind="tensor/bf16", activity=0.1, extrapolate="flag")
    assert told.lo < ends[0].value and told.hi > ends[1].value


def test_rows_at_the_cap_are_not_counted_as_left_out():
    frame = measured(**CAPPED)
    hot = measured(status="throttled", throttle="hw_thermal", a_type="f16")
    both = pd.concat([frame, hot], ignore_index=True).assign(reason=None)
    used = {
        (r, c) for law in power.sought(both) for r, c in zip(law.cells["run_id"], law.cells["cell_id"], strict=True)
    }
    told = provenance(both, ["power/tensor"], used, [{"run_id": "r"}])
    assert told["cells"] == 5
    assert told["cells_left_out"] == {"throttled": 5}


def test_the_h100_is_told_within_a_few_per_cent():
    frame = gridstone.load(REFERENCE)
    for module, median, worst in ((power, 0.02, 0.04), (clock, 0.03, 0.12), (energy, 0.04, 0.08)):
        quality = fit_function(module.NAME, module.FORM, module.sought(frame)).record["quality"]["random"]
        assert quality["median"] < median, module.NAME
        assert quality["max"] < worst, module.NAME


MONOTONE = artifact(measured(**CAPPED, regime="sustained"))
