"""Contiguous copies: host to device, back, both at once, and within the device."""

import numpy as np

from gridstone import bandwidth, gpu_memory, loop, pcie, pow2, probe, seconds, values
from gridstone import host_memory as needs_host_memory
from gridstone.declaration import Limit

_THREADS = 512


def _pcie(machine, axes, samples):
    one_way = pcie(machine, axes, samples)
    if one_way is None or axes["direction"] != "both":
        return one_way
    return Limit(value=2 * one_way.value, kind=one_way.kind + ", both ways")


class _Way:
    """One direction between a host array and a device array of the checkable values."""

    def __init__(self, gpu, direction, host):
        self._gpu, self._runtime, self.host, self._size = gpu, gpu.cp.cuda.runtime, host, host.nbytes
        self.device = gpu.floats(host.nbytes)
        self._outbound = direction == "h2d"
        if self._outbound:
            self._to_host(gpu.stream)
            gpu.synchronize()
        self.enqueue = self._to_device if self._outbound else self._to_host

    def _to_device(self, stream):
        kind = self._runtime.memcpyHostToDevice
        self._runtime.memcpyAsync(self.device.data.ptr, self.host.ctypes.data, self._size, kind, stream.ptr)

    def _to_host(self, stream):
        kind = self._runtime.memcpyDeviceToHost
        self._runtime.memcpyAsync(self.host.ctypes.data, self.device.data.ptr, self._size, kind, stream.ptr)

    def poison(self):
        if self._outbound:
            self._gpu.memset(self.device, 0xFF)
        else:
            self.host[:] = 0xFF

    def verify(self):
        self._gpu.synchronize()
        if not self._outbound:  # what came back is judged on the device, which takes no time
            self._gpu.memset(self.device, 0xFF)
            self._to_device(self._gpu.stream)
        return self._gpu.mismatches(self.device, 1, 0) == 0


@probe(
    None,
    direction=["h2d", "d2h", "both"],
    method=values(["pinned", "pageable"], quick=["pinned"]),
    bytes=pow2("4", "1GiB", per_octave=1, quick=1, full=2, multiple=4),
    measures=[bandwidth(), seconds()],
    limit=_pcie,
    needs=[gpu_memory(lambda axes: 2 * axes["bytes"]), needs_host_memory(lambda axes: 2 * axes["bytes"])],
    where=lambda direction, method, bytes: method == "pinned" or (direction != "both" and bytes <= 256 << 20),
    fits="transfer",
)
def host_device(gpu, *, direction, method, bytes):
    """One cudaMemcpyAsync per way between page-locked or pageable host memory and the device."""
    make = gpu.pinned if method == "pinned" else lambda size: np.empty(size, dtype=np.uint8)
    ways = [_Way(gpu, way, make(bytes)) for way in ("h2d", "d2h") if direction in (way, "both")]
    second = gpu.cp.cuda.Stream(non_blocking=True)
    fork, join = gpu.cp.cuda.Event(disable_timing=True), gpu.cp.cuda.Event(disable_timing=True)

    def both():
        fork.record(gpu.stream)
        second.wait_event(fork)
        ways[0].enqueue(gpu.stream)
        ways[1].enqueue(second)
        join.record(second)
        gpu.stream.wait_event(join)

    def one():
        ways[0].enqueue(gpu.stream)

    def blocking():
        one()
        gpu.synchronize()

    checks = {
        "work": bytes * len(ways),
        "poison": lambda: [way.poison() for way in ways],
        "verify": lambda: all(way.verify() for way in ways),
    }
    if method == "pageable":
        return gpu.host_call(blocking, **checks)
    return gpu.call(both if direction == "both" else one, **checks)


@probe(
    "copy/mapped.cu",
    direction=["h2d", "d2h"],
    bytes=pow2("4", "1GiB", per_octave=1, quick=1, full=2, multiple=4),
    measures=[bandwidth(), seconds()],
    limit=_pcie,
    sass={"sm_80+": [loop(r"LDG\.E\.128\S*"), loop(r"STG\.E\.128\S*")]},
    needs=[gpu_memory(lambda axes: axes["bytes"]), needs_host_memory(lambda axes: axes["bytes"])],
    fits="transfer",
)
def mapped(gpu, *, direction, bytes):
    """A kernel copies between device memory and page-locked host memory that it addresses itself."""
    way = _Way(gpu, direction, gpu.pinned(bytes))
    target, source = (way.device, way.host) if direction == "h2d" else (way.host, way.device)
    return gpu.launch(
        grid=max(1, min(bytes // (16 * _THREADS), 2 * gpu.multiprocessors)),
        block=_THREADS,
        args=[target, source, np.uint64(bytes)],
        work=bytes,
        poison=way.poison,
        verify=way.verify,
    )


@probe(
    None,
    bytes=pow2("4KiB", "4GiB", per_octave=4, quick=1, multiple=4),
    measures=[bandwidth(), seconds()],
    needs=[gpu_memory(lambda axes: 2 * axes["bytes"])],
    fits="transfer",
)
def device(gpu, *, bytes):
    """cudaMemcpyAsync within the device; every byte is read and written, and counts twice."""
    source, target = gpu.floats(bytes), gpu.alloc(bytes).view(np.float32)
    runtime = gpu.cp.cuda.runtime

    def enqueue():
        kind = runtime.memcpyDeviceToDevice
        runtime.memcpyAsync(target.data.ptr, source.data.ptr, bytes, kind, gpu.stream.ptr)

    return gpu.call(
        enqueue,
        work=2 * bytes,
        poison=lambda: gpu.memset(target, 0xFF),
        verify=lambda: gpu.mismatches(target, 1, 0) == 0,
    )
