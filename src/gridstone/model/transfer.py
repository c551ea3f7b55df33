"""transfer_time: contiguous copies, piecewise a latency plus bytes over a bandwidth; and data in pieces."""

from __future__ import annotations

import re

import numpy as np

from gridstone.errors import UsageError
from gridstone.model.artifact import Artifact
from gridstone.model.peers import METHODS, unmeasured
from gridstone.model.pieces import farther, fewer, in_pieces, moves_pieces
from gridstone.model.prediction import Amount, Extrapolate, Prediction

_GPU = re.compile(r"gpu(\d+)")


def transfer_time(
    model: Artifact,
    /,
    *,
    src: str,
    dst: str,
    bytes: Amount,
    method: str = "pinned",
    duplex: bool = False,
    chunk: Amount | None = None,
    align: Amount = 0,
    threads: Amount = 1,
    working_set: Amount | None = None,
    in_flight: Amount | None = None,
    extrapolate: Extrapolate = "refuse",
) -> Prediction:
    """Seconds to copy `bytes` bytes between memories: contiguous ones, or pieces of `chunk` bytes at scattered places.

    src, dst: `host` or `device`, or two GPUs by their places, `gpu0` and `gpu1`. method: kind of host memory
    (`pinned`, `pageable`, `mapped`), of no effect between device and device; between GPUs `engine`, a copy engine
    (also for `pinned`), `read` by SMs of the receiver or `write` by SMs of the sender. duplex: a copy of the same
    size runs the other way at the same time; the time is that until both are done. Two GPUs without a ladder of sizes
    are known by `engine` one way only, where others joined alike have one.

    In pieces, method is a way to gather rows of a table in host memory (`gather/plain`, `gather/circular`,
    `gather/masked`, `gather/warp_per_row`, `gather/bulk` by threads of the GPU in place, `gather/staged` by `threads`
    threads of the host and a copy, `gather/per_row`, `gather/batch`, `gather/strided` by copies of the driver) or
    to move blocks between memories (`blocks/per_block` from `threads` threads, `blocks/batch`, `blocks/packed`,
    `blocks/kernel`). Where rows are read in place, align is the bytes from a boundary of 128 to the table's first row,
    and working_set the bytes among which they lie at random places: without it, as many as translation reaches.
    in_flight: bytes that all SMs together have asked for at a time (SMs x warps x loads under way x bytes of a load of
    a warp): without it, more than the link needs.

    Raises UsageError for an unknown word and for GPUs that were not measured so, OutOfDomain outside the sizes.
    """
    function = model.function("transfer_time")
    src_gpu, dst_gpu = _place("src", src), _place("dst", dst)
    if src == dst == "host":
        raise UsageError("transfer_time: host to host is host_time with kind=memcpy")
    if src == dst == "device":
        method = "device"
    if src_gpu is not None and dst_gpu is not None:
        if src_gpu == dst_gpu:
            raise UsageError(f"transfer_time: {src} to itself is src=device dst=device")
        if duplex:
            src_gpu, dst_gpu = sorted((src_gpu, dst_gpu))
        src, dst, method = f"gpu{src_gpu}", f"gpu{dst_gpu}", "engine" if method == "pinned" else method
        if method in METHODS and not function.has(src=src, dst=dst, method=method, duplex=duplex):
            raise UsageError("transfer_time: " + unmeasured(model.runs, src_gpu, dst_gpu, method, duplex))
    if src == "device" and dst == "host" and duplex:
        # Both ways at once is one measurement, kept under the way to the device.
        src, dst = dst, src
    law = function.law(src=src, dst=dst, method=method, duplex=duplex)
    if law.unit != "s":
        raise UsageError(
            f"transfer_time: {method} is a factor on gathers in place: name one of them, with working_set or in_flight"
        )
    if moves_pieces(law):
        if chunk is None:
            raise UsageError(f"transfer_time: method={method} moves pieces: give chunk=BYTES")
        answer = in_pieces(law, bytes=bytes, chunk=chunk, align=align, threads=threads, extrapolate=extrapolate)
        if working_set is not None:
            rows = np.asarray(bytes, dtype=float) / chunk
            answer = farther(function, law, answer, rows=rows, working_set=working_set, extrapolate=extrapolate)
        if in_flight is not None:
            answer = fewer(function, law, answer, in_flight=in_flight, extrapolate=extrapolate)
        return answer
    for name, given in (("working_set", working_set), ("in_flight", in_flight)):
        if given is not None:
            raise UsageError(f"transfer_time: {name} belongs to gathers: leave it out with method={method}")
    if chunk is not None:
        raise UsageError(f"transfer_time: method={method} copies contiguous bytes: leave out chunk")
    return law.at(extrapolate, bytes=bytes)


def _place(name: str, word: str) -> int | None:
    """The place of a GPU, None for the memory of the host or of the one GPU."""
    found = _GPU.fullmatch(word)
    if found is None and word not in ("host", "device"):
        raise UsageError(f"transfer_time: {name}={word}: write host or device, or gpu0, gpu1 for several GPUs")
    return None if found is None else int(found[1])
