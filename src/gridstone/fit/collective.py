"""collective_time from the probes of ranks: messages, collectives of MPI and NCCL, and those built from sends."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from gridstone.fit.cells import Sought, cells, points, usable, words
from gridstone.fit.piecewise import regimes
from gridstone.fit.steps import counted
from gridstone.model.messages import Messages

if TYPE_CHECKING:
    import pandas as pd

NAME = "collective_time"
FORM = (
    "a message: a latency plus bytes over a bandwidth, by protocol; collectives: the messages that they are made of, "
    "times a curve over log ranks and log bytes"
)
PROBES = (
    "pingpong/latency",
    "collective/native",
    "collective/allreduce",
    "collective/barrier",
    "collective/ring",
    "nccl/collective",
    "nccl/forced",
    "nccl/send",
    "nccl/ring",
)

# What a tier is called where the messages are in device memory: on one GPU, or on one each.
ON_DEVICE = {"gpu": "gpu", "node": "gpus", "network": "network_gpus"}
_LINES = ("affine", "segments", "loglog", "cubic")
_CURVES = ("known", "known*loglog")
_CURVES_ON_GPUS = ("loglog", "cubic", "affine")  # a protocol changes at another size with each number of ranks
_NCCL = "nccl"
_FAST = 0.1


def sought(frame: pd.DataFrame) -> list[Sought]:
    """One law per collective, algorithm, library and tier."""
    messages = [_message(*place) for place in _places(usable(frame, "pingpong/latency", "time"))]
    known = {(one.keys["library"], one.keys["tier"]): _messages(one) for one in messages}
    found = list(messages)
    for probe, axis in (("native", "collective"), ("allreduce", "algorithm"), ("ring", "direction")):
        for rows, library, tier in _places(usable(frame, f"collective/{probe}", "time")):
            for word in words(rows, axis):
                name, algorithm = (word, "native") if axis == "collective" else (probe, word)
                law = _over_ranks(rows[rows[axis] == word], name, algorithm, library, tier)
                course = partial(counted, messages=known.get((library, tier)))
                found.append(replace(law, candidates=_CURVES, known=course))
    for rows, library, tier in _places(usable(frame, "collective/barrier", "time")):
        table = cells(rows, ranks=rows["ranks"])
        keys = _keys("barrier", "native", library, tier)
        found.append(Sought(keys=keys, axes=("ranks",), unit="s", cells=table, candidates=("loglog",)))
    return [*found, *_on_gpus(frame)]


def _on_gpus(frame: pd.DataFrame) -> list[Sought]:
    """The laws of NCCL: its own choice is `native`; what was forced is named `ring/LL128`."""
    found = [_message(rows, _NCCL, tier) for rows, tier in _tiers(usable(frame, "nccl/send", "time"))]
    for rows, tier in _tiers(usable(frame, "nccl/collective", "time")):
        for name in words(rows, "collective"):
            found.append(_over_ranks(rows[rows["collective"] == name], name, "native", _NCCL, tier))
    for rows, tier in _tiers(usable(frame, "nccl/ring", "time")):
        for direction in words(rows, "direction"):
            found.append(_over_ranks(rows[rows["direction"] == direction], "ring", direction, _NCCL, tier))
    for rows, tier in _tiers(usable(frame, "nccl/forced", "time")):
        for (name, algorithm, protocol), own in rows.groupby(["collective", "algorithm", "protocol"]):
            found.append(_over_ranks(own, str(name), f"{algorithm}/{protocol}", _NCCL, tier))
    return found


def _tiers(rows: pd.DataFrame) -> list[tuple[pd.DataFrame, str]]:
    return [(rows[rows["tier"] == tier], tier) for tier in words(rows, "tier")]


def _places(rows: pd.DataFrame) -> list[tuple[pd.DataFrame, str, str]]:
    """The rows of each library and tier that occur; device memory is a tier of its own."""
    parts = []
    if {"memory", "tier"} <= set(rows.columns):
        rows = rows.assign(tier=rows["tier"].where(rows["memory"] != "device", rows["tier"].map(ON_DEVICE)))
    for library in words(rows, "library"):
        of_library = rows[rows["library"] == library]
        for tier in words(of_library, "tier"):
            parts.append((of_library[of_library["tier"] == tier], library, tier))
    return parts


def _message(rows: pd.DataFrame, library: str, tier: str) -> Sought:
    table = cells(rows, bytes=rows["bytes"])
    curve = points(_undisturbed(rows), ["bytes"])
    parameters: dict[str, Any] = {}
    if len(curve) >= 3:
        protocols = [asdict(regime) for regime in regimes(curve[:, 0], curve[:, 1])]
        for one in protocols:
            one["bandwidth"] = one["bandwidth"] if math.isfinite(one["bandwidth"]) else None
        parameters = {"protocols": protocols, "switches": [one["low"] for one in protocols[1:]]}
    return Sought(
        keys=_keys("send", "native", library, tier),
        axes=("bytes",),
        unit="s",
        cells=table,
        candidates=_LINES,
        parameters=parameters,
    )


def _undisturbed(rows: pd.DataFrame) -> pd.DataFrame:
    """The cells by the fastest tenth of their samples: protocols are the library's and the link's own, and medians hold
    what else went on."""
    fast = [float(np.quantile(one, _FAST)) if one is not None else np.nan for one in rows["samples"]]
    return cells(rows.assign(value=np.where(np.isnan(fast), rows["value"], fast)), bytes=rows["bytes"])


def _messages(sent: Sought) -> Messages:
    sizes, seconds = points(sent.cells, ["bytes"])[:, :2].T.tolist()
    return Messages(sizes=tuple(sizes), seconds=tuple(seconds))


def _over_ranks(rows: pd.DataFrame, collective: str, algorithm: str, library: str, tier: str) -> Sought:
    return Sought(
        keys=_keys(collective, algorithm, library, tier),
        axes=("ranks", "bytes"),
        unit="s",
        cells=cells(rows, ranks=rows["ranks"], bytes=rows["bytes"]),
        candidates=_CURVES_ON_GPUS,
    )


def _keys(collective: str, algorithm: str, library: str, tier: str) -> dict[str, str | bool]:
    return {"collective": collective, "algorithm": algorithm, "library": library, "tier": tier}
