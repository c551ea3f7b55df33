"""A load from the shared memory of another SM, by which two SMs these are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gridstone.errors import UsageError
from gridstone.model.law import Law
from gridstone.model.prediction import Amount, OutOfDomain, Prediction, plain

_LEVEL = 0.95


def pair_latency(law: Law, src_sm: Amount, dst_sm: Amount) -> Prediction:
    """Cycles of one load from `src_sm` to `dst_sm`: level of their GPC + effect of the source + of the destination.

    The interval is that of held-out pairs. Raises UsageError where the runs hold no pairs, OutOfDomain for an SM that
    they do not name and for two that can be in no cluster together.
    """
    known: Mapping[str, Any] | None = law.parameters.get("pairs")
    if not known:
        raise UsageError(
            "memory_time: this model has no pairs of SMs (dsm/latency_pair, of one card): leave out src_sm"
        )
    place = {float(sm): number for number, sm in enumerate(known["sms"])}
    src, dst = np.broadcast_arrays(np.asarray(src_sm, dtype=float), np.asarray(dst_sm, dtype=float))
    for sm in (*src.flat, *dst.flat):
        if float(sm) not in place:
            raise OutOfDomain(f"SM {sm:g} is in no pair that was measured")
    first, second = (np.array([place[float(sm)] for sm in part.flat], dtype=int) for part in (src, dst))
    group = np.asarray(known["group"])
    wrong = (group[first] != group[second]) | (first == second)
    if wrong.any():
        one, other = src.flat[int(np.argmax(wrong))], dst.flat[int(np.argmax(wrong))]
        if one == other:
            raise OutOfDomain(f"src_sm={one:g}, dst_sm={other:g} is one SM: its own shared memory is level=shared")
        raise OutOfDomain(f"SMs {one:g} and {other:g} are never in one cluster, so that no load goes between them")
    level, source, destination = (np.asarray(known[name], dtype=float) for name in ("level", "source", "destination"))
    value = (level[first] + source[first] + destination[second]).reshape(src.shape)
    half = float(known["half_width"])
    return Prediction(
        value=plain(value),
        lo=plain(value - half),
        hi=plain(value + half),
        unit="cycle",
        in_domain=plain(np.ones(value.shape, dtype=bool)),
        source=plain(np.full(value.shape, "interpolated")),
        level=plain(np.full(value.shape, _LEVEL)),
    )
