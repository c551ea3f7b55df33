"""corun: how much slower a kind of work goes beside another."""

from __future__ import annotations

from gridstone.model.artifact import Artifact
from gridstone.model.prediction import Amount, Extrapolate, Prediction


def corun(
    model: Artifact,
    /,
    *,
    kind: str,
    beside: str,
    split: Amount = 50.0,
    method: str = "exclusive",
    extrapolate: Extrapolate = "refuse",
) -> Prediction:
    """Slowdown of `kind` while `beside` runs too: its rate alone, on the same SMs, over its rate then.

    kind, beside: `tensor`, `stream`, `gemv`, `gather`, `small`, `h2d`, `d2h`; `tensor` and `allreduce`, NCCL's among
    GPUs, which takes SMs of its own choice. split: per cent of the SMs that `kind` has. method: `exclusive` (each
    kernel has SMs to itself, by its number of blocks), `free` (both are on every SM), `green` (green contexts).
    Raises UsageError for an unknown word, OutOfDomain outside the measured splits.
    """
    return model.function("corun").law(kind=kind, beside=beside, method=method).at(extrapolate, split=split)
