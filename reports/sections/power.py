"""What tensor cores draw: power, clock and speed by what their operands hold, in bursts and at equilibrium."""

import numpy as np

from gridstone.figure import Dot, Scale, Series, dots, lines
from gridstone.fit import clock, energy, power, rate
from gridstone.fit.form import course
from gridstone.model.power import ROOT
from gridstone.report import Panel, Section, amount, measured, percent

FAMILY = "power"
ORDER = 56
PROBES = ("power/tensor",)

_OPERANDS = ("zeros", "sparse_bits", "one_binade", "uniform", "normal")
_WORDS = {"sparse_bits": "few bits", "one_binade": "one binade"}
# A card that holds its clock at its power cap is what sustained cells are about: those values count as well.
_COUNTS = ("ok", "throttled")


def section(rows):
    speed = measured(rows, "power/tensor", "rate")
    drawn = measured(rows, "power/tensor", "power")
    spent = measured(rows, "power/tensor", "energy")
    return Section(
        heading=_heading(speed, drawn),
        lead=(
            "m64n256 on every SM, two warpgroups each. A burst is 0.15 ms after a rest, sustained is at power "
            "equilibrium. The rate falls with the clock, the clock with the power, and the power hangs on the bits "
            "that change: the activity of operands is the share of their bits in which one differs from the one "
            "before it, counted from the values that they are drawn from."
        ),
        panels=(*_over_activity(rows), *_panels(speed, drawn, spent)),
        headline=_headline(speed),
    )


def _one(rows, **axes):
    for name, value in axes.items():
        rows = rows[rows[name] == value] if len(rows) else rows
    rows = rows[rows["status"].isin(_COUNTS)] if len(rows) else rows
    return rows.iloc[0] if len(rows) else None


def _heading(speed, power):
    for dtype in ("bf16", "f16", "e4m3"):
        ends = [
            (_one(speed, a_type=dtype, operands=o, regime="sustained"), _one(power, a_type=dtype, operands=o))
            for o in ("zeros", "normal")
        ]
        if all(rate is not None and drawn is not None for rate, drawn in ends):
            (zeros, low), (normal, high) = ends
            return (
                f"{dtype} sustains {amount(zeros['value'], 'flop/s')} at {low['value']:.0f} W with zeros, "
                f"{amount(normal['value'], 'flop/s')} at {high['value']:.0f} W with random operands"
            )
    return "No sustained tensor cell of this run is ok"


def _headline(speed):
    burst = _one(speed, a_type="bf16", operands="normal", regime="burst")
    held = _one(speed, a_type="bf16", operands="normal", regime="sustained")
    if burst is None or held is None:
        return None
    return f"sustained bf16 keeps {percent(held['value'] / burst['value'])} of its burst"


_ACTIVITY = Scale(label="activity of the operands", start=0)


def _over_activity(rows):
    """Power, clock, speed and energy over the bits that change, each with its fitted curve."""
    speed = measured(rows, "power/tensor", "rate")
    most = speed[speed["status"].isin(_COUNTS)].groupby("a_type")["value"].max().to_dict() if len(speed) else {}
    shown = (
        (power, "sustained", 1.0, Scale(label="power drawn", unit="W", start=0), "Power at equilibrium"),
        (clock, "sustained", 1e-6, Scale(label="SM clock in MHz"), "SM clock at equilibrium"),
        (clock, "burst", 1e-6, Scale(label="SM clock in MHz"), "SM clock of a burst from rest"),
        (rate, "sustained", most, Scale(label="of its fastest", unit="%"), "Operations per second at equilibrium"),
        (energy, "sustained", 1e12, Scale(label="pJ per operation", unit="pJ", start=0), "Energy per operation"),
    )
    for function, regime, scale, y, what in shown:
        laws = [law for law in function.sought(rows) if law.keys["regime"] == regime]
        laws = [law for law in laws if isinstance(scale, float) or _type(law) in scale]
        drawn = [_series(law, scale) for law in laws]
        if not any(len(one.x) > 1 for one in drawn):
            continue
        svg = lines(
            drawn,
            x=_ACTIVITY,
            y=y,
            joined=False,
            alt=f"{what} over the share of operand bits that change",
        )
        said = f"{what}, by the share of operand bits that change; 0 is zeros, 0.5 would be wholly random bits."
        yield Panel(svg=svg, caption=said + _course(function, laws))


