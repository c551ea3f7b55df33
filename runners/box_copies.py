"""Boxes of a table in host memory copied to the device by one call of the driver, through cuda-bindings or pycuda.

A box has `planes` of `rows` rows; every second row of the table belongs to it, and of a plane in three dimensions every
second half. A library brings its own kinds of host memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content
from gridstone.clock import Work

_here = Path(__file__)
_gathers, _tables = (content.load_module(_here.with_name(f"{name}.py")) for name in ("gathers", "host_table"))
_SIZE = 64 << 20
_ROWS = 1024


@dataclass(frozen=True, kw_only=True)
class Box:
    """`planes` x `rows` rows of `row_bytes`, every second row, from the `height`-row plane `first` of a table on."""

    row_bytes: int
    rows: int
    planes: int
    height: int

    @property
    def pitch(self) -> int:
        """Bytes from one row of the box to the next in the table."""
        return 2 * self.row_bytes

    @property
    def firsts(self) -> int:
        """At how many planes (rows, where there is one plane) a box may begin."""
        all_rows = _SIZE // self.pitch
        return all_rows - self.rows if self.planes == 1 else all_rows // self.height - self.planes

    def numbers(self, first: int) -> Any:
        """The rows of the box, as numbers of rows of the table (uint32)."""
        plane = np.arange(self.planes) * self.height
        start = first if self.planes == 1 else first * self.height
        return (2 * (start + plane[:, None] + np.arange(self.rows))).ravel().astype(np.uint32)


def box(method: str, row_bytes: int) -> Box:
    """1,024 rows: in one plane (`2d`), or in 16 planes (`3d`)."""
    if method == "2d":
        return Box(row_bytes=row_bytes, rows=_ROWS, planes=1, height=0)
    return Box(row_bytes=row_bytes, rows=_ROWS // 16, planes=16, height=_ROWS // 8)


def copied(gpu: Any, *, library: str, method: str, memory: str, row_bytes: int) -> Work:
    """A box copied by one call that ends when all its rows are there, one behind the other; from changing places."""
    shape = box(method, row_bytes)
    listed = _gathers.rows(gpu, footprint=_SIZE, row_bytes=row_bytes, align=0, count=_ROWS, distribution="sequential")
    lists = listed.order.size // _ROWS
    firsts = np.random.default_rng().integers(0, shape.firsts, lists).tolist()
    listed.order.set(np.concatenate([shape.numbers(first) for first in firsts]))
    gathered = gpu.alloc(_ROWS * row_bytes)
    maker = _by_pycuda if library == "pycuda" else _by_bindings
    copies, wait = maker(gpu, memory, shape, gathered.data.ptr, firsts)

    def run() -> None:
        listed.next()
        copies[listed.turn]()
        wait()

    def poison() -> None:
        gpu.memset(gathered, 0xFF)
        gpu.synchronize()

    return gpu.host_call(run, work=_ROWS * row_bytes, poison=poison, verify=lambda: listed.wrong(gathered) == 0)


Copies = tuple[list[Callable[[], Any]], Callable[[], Any]]


def _by_bindings(gpu: Any, memory: str, shape: Box, target: int, firsts: list[int]) -> Copies:
    """A call for each box of `firsts`, and what waits for it."""
    from cuda.bindings import driver

    table = _tables.table(gpu, _SIZE, memory)
    kinds = driver.CUmemorytype
    stream = driver.CUstream(int(gpu.stream.ptr))
    start = driver.cuMemcpy2DAsync if shape.planes == 1 else driver.cuMemcpy3DAsync

    def one(first: int) -> Callable[[], None]:
        copy = driver.CUDA_MEMCPY2D() if shape.planes == 1 else driver.CUDA_MEMCPY3D()
        copy.srcMemoryType, copy.srcHost, copy.srcPitch = kinds.CU_MEMORYTYPE_HOST, table.host, shape.pitch
        copy.dstMemoryType, copy.dstDevice = kinds.CU_MEMORYTYPE_DEVICE, driver.CUdeviceptr(target)
        copy.dstPitch = copy.WidthInBytes = shape.row_bytes
        copy.Height = shape.rows
        if shape.planes == 1:
            copy.srcY = first
        else:
            copy.srcZ, copy.srcHeight, copy.dstHeight, copy.Depth = first, shape.height, shape.rows, shape.planes

        def call() -> None:
            (status,) = start(copy, stream)
            if status != 0:
                raise RuntimeError(f"a copy of a box failed with CUDA error {status.name}")

        return call

    return [one(first) for first in firsts], gpu.stream.synchronize


_kept: dict[str, Any] = {}


def _pycuda() -> Any:
    """pycuda's driver module, in the context that the process already has."""
    import pycuda.driver as driver

    if "context" not in _kept:
        driver.init()
        _kept["context"] = driver.Device(0).retain_primary_context()
        _kept["context"].push()
    return driver


def host_array(driver: Any, memory: str, size: int) -> Any:
    """`size` bytes of a kind of host memory by pycuda, mapped for the device, as a NumPy uint8 array.

    Its `base` gives the device's address by get_device_pointer().
    """
    if memory == "managed":
        return driver.managed_empty(size, np.uint8, mem_flags=driver.mem_attach_flags.GLOBAL)
    if memory == "registered":
        aligned = driver.aligned_empty(size, np.uint8)
        return driver.register_host_memory(aligned, driver.mem_host_register_flags.DEVICEMAP)
    flags = driver.host_alloc_flags.DEVICEMAP
    if memory == "write_combined":
        flags |= driver.host_alloc_flags.WRITECOMBINED
    return driver.pagelocked_empty(size, np.uint8, mem_flags=flags)


def _by_pycuda(gpu: Any, memory: str, shape: Box, target: int, firsts: list[int]) -> Copies:
    """A call for each box of `firsts`, and what waits for it."""
    driver = _pycuda()
    if memory not in _kept:
        array = _kept[memory] = host_array(driver, memory, _SIZE)
        _tables.fill(gpu, int(array.base.get_device_pointer()), _SIZE)
        gpu.synchronize()
    array, stream = _kept[memory], driver.Stream()

    def one(first: int) -> Callable[[], None]:
        copy = driver.Memcpy2D() if shape.planes == 1 else driver.Memcpy3D()
        if memory == "managed":
            copy.set_src_device(int(array.base.get_device_pointer()))
        else:
            copy.set_src_host(array)
        copy.set_dst_device(target)
        copy.src_pitch, copy.dst_pitch, copy.width_in_bytes = shape.pitch, shape.row_bytes, shape.row_bytes
        copy.height = shape.rows
        if shape.planes == 1:
            copy.src_y = first
        else:
            copy.src_z, copy.src_height, copy.dst_height, copy.depth = first, shape.height, shape.rows, shape.planes
        return lambda: copy(stream)

    return [one(first) for first in firsts], stream.synchronize
