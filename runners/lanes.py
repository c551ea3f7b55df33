"""Streams beside the visit's own, on which kernels and copies run at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cuda.core import LaunchConfig, launch


class _Handle:
    """A stream of another maker, as cuda-core takes it."""

    def __init__(self, pointer: int) -> None:
        self._pointer = pointer

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self._pointer


class Lane:
    """A stream of its own, or one that is given by its address; kernels and copies are enqueued on it."""

    def __init__(self, gpu: Any, pointer: int | None = None) -> None:
        self._gpu = gpu
        if pointer is None:
            self.stream = gpu.cp.cuda.Stream(non_blocking=True)
        else:
            self.stream = gpu.cp.cuda.ExternalStream(pointer)
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

    def event(self, timed: bool = True) -> Any:
        """Record a new event."""
        event = self._gpu.cp.cuda.Event(disable_timing=not timed)
        event.record(self.stream)
        return event

    def wait(self, event: Any) -> None:
        """Whatever is enqueued from here on waits for the event."""
        self.stream.wait_event(event)

    def synchronize(self) -> None:
        """Wait for the stream."""
        self.stream.synchronize()


def _passed(value: Any) -> Any:
    """Device arrays by their address, anything else as it is."""
    return int(value.data.ptr) if hasattr(value, "__cuda_array_interface__") else value
