"""transfer_time: contiguous copies, piecewise a latency plus bytes over a bandwidth."""

from __future__ import annotations

from typing import Literal

from gridstone.errors import UsageError
from gridstone.model.artifact import Artifact
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
    extrapolate: Extrapolate = "refuse",
) -> Prediction:
    """Seconds to copy `bytes` contiguous bytes between memories.

    src, dst: `host` or `device`. method: kind of host memory (`pinned`, `pageable`, `mapped`); of no effect
    between device and device. duplex: a copy of the same size runs the other way at the same time; the time
    is that until both are done. Raises UsageError for an unknown word, OutOfDomain outside the sizes.
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
    return law.at(extrapolate, bytes=bytes)
