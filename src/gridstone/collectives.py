"""What collectives have in common, whichever library runs them: how much of their data crosses the busiest link."""

from __future__ import annotations

from collections.abc import Callable, Mapping

# Bytes that cross the busiest link of a ring, over the bytes of the operation: what makes bandwidths of different
# collectives and numbers of ranks comparable with that of a link (the definition that nccl-tests made common).
BUS: Mapping[str, Callable[[int], float]] = {
    "allreduce": lambda n: 2 * (n - 1) / n,
    "allgather": lambda n: (n - 1) / n,
    "reduce_scatter": lambda n: (n - 1) / n,
    "alltoall": lambda n: (n - 1) / n,
    "broadcast": lambda n: 1.0,
    "reduce": lambda n: 1.0,
}
