"""Streams whose kernels run on a part of the SMs alone: green contexts of the driver."""

from __future__ import annotations

from typing import Any

from cuda.bindings import driver

from gridstone import Unavailable

_kept: dict[tuple[int, int], tuple[int, int, int, int, Any]] = {}


def two_streams(sms: int, first: int) -> tuple[int, int, int, int]:
    """Streams on two disjoint groups of SMs: the first of at least `first` of them, the second on the rest.

    The two streams' addresses, then how many SMs each group has. Raises Unavailable where the driver has no green
    contexts or cannot split the SMs so.
    """
    if (sms, first) not in _kept:
        try:
            _kept[sms, first] = _made(first)
        except (AttributeError, RuntimeError) as error:
            raise Unavailable(f"no green contexts here: {error}") from None
    return _kept[sms, first][:4]


def _made(first: int) -> tuple[int, int, int, int, Any]:
    kind = driver.CUdevResourceType.CU_DEV_RESOURCE_TYPE_SM
    device = _checked(driver.cuCtxGetDevice())
    whole = _checked(driver.cuDeviceGetDevResource(device, kind))
    groups, _count, rest = _checked(driver.cuDevSmResourceSplitByCount(1, whole, 0, first), all=True)
    streams, counts, contexts = [], [], []
    for group in (groups[0], rest):
        description = _checked(driver.cuDevResourceGenerateDesc([group], 1))
        flags = int(driver.CUgreenCtxCreate_flags.CU_GREEN_CTX_DEFAULT_STREAM)
        context = _checked(driver.cuGreenCtxCreate(description, device, flags))
        wanted = int(driver.CUstream_flags.CU_STREAM_NON_BLOCKING)
        streams.append(int(_checked(driver.cuGreenCtxStreamCreate(context, wanted, 0))))
        counts.append(int(group.sm.smCount))
        contexts.append(context)
    return streams[0], streams[1], counts[0], counts[1], contexts


def _checked(answer: Any, all: bool = False) -> Any:
    status, *values = answer
    if status != 0:
        raise RuntimeError(f"CUDA error {status.name}")
    return values if all else values[0]
