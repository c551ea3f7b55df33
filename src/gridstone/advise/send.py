"""How to send strided blocks in the memory of a GPU to another rank."""

from __future__ import annotations

from gridstone.advise.advice import Advice, Option, left_out, weighed
from gridstone.errors import UsageError
from gridstone.model import HardwareModel, ModelError, OutOfDomain
from gridstone.model.send import METHODS


def send(
    model: HardwareModel, *, bytes: int, block: int, stride: int, colocated: bool = False, library: str = "mpich"
) -> Advice:
    """The fastest method to send `bytes` bytes that lie in blocks of `block`, `stride` bytes apart, in two dimensions.

    colocated: both ranks compute on one GPU; else each on its own, on one host. library: `mpich` or `openmpi`. The
    options are the methods of `model.send_time`, costs are in seconds. Methods that were not measured, or not near
    this layout, are left out, and `because` says so.

    Raises UsageError where no method is left.
    """
    if min(bytes, block) < 1 or stride < block:
        raise UsageError("send: bytes and block are positive numbers, and stride is at least block")
    options, absent = [], {}
    for method in METHODS:
        try:
            cost = model.send_time(
                bytes=bytes, block=block, stride=stride, method=method, colocated=colocated, library=library
            )
        except (OutOfDomain, ModelError, UsageError) as error:
            absent[method] = str(error)
            continue
        options.append(Option(name=method, cost=cost))
    reasons = left_out(absent)
    lost = _regret(model, colocated, library)
    if lost is not None:
        reasons.insert(0, f"choosing so cost {lost:.1%} more than the best method on points held out")
    return weighed(options, reasons)


def _regret(model: HardwareModel, colocated: bool, library: str) -> float | None:
    """The mean regret on held-out points, where the choice was measured."""
    if "send_time" not in model.functions:
        return None
    for law in model.functions["send_time"].laws:
        if law.keys["colocated"] == colocated and law.keys["library"] == library and "regret" in law.parameters:
            return float(law.parameters["regret"]["mean"])
    return None
