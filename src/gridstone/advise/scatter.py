"""Which way to move blocks at scattered places between host and device."""

from __future__ import annotations

from typing import Literal

from gridstone.advise.advice import Advice, Option, left_out, weighed
from gridstone.errors import UsageError
from gridstone.model import Extrapolate, HardwareModel, ModelError, OutOfDomain
from gridstone.model.pieces import piecewise_methods

Direction = Literal["h2d", "d2h", "both"]
_Place = Literal["host", "device"]


def scatter(
    model: HardwareModel,
    *,
    blocks: int,
    block_bytes: int,
    direction: Direction = "h2d",
    threads: int = 1,
    extrapolate: Extrapolate = "refuse",
) -> Advice:
    """The fastest of the ways that the model knows to move `blocks` blocks of `block_bytes` bytes, as KV caches are.

    direction: `h2d`, `d2h`, or `both` at once, each way as many blocks. threads: of the host that copy block by block.
    Costs are in seconds, until all blocks are there. Ways that were not measured near such blocks are left out, and
    `because` says so. `packed` needs the blocks to lie together on the host.

    Raises UsageError where no way is left or an argument is none, ModelError where the model has no transfer_time.
    """
    if min(blocks, block_bytes, threads) < 1:
        raise UsageError("scatter: blocks, block_bytes and threads are positive numbers")
    # Both ways at once is one measurement, kept under the way to the device.
    places: tuple[_Place, _Place] = ("device", "host") if direction == "d2h" else ("host", "device")
    src, dst = places
    options, absent = [], {}
    function = model.function("transfer_time")
    for method in piecewise_methods(function):
        family, _, name = method.partition("/")
        if family != "blocks" or not function.has(src=src, dst=dst, method=method, duplex=direction == "both"):
            continue
        try:
            cost = model.transfer_time(
                src=src,
                dst=dst,
                bytes=float(blocks * block_bytes),
                chunk=float(block_bytes),
                method=method,
                duplex=direction == "both",
                threads=threads,
                extrapolate=extrapolate,
            )
        except OutOfDomain as error:
            absent[name] = str(error)
            continue
        options.append(Option(name=name, cost=cost))
    if not options and not absent:
        raise ModelError("scatter: this model knows no way to move blocks: no run held scatter/blocks")
    return weighed(options, left_out(absent, rows="blocks", chunk="block_bytes"))
