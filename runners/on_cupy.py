"""Runs GPU cells: CuPy for memory, streams and events, cuda-core for launches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cupy as cp
from cuda.core import Device, ObjectCode

from gridstone import content
from gridstone.declaration import Machine
from gridstone.declaration.need import GPU_SHARE

_parts = ("arrays", "bench", "kernels", "memory", "ring", "symbols", "work")
_arrays, _bench, _kernels, _memory, _rings, _symbols, _work = (
    content.load_module(Path(__file__).with_name(f"cupy_{part}.py")) for part in _parts
)


@contextmanager
def context(machine: Machine) -> Iterator[Gpu]:
    """The GPU as the bodies of GPU probes see it. The caller has set CUDA_VISIBLE_DEVICES to the one GPU."""
    yield Gpu(machine)


class Gpu:
    """One GPU with a stream and memory, and what bodies of probes do with it: each idea in a file of its own.

    place: which of the GPUs that this process sees. share: of its memory, taken at once.
    """

    alloc, pinned, memset, flush_l2 = _arrays.alloc, _arrays.pinned, _arrays.memset, _arrays.flush_l2
    floats, mismatches, expected_sum = _arrays.floats, _arrays.mismatches, _arrays.expected_sum
    support, enqueue, allow = _kernels.support, _kernels.enqueue, _kernels.allow
    launch, call, host_call = _work.launch, _work.call, _work.host_call
    chain, fill, observe = _work.chain, _work.fill, _work.observe
    ring, offsets = _rings.ring_of_addresses, _rings.ring_of_offsets
    copy_to_constant, linear_texture = _symbols.copy_to_constant, _symbols.linear_texture

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
        self.memory = _memory.Memory(share)
        self.supports: dict[str, Any] = {}
        self.bench = _bench.Bench(self)
        self.textures: list[Any] = []
        self.cubin: bytes | None = None
        self.loaded: Any = None
        self.kernel: Any = None
        self.l2 = "warm"
        self.scratch: Any = None

    def begin(self, cubin: bytes | None, l2: str) -> None:
        """Make ready for a visit to a cell: its kernel, whether L2 is flushed before every sample, a new stream.

        Short copies differ by a tenth from one stream to the next.
        """
        self._renew_stream()
        self.bench.forget_stamps()
        self.cubin = cubin
        self.loaded = None if cubin is None else ObjectCode.from_cubin(cubin)
        self.kernel = None if self.loaded is None else self.loaded.get_kernel("probe")
        self.l2 = l2

    def end(self) -> None:
        """Forget the cell; what it allocated is free for the next one."""
        self.stream.synchronize()
        self.loaded = self.kernel = None
        self.textures.clear()
        self.memory.restart()

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

    def synchronize(self) -> None:
        """Wait for the stream."""
        self.stream.synchronize()
