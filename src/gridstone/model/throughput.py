"""throughput and saturation: what an SM's pipes give by warps and chains, and how many of them fill a pipe."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from gridstone.errors import UsageError
from gridstone.model.artifact import Artifact
from gridstone.model.interpolate import Table, covers
from gridstone.model.law import Law
from gridstone.model.prediction import Amount, Extrapolate, OutOfDomain, Prediction, plain, refuses


def throughput(
    model: Artifact,
    /,
    *,
    kind: str,
    warps: Amount,
    ilp: Amount,
    extrapolate: Extrapolate = "refuse",
) -> Prediction:
    """What one SM does per clock, in operations of all lanes, or in flop where tensor cores do it.

    kind: an operation such as `fma_f32`, `mma/m16n8k16/f16/f16/f32` or `wgmma/m64n256k16/f16/f16/f32`. warps: of the
    SM, dealt out evenly to its four schedulers; of wgmma in fours. ilp: independent chains in each thread, accumulators
    of each warp, or of wgmma the instructions that a warpgroup keeps under way. Both are whole numbers.

    The interval ends at what the pipe can give at most, where that is known.

    Raises UsageError for an unknown kind or a number that is not whole, OutOfDomain outside the measured box.
    """
    law = model.function("throughput").law(kind=kind)
    _refuse_fractions(law, warps=warps, ilp=ilp)
    answer = law.at(extrapolate, ilp=ilp, warps=warps)
    limit = law.parameters.get("limit", math.inf)
    return replace(answer, hi=plain(np.minimum(answer.hi, np.maximum(limit, answer.value))))


def saturation(
    model: Artifact,
    /,
    *,
    kind: str,
    warps: float | None = None,
    ilp: float | None = None,
    share: float = 0.95,
    extrapolate: Extrapolate = "refuse",
) -> Prediction:
    """The fewest warps with `ilp` chains each, or the fewest chains of `warps` warps, that reach `share` of the most.

    With neither, the fewest operations under way: warps times chains. The most is what the kind gives anywhere in the
    measured box. lo, hi: where the upper and the lower end of the throughput's interval reach it.

    Raises UsageError for an unknown kind, for both numbers at once and for a share that is none, OutOfDomain where
    the share is not reached with that number, or the number lies outside the box.
    """
    law = model.function("throughput").law(kind=kind)
    if warps is not None and ilp is not None:
        raise UsageError("saturation: give warps= or ilp=, not both; throughput answers for both")
    if not 0 < share < 1:
        raise UsageError(f"saturation: share={share:g} is not between 0 and 1")
    given = {name: value for name, value in (("warps", warps), ("ilp", ilp)) if value is not None}
    _refuse_fractions(law, **given)
    chains, many = _places(law)
    all_of_it = law.at("refuse", ilp=chains, warps=many)
    enough = share * float(np.max(all_of_it.value))
    if ilp is not None:
        many = np.unique(many)
        chains = np.full(many.shape, ilp)
    elif warps is not None:
        chains = np.unique(chains)
        many = np.full(chains.shape, warps)
    if refuses(extrapolate) and given:
        inside = covers(law.points, np.column_stack([chains, many]))
        if not inside.any():
            law.at("refuse", ilp=chains[:1], warps=many[:1])
        chains, many = chains[inside], many[inside]
    answer = law.at(extrapolate, ilp=chains, warps=many)
    count = many if ilp is not None else chains if warps is not None else chains * many
    if not np.any(np.asarray(answer.value) >= enough):
        asked = ", ".join(f"{name}={value:g}" for name, value in given.items())
        most = share * float(np.max(answer.value)) / enough
        raise OutOfDomain(f"{kind} with {asked} reaches {most:.0%} of its most at best, less than share={share:g}")
    found = int(np.argmin(np.where(np.asarray(answer.value) >= enough, count, math.inf)))
    sure = count[np.asarray(answer.lo) >= enough]
    return Prediction(
        value=float(count[found]),
        lo=float(count[np.asarray(answer.hi) >= enough].min()),
        hi=float(sure.min()) if sure.size else float(count.max()),
        unit="warp" if ilp is not None else "chain" if warps is not None else "operation",
        in_domain=bool(np.asarray(answer.in_domain)[found]),
        source=str(np.asarray(answer.source)[found]),
        level=float(np.min(answer.level)),
    )


def _places(law: Law) -> tuple[Table, Table]:
    """Chains and warps of all whole numbers within the measured box that the law answers for."""
    least, most = law.points[:, :2].min(axis=0), law.points[:, :2].max(axis=0)
    step = int(law.parameters["step"])
    chains, warps = np.meshgrid(np.arange(least[0], most[0] + 1), np.arange(least[1], most[1] + 1, step))
    inside = covers(law.points, np.column_stack([chains.ravel(), warps.ravel()]))
    return chains.ravel()[inside], warps.ravel()[inside]


def _refuse_fractions(law: Law, **given: Amount) -> None:
    for name, value in given.items():
        step = int(law.parameters["step"]) if name == "warps" else 1
        numbers = np.asarray(value, dtype=float)
        wrong = numbers[np.isfinite(numbers) & (numbers % step != 0)]
        if wrong.size:
            whole = "a whole number" if step == 1 else f"a multiple of {step}"
            raise UsageError(f"{name}={wrong.ravel()[0]:g} is not {whole}")
