"""host_time: what the CPU side takes to stream, gather, chase, copy and reach files."""

from __future__ import annotations

import numpy as np

from gridstone.errors import UsageError
from gridstone.model.artifact import Artifact
from gridstone.model.prediction import Amount, Extrapolate, Prediction


def host_time(
    model: Artifact,
    /,
    *,
    kind: str,
    n: Amount,
    threads: Amount = 1,
    working_set: Amount | None = None,
    granule: Amount | None = None,
    extrapolate: Extrapolate = "refuse",
) -> Prediction:
    """Seconds of host work.

    kind and n: `stream/copy`, `stream/scale`, `stream/add`, `stream/triad` move n bytes (read and written
    together) in one pass; `memcpy` copies n bytes; `gather` reads n random rows of `granule` bytes out of
    `working_set` bytes; `chase` makes n dependent loads over `working_set` bytes; `file/METHOD/TIER`
    (`file/read/page_cache`) reads or writes n bytes. threads: only for kinds that were measured by threads.
    Raises UsageError for an unknown kind or a missing argument, OutOfDomain outside the measured box.
    """
    law = model.function("host_time").law(kind=kind)
    given = {"threads": threads, "working_set": working_set, "granule": granule, "n": n}
    x: dict[str, Amount] = {}
    for name in law.axes:
        value = given[name]
        if value is None:
            lo, hi = law.box[name]
            raise UsageError(f"host_time: kind={kind} needs {name}= ({lo:.10g} to {hi:.10g} was measured)")
        x[name] = value
    for name in ("working_set", "granule"):
        if given[name] is not None and name not in law.axes:
            raise UsageError(f"host_time: kind={kind} takes no {name}")
    if np.any(threads != 1) and "threads" not in law.axes:
        raise UsageError(f"host_time: kind={kind} was measured with one thread only")
    return law.total("n", n, extrapolate, **x) if "n" in law.free else law.at(extrapolate, **x)
