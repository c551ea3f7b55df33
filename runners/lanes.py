"""Streams beside the visit's own, on which kernels and copies run at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from cuda.core import LaunchConfig, ObjectCode, launch

from gridstone import content
from gridstone.clock import STAMP
from gridstone.compile import compile_kernel

_SLOTS = 256


class _Handle:
    """A stream of another maker, as cuda-core takes it."""

    def __init__(self, pointer: int) -> None:
        self._pointer = pointer

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self._pointer


class Lane:
    """A stream of its own, or one of another context that is given by its address; kernels and copies go on it.

    Marks on a stream of its own are events. Events of one context do not time the streams of another: there a kernel
    of one thread writes down the global timer.
    """

    def __init__(self, gpu: Any, pointer: int | None = None) -> None:
        self._gpu, self._stamped = gpu, pointer is not None
        if pointer is None:
            self.stream = gpu.cp.cuda.Stream(non_blocking=True)
        else:
            self.stream = gpu.cp.cuda.ExternalStream(pointer)
            self._stamps, self._slot = gpu.alloc(_SLOTS * STAMP.itemsize), 0
            file = content.folder("kernels_cuda") / "support" / "stamp.cu"
            self._stamp = ObjectCode.from_cubin(compile_kernel(file, {}, gpu.facts.arch).cubin).get_kernel("stamp")
        self.pointer = int(self.stream.ptr)
        self._core = gpu.device.create_stream(_Handle(self.pointer))

    def launch(self, kernel: Any, grid: int, block: int, args: Sequence[Any], shared: int = 0) -> None:
        """Enqueue a kernel; arguments as `gpu.enqueue` takes them."""
        config = LaunchConfig(grid=grid, block=block, shmem_size=shared)
        launch(self._core, config, kernel, *map(_passed, args))

    def copy(self, target: int, source: int, size: int) -> None:
        """Enqueue a copy between any two memories, by address."""
        runtime = self._gpu.cp.cuda.runtime
        runtime.memcpyAsync(target, source, size, runtime.memcpyDefault, self.pointer)

    def event(self) -> Any:
        """Record a new event that is not timed."""
        event = self._gpu.cp.cuda.Event(disable_timing=True)
        event.record(self.stream)
        return event

    def mark(self) -> Any:
        """Mark this moment of the stream; at most 256 marks are told apart."""
        if self._stamped:
            self._slot = (self._slot + 1) % _SLOTS
            self.launch(self._stamp, 1, 1, [int(self._stamps.data.ptr) + self._slot * STAMP.itemsize])
            return self._slot
        event = self._gpu.cp.cuda.Event()
        event.record(self.stream)
        return event

    def seconds(self, marks: Sequence[Any], begin: Any) -> Any:
        """When the marks were passed, after the stream is done: from the event `begin` on, or by the global timer."""
        if self._stamped:
            stamps = self._stamps.get().view(STAMP)["g0"][np.array(marks)]
            return stamps.astype(np.float64) * 1e-9
        return np.array([self._gpu.bench.elapsed_s(begin, mark) for mark in marks])

    def wait(self, event: Any) -> None:
        """Whatever is enqueued from here on waits for the event."""
        self.stream.wait_event(event)

    def synchronize(self) -> None:
        """Wait for the stream."""
        self.stream.synchronize()


def _passed(value: Any) -> Any:
    """Device arrays by their address, anything else as it is."""
    return int(value.data.ptr) if hasattr(value, "__cuda_array_interface__") else value
