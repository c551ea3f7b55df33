"""Blocks that have an SM each."""

from __future__ import annotations

from typing import Any

from cuda.bindings import driver


def most_shared(gpu: Any) -> int:
    """The most dynamic shared memory that a block may have, in bytes: with it, an SM holds one block."""
    attribute = driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
    status, size = driver.cuDeviceGetAttribute(attribute, gpu.device.device_id)
    if status != 0:
        raise RuntimeError(f"{attribute.name} is not to be had ({status.name})")
    return int(size)
