"""Contiguous copies: host to device, back, both at once, and within the device."""

import numpy as np

from gridstone import bandwidth, gpu_memory, pcie, pow2, probe, seconds, values
from gridstone import host_memory as needs_host_memory
from gridstone.declaration import Limit

_THREADS = 512


def _pcie(machine, axes, samples):
    one_way = pcie(machine, axes, samples)
    if one_way is None or axes["direction"] != "both":
        return one_way
    return Limit(value=2 * one_way.value, kind=one_way.kind + ", both ways")


def _pattern(size):
    """Random bytes in a period that no power of two divides: a misplaced copy shows."""
    period = np.random.default_rng(1).integers(0, 256, 1_000_003, dtype=np.uint8)
    return np.resize(period, size)


@probe(
    None,
    direction=["h2d", "d2h", "both"],
    method=values(["pinned", "pageable"], quick=["pinned"]),
    bytes=pow2("4", "1GiB", per_octave=1, quick=1, full=2, every=1),
    measures=[bandwidth(), seconds()],
    limit=_pcie,
    needs=[gpu_memory(lambda axes: 2 * axes["bytes"]), needs_host_memory(lambda axes: 4 * axes["bytes"])],
    where=lambda direction, method, bytes: method == "pinned" or (direction != "both" and bytes <= 256 << 20),
    fits="transfer",
)
def host_device(gpu, *, direction, method, bytes):
    """One cudaMemcpyAsync per way between page-locked or pageable host memory and the device."""
    runtime, stream = gpu.cp.cuda.runtime, gpu.stream
    data = _pattern(bytes)
    make = gpu.pinned if method == "pinned" else lambda size: np.empty(size, dtype=np.uint8)
    outbound, inbound = make(bytes), make(bytes)
    there, back = gpu.alloc(bytes), gpu.alloc(bytes)
    outbound[:] = data
    back.set(data)
    second = gpu.cp.cuda.Stream(non_blocking=True)
    fork, join = gpu.cp.cuda.Event(disable_timing=True), gpu.cp.cuda.Event(disable_timing=True)

    def h2d(on):
        runtime.memcpyAsync(there.data.ptr, outbound.ctypes.data, bytes, runtime.memcpyHostToDevice, on.ptr)

    def d2h(on):
        runtime.memcpyAsync(inbound.ctypes.data, back.data.ptr, bytes, runtime.memcpyDeviceToHost, on.ptr)

    def both():
        fork.record(stream)
        second.wait_event(fork)
        h2d(stream)
        d2h(second)
        join.record(second)
        stream.wait_event(join)

    def poison():
        there.data.memset(0xFF, bytes)
        inbound[:] = 0xFF

    def verify():
        stream.synchronize()
        sent = direction == "d2h" or bool((there.get() == data).all())
        got = direction == "h2d" or bool((inbound == data).all())
        return sent and got

    enqueue = {"h2d": lambda: h2d(stream), "d2h": lambda: d2h(stream), "both": both}[direction]
    work = bytes * (2 if direction == "both" else 1)
    if method == "pageable":

        def run():
            enqueue()
            stream.synchronize()

        return gpu.host_call(run, work=work, poison=poison, verify=verify)
    return gpu.call(enqueue, work=work, poison=poison, verify=verify)


@probe(
    None,
    bytes=pow2("4KiB", "4GiB", per_octave=1),
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
        poison=lambda: target.data.memset(0xFF, bytes),
        verify=lambda: gpu.mismatches(target, 1, 0) == 0,
    )