def _series(law, scale):
    """The cells of one type over activity, and the law through them."""
    factor = scale if isinstance(scale, float) else 100 / scale[_type(law)]
    table = law.cells.sort_values(ROOT)
    at = np.linspace(table[ROOT].min(), table[ROOT].max(), 30)
    curve = course(law, at[:, None])
    return Series(
        label=_type(law),
        x=((table[ROOT] - 1) ** 2).tolist(),
        y=(factor * table["value"]).tolist(),
        lo=(factor * table["lo"]).tolist(),
        hi=(factor * table["hi"]).tolist(),
        flawed=[False] * len(table),
        law=[*zip((at - 1) ** 2, factor * curve, strict=True)] if _bends(law) else [],
    )


def _type(law):
    return law.keys["kind"].removeprefix("tensor/")


def _bends(law):
    """Whether cells say how its course goes between its ends; two say nothing of where a cap begins."""
    return law.cells[ROOT].nunique() > 2


def _course(function, laws):
    """What the lines are, where there are any."""
    if not any(map(_bends, laws)):
        return ""
    goes = {
        power: ", straight over the root of the activity up to the card's cap",
        energy: ", near enough straight over the root of the activity",
    }
    return f" The curve is the fitted law{goes.get(function, '')}."


def _panels(speed, watts, joules):
    drawn = {row["cell_id"]: row["value"] for row in watts.to_dict("records")}
    types = [t for t in ("f16", "bf16", "tf32", "e4m3", "s8") if (speed["a_type"] == t).any()] if len(speed) else []
    for dtype in types:
        chosen = speed[speed["a_type"] == dtype]
        listed = [_dot(row, drawn) for row in _ordered(chosen)]
        svg = dots(listed, x=Scale(label="operations per second", unit="flop/s", start=0), alt=f"Speed of {dtype}")
        caption = f"{dtype}: in bursts, and sustained, where the power drawn is given, with the SM clock of each."
        yield Panel(svg=svg, caption=caption)
    if len(joules):
        listed = [
            Dot(
                label=f"{row['a_type']}, {_operands(row)}",
                value=1e12 * row["value"],
                lo=1e12 * row["lo"],
                hi=1e12 * row["hi"],
                group=row["a_type"],
                flawed=row["status"] not in _COUNTS,
            )
            for row in _ordered(joules)
        ]
        svg = dots(listed, x=Scale(label="pJ per operation", unit="pJ", start=0), alt="Energy per operation")
        yield Panel(
            svg=svg,
            caption="Energy per operation at equilibrium: all that the card draws, over what it computes. Power is the "
            "slope of the energy counter while the kernel runs; results of before have the sensor's value of a moment.",
        )


def _ordered(rows):
    rank = {word: place for place, word in enumerate(_OPERANDS)}
    return sorted(rows.to_dict("records"), key=lambda r: (r["a_type"], r["regime"], rank.get(r["operands"], len(rank))))


def _operands(row):
    return _WORDS.get(row["operands"], row["operands"])


def _dot(row, drawn):
    how = f"{drawn[row['cell_id']]:.0f} W" if row["cell_id"] in drawn else row["regime"]
    clock = f" at {row['sm_mhz']:.0f} MHz" if row["sm_mhz"] == row["sm_mhz"] else ""
    words = f"{_operands(row)}, {how}{clock}"
    return Dot(
        label=words,
        value=row["value"],
        lo=row["lo"],
        hi=row["hi"],
        group=row["regime"],
        flawed=row["status"] not in _COUNTS,
    )
