"""collective_time: messages and collectives among ranks of one host or of several."""

from __future__ import annotations

import numpy as np

from gridstone.errors import UsageError
from gridstone.model.artifact import Artifact
from gridstone.model.prediction import Amount, Extrapolate, Prediction, one_after_other


def collective_time(
    model: Artifact,
    /,
    *,
    collective: str,
    library: str,
    bytes: Amount | None = None,
    ranks: Amount = 2,
    tier: str = "node",
    algorithm: str = "native",
    protocol: str | None = None,
    per_node: int = 1,
    within: str = "node",
    extrapolate: Extrapolate = "refuse",
) -> Prediction:
    """Seconds until the slowest rank is done.

    collective: `send` (one message between two ranks, half a round trip), `allreduce`, `allgather`,
    `reduce_scatter`, `broadcast`, `alltoall`, `reduce`, `barrier` (takes no bytes), or `ring` (a message to the
    neighbour; algorithm `one` or `both` ways round). bytes: the larger of what a rank gives and gets. library:
    `mpich`, `openmpi` or `nccl`. tier: `node`, ranks of one host, or `network`, one per host; GPUs of one host are
    joined by `nvlink`, `pcie` or `node`; device memory over MPI is `gpu` (all ranks on one), `gpus` (one each) or
    `network_gpus`. algorithm: `native`, the library's own choice; an all-reduce also as `ring`, `star` or `tree` of
    sends. protocol: with NCCL and algorithm `ring` or `tree`, the one that it is told to use (`LL`, `LL128`, `Simple`).

    per_node: an all-reduce of `ranks` hosts with that many ranks each, composed of what was measured of both
    tiers: reduce-scatter within the hosts (over the tier `within`), all-reduce of the parts between them, all-gather
    within (Thakur, Rabenseifner and Gropp, 2005, for the parts). Raises UsageError for words that the model has no law
    for, OutOfDomain outside the measured box.
    """
    function = model.function("collective_time")
    if protocol is not None:
        algorithm = f"{algorithm}/{protocol}"
    if per_node < 1:
        raise UsageError(f"collective_time: per_node={per_node}: a host has at least one rank")
    if per_node > 1:
        if collective != "allreduce" or tier != "network":
            raise UsageError("collective_time: per_node composes collective=allreduce with tier=network only")
        size = _needed(bytes, collective)
        inside = {"tier": within, "ranks": per_node, "library": library, "bytes": size, "extrapolate": extrapolate}
        return one_after_other(
            collective_time(model, collective="reduce_scatter", **inside),  # type: ignore[arg-type]
            collective_time(
                model,
                collective="allreduce",
                library=library,
                bytes=np.asarray(size) / per_node,
                ranks=ranks,
                tier="network",
                algorithm=algorithm,
                extrapolate=extrapolate,
            ),
            collective_time(model, collective="allgather", **inside),  # type: ignore[arg-type]
        )
    law = function.law(collective=collective, algorithm=algorithm, library=library, tier=tier)
    if law.axes == ("ranks",):
        if bytes is not None:
            raise UsageError(f"collective_time: collective={collective} takes no bytes")
        return law.at(extrapolate, ranks=ranks)
    size = _needed(bytes, collective)
    if law.axes == ("bytes",):
        if np.any(np.asarray(ranks) != 2):
            raise UsageError(f"collective_time: collective={collective} is between 2 ranks")
        return law.at(extrapolate, bytes=size)
    return law.at(extrapolate, ranks=ranks, bytes=size)


def _needed(bytes: Amount | None, collective: str) -> Amount:
    if bytes is None:
        raise UsageError(f"collective_time: collective={collective} needs bytes=")
    return bytes
