"""The GPU of one rank and NCCL on it, through CuPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from cupy.cuda import nccl

from gridstone import Unavailable, content
from gridstone.clock import sm_hz
from gridstone.device import discover
from gridstone.errors import GridstoneError

_single = content.load_module(Path(__file__).with_name("on_cupy.py"))
_SHARE = 0.12  # of the GPU's memory: there may be several sets of ranks, and NCCL has buffers of its own
_FLOAT, _SUM = nccl.NCCL_FLOAT32, nccl.NCCL_SUM
_UNSUPPORTED = ("NCCL_ERROR_INVALID_USAGE", "NCCL_ERROR_INVALID_ARGUMENT")


class Device:
    """The GPU at a place among those that this process sees."""

    def __init__(self, place: int) -> None:
        try:
            machine = discover(str(place))
        except GridstoneError as error:
            raise Unavailable(str(error)) from error
        assert machine.gpu is not None
        self.gpu = _single.Gpu(machine, place, _SHARE)
        self.identity = {"gpu": machine.gpu.name, "uuid": machine.gpu.uuid, "nccl": nccl.get_version()}

    # Cells

    def begin(self, cubin: bytes | None) -> None:
        """Make ready for a cell and its kernel, on a new stream."""
        self.gpu.activate()
        self.gpu.begin(cubin, "warm")

    def end(self) -> None:
        """The arrays of the cell are gone."""
        self.gpu.end()

    # Arrays of float32 that hold `factor` times the checkable values of support/arrays.cu

    def array(self, count: int) -> Any:
        """`count` numbers, not initialised."""
        return self.gpu.alloc(4 * count).view(np.float32)

    def fill(self, array: Any, factor: float) -> None:
        """Enqueue: the array holds `factor` times the checkable values, which are whole numbers below 1024."""
        args = [array, np.uint64(array.size), np.float32(factor)]
        self.gpu.support("arrays.cu", "fill_scaled", 8 * self.gpu.multiprocessors, 512, args)

    def right(self, array: Any, factor: float) -> bool:
        """Whether an array holds exactly that."""
        return bool(self.gpu.mismatches(array, factor, 0) == 0)

    def poison(self, array: Any) -> None:
        """Enqueue: nothing but NaN."""
        self.gpu.memset(array, 0xFF)

    # Time

    def hold(self) -> None:
        """Hold the stream until `go`."""
        self.gpu.bench.close_gate()

    def go(self) -> None:
        """Let the stream go on."""
        self.gpu.bench.open_gate()

    def mark(self) -> Any:
        """Mark this moment of the stream."""
        return self.gpu.bench.event()

    def seconds(self, start: Any, end: Any) -> float:
        """Seconds between two marks."""
        return float(self.gpu.bench.elapsed_s(start, end))

    def clock(self) -> Callable[[], float]:
        """The SM clock in Hz from now until the function that this returns is called."""
        self.gpu.bench.stamp(0)

        def until_now() -> float:
            self.gpu.bench.stamp(1)
            before, after = self.gpu.bench.stamps(2)
            return sm_hz(before, after)

        return until_now

    def synchronize(self) -> None:
        """Wait for the stream."""
        self.gpu.synchronize()

    # NCCL

    def unique_id(self) -> Any:
        """The id of a new communicator, as JSON takes it."""
        found = nccl.get_unique_id()
        return found.hex() if isinstance(found, bytes) else list(found)

    def join(self, unique: Any, rank: int, size: int) -> Communicator:
        """Become a rank of the communicator with that id; all of its ranks do so at the same time."""
        self.gpu.activate()
        given = bytes.fromhex(unique) if isinstance(unique, str) else tuple(unique)
        try:
            made = nccl.NcclCommunicator(size, given, rank)
        except nccl.NcclError as error:
            raise _explained(error) from error
        return Communicator(self, made)


class Communicator:
    """Collectives on the stream of the device's cell. Every method enqueues and returns."""

    def __init__(self, device: Device, made: Any) -> None:
        self._device, self._made = device, made
        self._word = device.gpu.cp.zeros(32, dtype=np.float32)

    def align(self) -> None:
        """The smallest all-reduce: no rank's stream goes on before all have come to it."""
        word = self._word.data.ptr
        self._call("allReduce", word, word, 1, _FLOAT, _SUM)

    def all_reduce(self, given: Any, into: Any) -> None:
        """The sum of all ranks' arrays on every rank."""
        self._call("allReduce", given.data.ptr, into.data.ptr, given.size, _FLOAT, _SUM)

    def reduce(self, given: Any, into: Any) -> None:
        """The sum of all ranks' arrays on the first rank."""
        self._call("reduce", given.data.ptr, into.data.ptr, given.size, _FLOAT, _SUM, 0)

    def broadcast(self, given: Any, into: Any) -> None:
        """The first rank's array on every rank."""
        self._call("broadcast", given.data.ptr, into.data.ptr, given.size, _FLOAT, 0)

    def all_gather(self, given: Any, into: Any) -> None:
        """All ranks' arrays, one behind the other, on every rank."""
        self._call("allGather", given.data.ptr, into.data.ptr, given.size, _FLOAT)

    def reduce_scatter(self, given: Any, into: Any) -> None:
        """The sum of all ranks' arrays, of which each rank gets its part."""
        self._call("reduceScatter", given.data.ptr, into.data.ptr, into.size, _FLOAT, _SUM)

    def exchange(self, sends: Sequence[tuple[Any, int]], receives: Sequence[tuple[Any, int]]) -> None:
        """Messages from and to other ranks, all at once: pairs of an array and the other rank."""
        stream = self._device.gpu.stream.ptr
        try:
            nccl.groupStart()
            for array, peer in sends:
                self._made.send(array.data.ptr, array.size, _FLOAT, peer, stream)
            for array, peer in receives:
                self._made.recv(array.data.ptr, array.size, _FLOAT, peer, stream)
            nccl.groupEnd()
        except nccl.NcclError as error:
            raise _explained(error) from error

    def leave(self) -> None:
        """Give the communicator back."""
        self._device.synchronize()
        self._made.destroy()

    def abort(self) -> None:
        """Free it while operations may be under way."""
        self._made.abort()

    def _call(self, name: str, *args: int) -> None:
        try:
            getattr(self._made, name)(*args, self._device.gpu.stream.ptr)
        except nccl.NcclError as error:
            raise _explained(error) from error


def _explained(error: Any) -> Exception:
    """What NCCL itself does not do is no failure of the measurement."""
    said = str(error)
    if said.startswith(_UNSUPPORTED):
        return Unavailable(f"NCCL {nccl.get_version()} refuses this: {said}")
    return RuntimeError(f"NCCL {nccl.get_version()}: {said}")
