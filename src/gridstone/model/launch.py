"""launch_overhead: what it costs the host to start, chain and wait for work on the GPU."""

from __future__ import annotations

from gridstone.model.artifact import Artifact
from gridstone.model.prediction import Amount, Extrapolate, Prediction


def launch_overhead(
    model: Artifact,
    /,
    *,
    mode: str,
    n: Amount = 1,
    extrapolate: Extrapolate = "refuse",
) -> Prediction:
    """Seconds for `n` empty operations.

    mode: `LIBRARY/submit` (launches sent back to back) or `LIBRARY/round_trip` (each waited for), with the
    library a front end such as cupy; `graph/linear` or `graph/parallel` (one graph of n nodes);
    `sync/METHOD` (event_record, stream_synchronize, ...). All but graphs are proportional to n.
    Raises UsageError for an unknown mode, OutOfDomain outside the measured numbers of nodes.
    """
    law = model.function("launch_overhead").law(mode=mode)
    if law.axes:
        return law.at(extrapolate, n=n)
    return law.total("n", n, extrapolate)
