"""power, clock, rate and energy of tensor cores, by how many bits of their operands change from one to the next."""

from __future__ import annotations

import numpy as np

from gridstone.errors import UsageError
from gridstone.model.artifact import Artifact, nearest
from gridstone.model.law import Law, refusal
from gridstone.model.prediction import Amount, Extrapolate, OutOfDomain, Prediction, refuses

# The coordinate of these laws: what a bit that changes costs falls as more of them do, near enough with the root.
ROOT = "root_of_activity_plus_1"


def root(activity: Amount) -> Amount:
    """The coordinate at an activity: one more than its square root, since coordinates are positive."""
    return 1 + np.sqrt(activity)


def power(
    model: Artifact,
    /,
    *,
    kind: str,
    operands: str | None = None,
    activity: Amount | None = None,
    regime: str = "sustained",
    extrapolate: Extrapolate = "refuse",
) -> Prediction:
    """Watts that the card draws while every SM multiplies matrices of one type.

    kind: `tensor/bf16`, `tensor/e4m3`, and so on: dense wgmma of that type, m64n256, all operands in shared memory.
    operands: what they hold, one of those that were measured (`zeros`, `normal`, ...); or instead activity: the mean
    share of an operand's bits that differ from the one before it, 0 where nothing changes and 0.5 where all bits are
    random. regime: `sustained`, at power equilibrium; a burst is too short for the sensor.

    Raises UsageError for an unknown word, for both or neither of operands and activity, or an activity that is none,
    OutOfDomain outside the measured activities, and between two where those are all.
    """
    law, at = _asked(model, "power", kind, regime, operands, activity, extrapolate)
    return law.at(extrapolate, **at).widened(_unknown(law, at[ROOT], extrapolate))


def clock(
    model: Artifact,
    /,
    *,
    kind: str,
    operands: str | None = None,
    activity: Amount | None = None,
    regime: str = "sustained",
    extrapolate: Extrapolate = "refuse",
) -> Prediction:
    """Hertz of the SMs meanwhile. regime: also `burst`, 0.15 ms after a rest; the others as in `power`."""
    law, at = _asked(model, "clock", kind, regime, operands, activity, extrapolate)
    return law.at(extrapolate, **at).widened(_unknown(law, at[ROOT], extrapolate))


def rate(
    model: Artifact,
    /,
    *,
    kind: str,
    operands: str | None = None,
    activity: Amount | None = None,
    regime: str = "sustained",
    extrapolate: Extrapolate = "refuse",
) -> Prediction:
    """Operations per second of all SMs, two for a product and its addition; arguments as of clock."""
    law, at = _asked(model, "rate", kind, regime, operands, activity, extrapolate)
    return law.at(extrapolate, **at).widened(_unknown(law, at[ROOT], extrapolate))


def energy(
    model: Artifact,
    /,
    *,
    kind: str,
    flop: Amount,
    operands: str | None = None,
    activity: Amount | None = None,
    regime: str = "sustained",
    extrapolate: Extrapolate = "refuse",
) -> Prediction:
    """Joules that the card draws for `flop` operations at equilibrium; the other arguments are those of power."""
    law, at = _asked(model, "energy", kind, regime, operands, activity, extrapolate)
    return law.total("flop", flop, extrapolate, **at).widened(_unknown(law, at[ROOT], extrapolate))


def _asked(
    model: Artifact,
    name: str,
    kind: str,
    regime: str,
    operands: str | None,
    activity: Amount | None,
    extrapolate: Extrapolate,
) -> tuple[Law, dict[str, Amount]]:
    """The law, and the coordinate that the words mean."""
    law = model.function(name).law(kind=kind, regime=regime)
    known = law.parameters["activity"]
    if (operands is None) == (activity is None):
        raise UsageError(f"{name}: give operands= or activity=, one of them")
    if activity is None:
        if operands not in known:
            raise UsageError(f"{name}: operands={operands} was not measured with {kind}{nearest(str(operands), known)}")
        return law, {ROOT: root(float(known[operands]))}
    share = np.asarray(activity, dtype=float)
    if not ((share >= 0) & (share <= 1)).all():
        raise UsageError(f"{name}: activity is a share, between 0 and 1")
    low, high = min(known.values()), max(known.values())
    outside = share[(share < low) | (share > high)]
    if refuses(extrapolate) and outside.size:
        raise OutOfDomain(refusal("activity", float(outside.ravel()[0]), (low, high)))
    return law, {ROOT: root(share)}


def _unknown(law: Law, at: Amount, extrapolate: Extrapolate) -> Amount:
    """What the interval grows by, in log space, between the cells of a law that has two: where a cap begins is not
    known, so all that lies between them may be. Raises OutOfDomain there unless `extrapolate="flag"`.
    """
    places, values = law.points[:, 0], law.points[:, 1]
    if places.size > 2:
        return 0.0
    between = ~np.isclose(np.asarray(at)[..., None], places, rtol=1e-9).any(axis=-1)
    if refuses(extrapolate) and between.any():
        known = " and ".join(law.parameters["activity"])
        raise OutOfDomain(
            f"{law.keys['kind']} was measured with {known} alone, and nothing says how it goes between them; give "
            'operands=, or accept a widened interval with extrapolate="flag"'
        )
    return np.where(between, np.log(values.max() / values.min()), 0.0)
