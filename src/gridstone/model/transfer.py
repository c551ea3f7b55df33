"""transfer_time: contiguous copies, piecewise a latency plus bytes over a bandwidth; and data in pieces."""

from __future__ import annotations

from typing import Literal

from gridstone.errors import UsageError
from gridstone.model.artifact import Artifact
from gridstone.model.pieces import in_pieces
from gridstone.model.prediction import Amount, Extrapolate, Prediction

Place = Literal["host", "device"]


def transfer_time(
    model: Artifact,
    /,
    *,
    src: Place,
    dst: Place,
    bytes: Amount,
    method: str = "pinned",
    duplex: bool = False,
    chunk: Amount | None = None,
    align: Amount = 0,
    threads: Amount = 1,
    extrapolate: Extrapolate = "refuse",
) -> Prediction:
    """Seconds to copy `bytes` bytes between memories: contiguous ones, or pieces of `chunk` bytes at scattered places.

    src, dst: `host` or `device`. method: kind of host memory (`pinned`, `pageable`, `mapped`); of no effect
    between device and device. duplex: a copy of the same size runs the other way at the same time; the time
    is that until both are done.

    In pieces, method is a way to gather rows of a table in host memory (`gather/plain`, `gather/circular`,
    `gather/masked`, `gather/warp_per_row`, `gather/bulk` by threads of the GPU in place, `gather/staged` by `threads`
    threads of the host and a copy, `gather/per_row`, `gather/batch`, `gather/strided` by copies of the driver) or
    to move blocks between memories (`blocks/per_block` from `threads` threads, `blocks/batch`, `blocks/packed`,
    `blocks/kernel`). align: bytes from a boundary of 128 to the table's first row, where rows are read in place.

    Raises UsageError for an unknown word, OutOfDomain outside the sizes.
    """
    function = model.function("transfer_time")
    if src == dst == "host":
        raise UsageError("transfer_time: host to host is host_time with kind=memcpy")
    if src == dst == "device":
        method = "device"
    if src == "device" and dst == "host" and duplex:
        # Both ways at once is one measurement, kept under the way to the device.
        src, dst = dst, src
    law = function.law(src=src, dst=dst, method=method, duplex=duplex)
    if "rows" in law.free:
        if chunk is None:
            raise UsageError(f"transfer_time: method={method} moves pieces: give chunk=BYTES")
        return in_pieces(law, bytes=bytes, chunk=chunk, align=align, threads=threads, extrapolate=extrapolate)
    if chunk is not None:
        raise UsageError(f"transfer_time: method={method} copies contiguous bytes: leave out chunk")
    return law.at(extrapolate, bytes=bytes)
