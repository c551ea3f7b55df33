"""Stands in for CuPy on host memory, for tests without a GPU: what gridstone's ranks use of it, and no more.

Kernels that pack are replaced by the host's packing, on the addresses that the kernels would be given. It is found
where this folder is on PYTHONPATH. GRIDSTONE_STAND_IN says what the GPUs are called, one name per GPU, with commas;
GRIDSTONE_STAND_IN_FAULT which signal ends who tries a collective, or `wrong`.
"""

import ctypes
import os
from types import SimpleNamespace

import numpy as np

import gridstone.datatypes.device
from gridstone.datatypes import host
from gridstone.errors import UsageError

uint8, int32 = np.uint8, np.int32
_NAMES = os.environ.get("GRIDSTONE_STAND_IN", "Stand-in GPU").split(",")
_current = 0


class ndarray(np.ndarray):  # noqa: N801
    """An array "on the GPU": it has the interface of one and none of a host array, but for tests to look into."""

    @property
    def data(self):
        return SimpleNamespace(ptr=self.ctypes.data)

    @property
    def __cuda_array_interface__(self):
        return {**self.__array_interface__, "version": 3, "stream": None}

    def get(self, stream=None):
        return np.array(self.view(np.ndarray))


def asarray(values):
    made = np.array(values).view(ndarray)
    if made.dtype == np.int32:  # what is tried of collectives: a library that does not know device memory ends here
        fault = os.environ.get("GRIDSTONE_STAND_IN_FAULT", "")
        if fault.isdecimal():
            os.kill(os.getpid(), int(fault))
        made[...] = -1 if fault else made
    return made


def empty(shape, dtype=np.float64):
    return np.full(shape, 0xA5, dtype=dtype).view(ndarray)


def zeros(shape, dtype=np.float64):
    return np.zeros(shape, dtype=dtype).view(ndarray)


def full(shape, value, dtype=np.float64):
    return np.full(shape, value, dtype=dtype).view(ndarray)


class _Device:
    def __init__(self, number=0):
        self._number = number

    def use(self):
        global _current
        if os.environ.get("GRIDSTONE_STAND_IN_FULL") == str(self._number):
            raise MemoryError(f"GPU {self._number} is full")
        _current = self._number

    def synchronize(self):
        pass


class _Stream:
    def __init__(self, non_blocking=False):
        self.ptr = 0

    def use(self):
        pass

    def synchronize(self):
        pass


def _copy(to, at, size, kind, stream):
    ctypes.memmove(to, at, size)


def _set(at, byte, size, stream):
    ctypes.memset(at, byte, size)


cuda = SimpleNamespace(
    Device=_Device,
    Stream=_Stream,
    get_current_stream=_Stream,
    alloc_pinned_memory=lambda size: np.full(size, 0xA5, dtype=np.uint8),
    runtime=SimpleNamespace(
        getDeviceCount=lambda: len(_NAMES),
        getDeviceProperties=lambda number: {"name": _NAMES[number].encode()},
        memcpyAsync=_copy,
        memsetAsync=_set,
        memcpyDefault=4,
    ),
)


def _prepared(form, memory, packed, direction, *, origin=0, stream=None):
    """The kernel's work by the host: same addresses, same refusals."""
    at, room = gridstone.datatypes.device.extent(memory, written=direction == "unpack")
    to, space = gridstone.datatypes.device.extent(packed, written=direction == "pack")
    low, high = form.span
    if origin + low < 0 or origin + high > room or space < form.size:
        raise UsageError("the datatype reaches beyond its buffers")
    held = (memory, packed)

    def enqueue():
        assert held
        whole = np.ctypeslib.as_array((ctypes.c_uint8 * room).from_address(at)) if room else np.empty(0, np.uint8)
        dense = np.ctypeslib.as_array((ctypes.c_uint8 * space).from_address(to)) if space else np.empty(0, np.uint8)
        if direction == "pack":
            host.pack(form, whole, dense, origin=origin)
        else:
            host.unpack(form, dense, whole, origin=origin)

    return enqueue


gridstone.datatypes.device.prepared = _prepared
