"""send_time: strided blocks in the memory of a GPU, sent to another rank, by method."""

from __future__ import annotations

import math

import numpy as np

from gridstone.errors import UsageError
from gridstone.model.artifact import Artifact
from gridstone.model.collective import collective_time
from gridstone.model.pack import pack_time
from gridstone.model.prediction import Amount, Extrapolate, OutOfDomain, Prediction, one_after_other
from gridstone.model.transfer import transfer_time

METHODS = ("one_shot", "device", "staged")
_OTHER_DIMENSIONS = math.log(2)  # what the interval of two dimensions grows by for others, in log space


def send_time(
    model: Artifact,
    /,
    *,
    bytes: Amount,
    block: Amount,
    stride: Amount,
    dims: Amount = 2,
    method: str = "one_shot",
    colocated: bool = False,
    library: str = "mpich",
    extrapolate: Extrapolate = "refuse",
) -> Prediction:
    """Seconds from blocks in the memory of one rank's GPU to the same blocks in that of another rank on its host.

    bytes: of the blocks together, `block` bytes each, `stride` bytes apart, in `dims` dimensions. method: `one_shot`
    (a kernel packs into host memory, which is sent and unpacked from there), `device` (packed bytes are sent from
    device memory to device memory), `staged` (packed on the device, copied to the host, sent, copied back).
    colocated: both ranks compute on one GPU. library: `mpich` or `openmpi`.

    Where pingpong/strided was measured, its law answers questions of two dimensions; else the time is composed of
    pack_time, transfer_time and collective_time of a message. Raises UsageError for words and ModelError for functions
    that the model lacks, OutOfDomain outside what was measured.
    """
    if method not in METHODS:
        raise UsageError(f"send_time: method={method} is not one of {', '.join(METHODS)}")
    keys: dict[str, str | bool] = {"method": method, "colocated": colocated, "library": library}
    measured = model.functions.get("send_time")
    flat = bool(np.all(np.asarray(dims) == 2))
    if measured is not None and measured.has(**keys) and (flat or "pack_time" not in model.functions):
        answer = measured.law(**keys).at(extrapolate, stride=stride, block=block, bytes=bytes)
        if flat or extrapolate == "flag":
            return answer.widened(np.where(np.asarray(dims) == 2, 0.0, _OTHER_DIMENSIONS))
        raise OutOfDomain(
            f"dims={np.max(dims):g}: sending was measured in 2 dimensions, and this model has no pack_time for others; "
            'measure datatype/kernel, or accept a widened interval with extrapolate="flag"'
        )
    where = "gpu/mapped" if method == "one_shot" else "gpu/device"
    layout = {"bytes": bytes, "block": block, "stride": stride, "dims": dims, "extrapolate": extrapolate}
    parts = [
        pack_time(model, where=where, direction="pack", **layout),  # type: ignore[arg-type]
        pack_time(model, where=where, direction="unpack", **layout),  # type: ignore[arg-type]
    ]
    if method == "staged":
        ways = (("device", "host"), ("host", "device"))
        parts += [transfer_time(model, src=a, dst=b, bytes=bytes, extrapolate=extrapolate) for a, b in ways]
    on_gpu = method == "device"
    message = collective_time(
        model,
        collective="send",
        library=library,
        bytes=bytes,
        tier=("gpu" if colocated else "gpus") if on_gpu else "node",
        extrapolate=extrapolate,
    )
    return one_after_other(*parts, message)
