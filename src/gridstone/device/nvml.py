"""NVML, opened once per process: what the driver says of a GPU, found by its UUID."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from gridstone.errors import GridstoneError


class DriverError(GridstoneError):
    """The NVIDIA driver is missing, too old or does not answer."""

    exit_code = 3


@cache
def nvml() -> Any:
    """The initialised pynvml module. Raises DriverError with the driver's own reason."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise DriverError(_explain(pynvml, error)) from error
    return pynvml


def _explain(pynvml: Any, error: Exception) -> str:
    if isinstance(error, pynvml.NVMLError_LibraryNotFound):
        return "no NVIDIA driver found (libnvidia-ml.so.1 is missing)"
    if isinstance(error, pynvml.NVMLError_DriverNotLoaded):
        return "the NVIDIA driver is installed but not loaded (modprobe nvidia, or reboot)"
    if isinstance(error, pynvml.NVMLError_LibRmVersionMismatch):
        return "the NVIDIA driver was updated while loaded: reboot, or reload its kernel module"
    return f"the NVIDIA driver does not answer: {error}"


def ask(call: Callable[..., Any], *args: Any) -> Any:
    """The answer of one NVML call, None where this GPU or driver does not support it."""
    try:
        return call(*args)
    except nvml().NVMLError:
        return None


def text(value: Any) -> str:
    """NVML strings are bytes in some versions of its bindings."""
    return value.decode() if isinstance(value, bytes) else str(value)
