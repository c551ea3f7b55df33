"""What an advisor answers: a choice, what stands behind it, and what being wrong would cost."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gridstone.errors import UsageError
from gridstone.model import Prediction

_DRAWS, _SEED = 4096, 20261125
_TWO_SIDED = 1.96


@dataclass(frozen=True, kw_only=True)
class Option:
    """One way to do it, and what the model says it takes."""

    name: str
    cost: Prediction


@dataclass(frozen=True, kw_only=True)
class Advice:
    """choice: the option with the least predicted cost. ranking: all options, best first.

    p_best: the probability that the choice is the best of them, with costs log-normal within their intervals and
    independent. regret: the expected cost of the choice over that of the best, less 1. because: reasons in words.
    """

    choice: str
    ranking: tuple[Option, ...]
    p_best: float
    regret: float
    because: tuple[str, ...]


def weighed(options: Sequence[Option], because: Sequence[str] = ()) -> Advice:
    """The advice among options whose costs are single numbers in one unit. Raises UsageError where there is none."""
    if not options:
        raise UsageError("there is nothing to choose among: " + ("; ".join(because) or "no option was given"))
    ranking = tuple(sorted(options, key=lambda option: float(option.cost.value)))
    middles = np.log([float(o.cost.value) for o in ranking])
    spreads = [np.log(float(o.cost.hi) / float(o.cost.lo)) / 2 / _TWO_SIDED for o in ranking]
    draws = middles + np.array(spreads) * np.random.default_rng(_SEED).standard_normal((_DRAWS, len(ranking)))
    least = draws.min(axis=1)
    if len(ranking) > 1:
        first, second = ranking[:2]
        ahead = float(second.cost.value) / float(first.cost.value)
        because = [f"{second.name} costs {ahead:.2f} times as much as {first.name}", *because]
    return Advice(
        choice=ranking[0].name,
        ranking=ranking,
        p_best=float((draws[:, 0] <= least).mean()),
        regret=float(np.exp(draws[:, 0] - least).mean() - 1),
        because=tuple(because),
    )


def left_out(reasons: Mapping[str, str], **called: str) -> list[str]:
    """Why options were not weighed, in words; those left out for one reason together.

    called: what the question calls arguments of the model that refused it.
    """
    together: dict[str, list[str]] = {}
    for name, why in reasons.items():
        asked = re.sub(r"\b(\w+)=", lambda found: f"{called.get(found[1], found[1])}=", why)
        together.setdefault(asked, []).append(name)
    listed = {", ".join(names) + (" was" if len(names) == 1 else " were"): why for why, names in together.items()}
    return [f"{names} not weighed: {why}" for names, why in listed.items()]
