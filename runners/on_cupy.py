"""Runs GPU cells: CuPy for memory, streams and events, cuda-core for launches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cupy as cp
import numpy as np
from cuda.bindings import driver
from cuda.core import Device, LaunchConfig, ObjectCode, launch

from gridstone import content
from gridstone.clock import BlockClock, CycleClock, EventClock, HostClock, ObservedClock, Work
from gridstone.compile import compile_kernel
from gridstone.declaration import Machine
from gridstone.declaration.need import GPU_SHARE

_bench = content.load_module(Path(__file__).with_name("cupy_bench.py"))
_memory = content.load_module(Path(__file__).with_name("cupy_memory.py"))
_rings = content.load_module(Path(__file__).with_name("cupy_ring.py"))


@contextmanager
def context(machine: Machine) -> Iterator[Gpu]:
    """The GPU as the bodies of GPU probes see it. The caller has set CUDA_VISIBLE_DEVICES to the one GPU."""
    yield Gpu(machine)


class Gpu:
    """One GPU with a stream, memory, support kernels and the three kinds of work: launch, chain and call.

    place: which of the GPUs that this process sees. share: of its memory, taken at once.
    """

    def __init__(self, machine: Machine, place: int = 0, share: float = GPU_SHARE) -> None:
        assert machine.gpu is not None
        self.machine = machine
        self.facts = machine.gpu
        self.multiprocessors = machine.gpu.multiprocessors
        self.cp = cp
        self.place = place
        self.device = Device(place)
        self._make_current()
        self._renew_stream()
        self._memory = _memory.Memory(share)
        self._support: dict[str, Any] = {}
        self.bench = _bench.Bench(self)
        self._textures: list[Any] = []
        self.cubin: bytes | None = None
        self._object: Any = None
        self.kernel: Any = None
        self.l2 = "warm"
        self._scratch: Any = None

    def begin(self, cubin: bytes | None, l2: str) -> None:
        """Make ready for a visit to a cell: its kernel, whether L2 is flushed before every sample, a new stream.

        Short copies differ by a tenth from one stream to the next.
        """
        self._renew_stream()
        self.cubin = cubin
        self._object = None if cubin is None else ObjectCode.from_cubin(cubin)
        self.kernel = None if self._object is None else self._object.get_kernel("probe")
        self.l2 = l2

    def end(self) -> None:
        """Forget the cell; what it allocated is free for the next one."""
        self.stream.synchronize()
        self._object = self.kernel = None
        self._textures.clear()
        self._memory.restart()

    def activate(self) -> None:
        """Make this the GPU, and its stream the stream, of whatever is called next: where a process has several."""
        self._make_current()
        self.stream.use()

    def _make_current(self) -> None:
        self.device.set_current()
        cp.cuda.Device(self.place).use()

    def _renew_stream(self) -> None:
        self.stream = cp.cuda.Stream(non_blocking=True)
        self.stream.use()
        self.core_stream = self.device.create_stream(self.stream)

    # Memory

    def alloc(self, size: int) -> Any:
        """`size` bytes of device memory as a CuPy uint8 array, not initialised."""
        return self._memory.device(int(size))

    def pinned(self, size: int) -> Any:
        """`size` bytes of page-locked host memory as a NumPy uint8 array that the GPU can address."""
        return self._memory.pinned(int(size))

    def memset(self, array: Any, value: int) -> None:
        """Enqueue: every byte of a device array becomes `value`. The stream does not wait for a plain cudaMemset."""
        cp.cuda.runtime.memsetAsync(array.data.ptr, value, array.nbytes, self.stream.ptr)

    def floats(self, size: int) -> Any:
        """`size` bytes of device memory holding the checkable values of support/arrays.cu."""
        array = self.alloc(size).view(cp.float32)
        self.support("arrays.cu", "fill", 8 * self.multiprocessors, 512, [array, np.uint64(array.size)])
        return array

    def mismatches(self, array: Any, factor: float, offset: float) -> int:
        """How many floats of a device array differ from factor * value_at(i) + offset."""
        wrong = cp.zeros(1, dtype=cp.uint64)
        args = [array, np.uint64(array.size), np.float32(factor), np.float32(offset), wrong]
        self.support("arrays.cu", "mismatches", 8 * self.multiprocessors, 512, args)
        return int(wrong.get()[0])

    def expected_sum(self, count: int) -> int:
        """Sum modulo 2^32 of the bits of the first `count` checkable values."""
        total = cp.zeros(1, dtype=cp.uint32)
        self.support("arrays.cu", "expected_sum", 8 * self.multiprocessors, 512, [np.uint64(count), total])
        return int(total.get()[0])

    # Kernels

    def support(self, file: str, name: str, grid: int, block: int, args: Sequence[Any]) -> None:
        """Enqueue a kernel of kernels_cuda/support."""
        key = f"{file}:{name}"
        if key not in self._support:
            path = content.folder("kernels_cuda") / "support" / file
            binary = compile_kernel(path, {}, self.facts.arch)
            self._support[key] = ObjectCode.from_cubin(binary.cubin).get_kernel(name)
        launch(self.core_stream, LaunchConfig(grid=grid, block=block), self._support[key], *map(_argument, args))

    def enqueue(
        self, kernel: Any, grid: int, block: int, args: Sequence[Any], shared: int = 0, cluster: int | None = None
    ) -> None:
        """Enqueue one launch of a kernel; `cluster` blocks share one cluster."""
        launch(self.core_stream, _config(grid, block, shared, cluster), kernel, *map(_argument, args))

    def allow(self, kernel: Any, shared: int, cluster: int | None = None) -> None:
        """Let a kernel have what needs leave: over 48 KiB of dynamic shared memory, clusters of more than 8 blocks."""
        attributes = driver.CUfunction_attribute
        wanted = []
        if shared > 48 << 10:
            wanted.append((attributes.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, shared))
        if cluster is not None and cluster > 8:
            wanted.append((attributes.CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED, 1))
        for attribute, value in wanted:
            (status,) = driver.cuKernelSetAttribute(attribute, value, kernel.handle, self.device.device_id)
            if status != 0:
                raise RuntimeError(f"{attribute.name} = {value} is not to be had ({status.name})")

    # Work

    def launch(
        self,
        *,
        grid: int,
        block: int,
        args: Sequence[Any],
        work: float,
        shared: int = 0,
        cluster: int | None = None,
        poison: Callable[[], None] | None = None,
        verify: Callable[[], bool | None] | None = None,
    ) -> Work:
        """The cell's kernel, timed by events; `work` is what one launch does, in units of the metric."""
        kernel, passed = self.kernel, [_argument(a) for a in args]
        config = _config(grid, block, shared, cluster)
        self.allow(kernel, shared, cluster)
        return self.call(
            lambda: launch(self.core_stream, config, kernel, *passed),
            work=work,
            poison=poison,
            verify=verify,
            keep=args,
        )

    def call(
        self,
        enqueue: Callable[[], object],
        *,
        work: float,
        gated: bool = True,
        poison: Callable[[], None] | None = None,
        verify: Callable[[], bool | None] | None = None,
        keep: object = None,
    ) -> Work:
        """Anything that enqueues on `gpu.stream`, timed by events. `keep` holds what the work refers to."""
        before = self.flush_l2 if self.l2 == "flush" else None
        clock = EventClock(bench=self.bench, enqueue=enqueue, work=work, before=before, gated=gated)
        return Work(clock=clock, poison=poison, verify=verify, close=lambda: _forget(keep))

    def host_call(
        self,
        run: Callable[[], object],
        *,
        work: float,
        calls: int = 1,
        poison: Callable[[], None] | None = None,
        verify: Callable[[], bool | None] | None = None,
    ) -> Work:
        """Calls that have finished when `run` returns, timed by the host clock; `run` makes `calls` of them."""
        return Work(clock=HostClock(run=run, work=work, calls=calls), poison=poison, verify=verify)

    def chain(
        self,
        *,
        args: Callable[[int], Sequence[Any]],
        lengths: tuple[int, int],
        before: Callable[[], None] | None = None,
        expect: Callable[[], list[int]] | None = None,
        verify: Callable[[], bool | None] | None = None,
        shared: int = 0,
        grid: int = 1,
        block: int = 1,
        cluster: int | None = None,
    ) -> Work:
        """A dependent chain, timed by the cycle counter of the SM of the one thread that writes the Stamp.

        args(length): the arguments of a launch of that length; the kernel's last two parameters, the length and
        the Stamp to write, are added. expect(): the `result` of each launch since it was last asked, in order.
        verify(): what else there is to check after the last launch.
        """
        kernel, seen = self.kernel, []
        self.allow(kernel, shared, cluster)

        def enqueue(length: int, slot: int) -> None:
            passed = [*args(length), np.uint32(length), self.bench.slot(slot)]
            self.enqueue(kernel, grid, block, passed, shared, cluster)

        def stamps(count: int) -> Any:
            taken = self.bench.stamps(count)
            if expect is not None:
                seen.append([int(v) for v in taken["result"]] == expect())
            return taken

        def verified() -> bool | None:
            looked = verify() if verify is not None else None
            return all(seen) and looked is not False if expect is not None else looked

        clock = CycleClock(
            launch=enqueue,
            stamps=stamps,
            lengths=lengths,
            before=before,
            multiprocessors=self.multiprocessors,
        )
        return Work(clock=clock, verify=verified)

    def fill(
        self,
        *,
        block: int,
        args: Sequence[Any],
        work: float,
        shared: int = 0,
        poison: Callable[[], None] | None = None,
        verify: Callable[[], bool | None] | None = None,
    ) -> Work:
        """One block of the cell's kernel per SM, timed by the blocks themselves.

        The kernel's last parameter, an array with a Stamp per block to write, is added. `work` is what all blocks do.
        """
        kernel, stamped = self.kernel, self.multiprocessors
        self.allow(kernel, shared)
        passed = [*args, self.bench.slot(0)]
        clock = BlockClock(
            launch=lambda: self.enqueue(kernel, stamped, block, passed, shared),
            stamps=lambda: self.bench.stamps(stamped),
            work=work,
            multiprocessors=self.multiprocessors,
        )
        return Work(clock=clock, poison=poison, verify=verify, close=lambda: _forget(args))

    def observe(self, observe: Callable[[], Mapping[str, float]]) -> Work:
        """Work that reads its metrics off its own output, once per sample."""
        return Work(clock=ObservedClock(observe=observe, multiprocessors=self.multiprocessors))

    # Rings and what else kernels read

    def ring(self, footprint: int, stride: int, memory: Any = None) -> Any:
        """A ring of addresses through `footprint` bytes, one per `stride`, in a random order (cupy_ring.py).

        memory: pinned host memory to lay it through; device memory by default.
        """
        return _rings.ring_of_addresses(self, footprint, stride, memory)

    def offsets(self, footprint: int, stride: int, unit: int = 4) -> Any:
        """A ring of offsets in units of `unit` bytes through device memory (uint32) (cupy_ring.py)."""
        return _rings.ring_of_offsets(self, footprint, stride, unit)

    def copy_to_constant(self, name: str, words: Any, loaded: Any = None) -> None:
        """Copy a device array to a `__constant__` array of the cell's kernel file, or of another loading of it."""
        status, address, _size = driver.cuLibraryGetGlobal((loaded or self._object).handle, name.encode())
        if status != 0:
            raise RuntimeError(f"no __constant__ {name} in the kernel ({status})")
        kind = cp.cuda.runtime.memcpyDeviceToDevice
        cp.cuda.runtime.memcpyAsync(int(address), words.data.ptr, words.nbytes, kind, self.stream.ptr)

    def linear_texture(self, words: Any) -> Any:
        """A texture object over a uint32 device array, as the handle that a kernel takes."""
        channel = cp.cuda.texture.ChannelFormatDescriptor(32, 0, 0, 0, cp.cuda.runtime.cudaChannelFormatKindUnsigned)
        kind = cp.cuda.runtime.cudaResourceTypeLinear
        resource = cp.cuda.texture.ResourceDescriptor(kind, arr=words, chDesc=channel, sizeInBytes=words.nbytes)
        descriptor = cp.cuda.texture.TextureDescriptor(
            addressModes=(cp.cuda.runtime.cudaAddressModeClamp,),
            readMode=cp.cuda.runtime.cudaReadModeElementType,
        )
        self._textures.append(cp.cuda.texture.TextureObject(resource, descriptor))
        return np.uint64(self._textures[-1].ptr)

    # The stream

    def synchronize(self) -> None:
        """Wait for the stream."""
        self.stream.synchronize()

    def flush_l2(self) -> None:
        """Overwrite more memory than L2 holds."""
        if self._scratch is None:
            self._scratch = cp.empty(4 * max(self.facts.l2, 32 << 20), dtype=cp.uint8)
        self.memset(self._scratch, 0)


def _config(grid: int, block: int, shared: int, cluster: int | None) -> LaunchConfig:
    """`grid` counts blocks; cuda-core counts clusters where there are any."""
    clusters, rest = divmod(grid, cluster or 1)
    if rest:
        raise ValueError(f"{grid} blocks are no whole number of clusters of {cluster}")
    return LaunchConfig(grid=clusters, block=block, shmem_size=shared, cluster=cluster)


def _argument(value: Any) -> Any:
    """What cuda-core passes: addresses as Python integers, scalars with their NumPy type."""
    if isinstance(value, cp.ndarray):
        return int(value.data.ptr)
    if isinstance(value, np.ndarray):
        return int(value.ctypes.data)
    return value


def _forget(_kept: object) -> None:
    """Holds the work's buffers until the cell is closed."""
