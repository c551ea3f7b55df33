"""What bounds the bus bandwidth of NCCL among the GPUs of a host."""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping
from typing import Any

from gridstone import Limit, own_links
from gridstone.collectives import BUS
from gridstone.declaration import Machine


def of_own_links(machine: Machine, axes: Mapping[str, Any], _samples: Any) -> Limit | None:
    """What the GPU with the fewest links sends or gets one way: a rank must do so with the bytes of the bus bandwidth.

    Only the bus bandwidth of an all-reduce counts more than that where the switch adds up: there each rank may send its
    array once and get the sum. Everywhere else 2 (n - 1) / n of it go out of a rank on average, and no algorithm does
    with less (Patarasuk and Yuan, 2009).
    """
    ranks = int(axes.get("ranks", 2))
    each = () if axes["tier"] == "network" else own_links(machine, ranks)
    if not each:
        return None
    least = min(each, key=lambda one: one.value)
    if axes.get("collective") != "allreduce":
        return least
    once = BUS["allreduce"](ranks)
    if once > 1 and _adds_up_in_switches(machine, axes):
        return Limit(value=once * least.value, kind=f"{least.kind} x {once:g}, if the switch adds up")
    return Limit(value=min(once * least.value, statistics.fmean(one.value for one in each)), kind=least.kind)


def _adds_up_in_switches(machine: Machine, axes: Mapping[str, Any]) -> bool:
    """Whether NCCL may leave sums to the switch (NVLS): from Hopper on, unless it is told otherwise."""
    forced = axes.get("algorithm") in ("ring", "tree")
    off = os.environ.get("NCCL_NVLS_ENABLE") == "0"
    hopper = machine.gpu is not None and machine.gpu.compute_capability >= (9, 0)
    return axes["tier"] == "nvlink" and not forced and not off and hopper
