"""What to run beside a kind of work."""

from __future__ import annotations

from gridstone.advise.advice import Advice, Option, left_out, weighed
from gridstone.errors import UsageError
from gridstone.model import Extrapolate, HardwareModel, OutOfDomain
from gridstone.model.artifact import nearest


def corun(
    model: HardwareModel,
    *,
    kind: str,
    split: float = 50.0,
    method: str = "exclusive",
    extrapolate: Extrapolate = "refuse",
) -> Advice:
    """What slows `kind` down the least, of all kinds of work that were measured beside it.

    kind, split, method: as in `HardwareModel.corun`: split is the per cent of the SMs that `kind` has. Costs are its
    slowdowns; `because` says how much slower each other kind goes then.

    Raises UsageError for an unknown kind or where none was measured beside it, ModelError where the model has no corun.
    """
    function = model.function("corun")
    known = sorted({str(law.keys["kind"]) for law in function.laws})
    methods = sorted({str(law.keys["method"]) for law in function.laws})
    for name, word, words in (("kind", kind, known), ("method", method, methods)):
        if word not in words:
            raise UsageError(f"corun: {name}={word} is not in this model{nearest(word, words)}")
    options, absent, theirs = [], {}, []
    for other in known:
        if not function.has(kind=kind, beside=other, method=method):
            continue
        try:
            mine = model.corun(kind=kind, beside=other, split=split, method=method, extrapolate=extrapolate)
        except OutOfDomain as error:
            absent[other] = str(error)
            continue
        options.append(Option(name=other, cost=mine))
        try:
            back = model.corun(kind=other, beside=kind, split=100 - split, method=method, extrapolate=extrapolate)
            theirs.append(f"{other} itself goes {float(back.value):.2f} times slower beside {kind}")
        except OutOfDomain as error:
            theirs.append(f"how much slower {other} goes is not known: {error}")
    return weighed(options, [*theirs, *left_out(absent)])
