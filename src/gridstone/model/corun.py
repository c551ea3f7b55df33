"""corun: how much slower a kind of work goes beside others."""

from __future__ import annotations

import numpy as np

from gridstone.errors import UsageError
from gridstone.model.artifact import Artifact
from gridstone.model.law import Law
from gridstone.model.prediction import Amount, Extrapolate, Prediction, plain

_SAME = 50.0


def corun(
    model: Artifact,
    /,
    *,
    kind: str,
    beside: str,
    split: Amount = _SAME,
    method: str = "exclusive",
    ranks: Amount | None = None,
    extrapolate: Extrapolate = "refuse",
) -> Prediction:
    """Slowdown of `kind` while `beside` runs too: its rate alone, on the same SMs, over its rate then.

    kind, beside: `tensor`, `stream`, `gemv`, `gather`, `small`, `h2d`, `d2h`; `tensor` and `allreduce`, NCCL's among
    GPUs, which takes SMs of its own choice. Several are joined by `+` (`beside=gather+d2h`): what each of them takes
    away is added up, and the interval says nothing of how well that holds. split: per cent of the SMs that `kind` has.
    method: `exclusive` (each kernel has SMs to itself, by its number of blocks), `free` (both are on every SM),
    `green` (green contexts). ranks: of the collective; the most that were measured where it is left out. Raises
    UsageError for an unknown word, OutOfDomain outside the measured splits and ranks.
    """
    function = model.function("corun")
    others = beside.split("+")
    if len(others) == 1:
        return _slowed(function.law(kind=kind, beside=beside, method=method), split, ranks, extrapolate)
    if "" in others:
        raise UsageError(f"corun: beside={beside}: write one kind, or several as in gather+d2h")
    laws = [function.law(kind=kind, beside=other, method=method) for other in others]
    each = [_slowed(law, split, ranks if "ranks" in law.axes else None, extrapolate) for law in laws]
    value, lo, hi = (1 + np.sum([np.asarray(part) - 1 for part in parts], axis=0) for parts in _columns(each))
    inside = np.all([np.asarray(one.in_domain) for one in each], axis=0)
    return Prediction(
        value=plain(value),
        lo=plain(np.minimum(lo, value)),
        hi=plain(np.maximum(hi, value)),
        unit="1",
        in_domain=plain(inside),
        source=plain(np.where(inside, "interpolated", "extrapolated")),
        level=plain(0.0 * value),  # of sums, only a few were measured
    )


def _slowed(law: Law, split: Amount, ranks: Amount | None, extrapolate: Extrapolate) -> Prediction:
    if "ranks" not in law.axes:
        if ranks is not None:
            raise UsageError(f"corun: ranks are those of a collective: leave them out beside {law.keys['beside']}")
        return law.at(extrapolate, split=split)
    most = law.box["ranks"][1]
    assert most is not None
    return law.at(extrapolate, split=split, ranks=most if ranks is None else ranks)


def _columns(each: list[Prediction]) -> tuple[list[Amount], list[Amount], list[Amount]]:
    return [one.value for one in each], [one.lo for one in each], [one.hi for one in each]
