"""GPUs whose memory is NumPy arrays and whose streams run at once, strict about which of them is current."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np

from gridstone.clock import HostClock, Work


class Array:
    def __init__(self, place, words, address):
        self.place, self.words = place, words
        self.data = SimpleNamespace(ptr=address)

    def view(self, _dtype):
        return self


class Stream:
    def __init__(self, place):
        self.place, self.ptr, self.waits = place, 1000 + place, 0

    def wait_event(self, event):
        assert event.recorded_on is not None
        self.waits += 1


class Gpus:
    """`count` GPUs. reach: whether they address one another's memory."""

    def __init__(self, count):
        self.current = None
        self.calls = []
        self.arrays = {}
        self._addresses = itertools.count(4096, 1 << 32)
        self._gpus = [Gpu(self, place) for place in range(count)]

    def gpu(self, place):
        self._gpus[place].activate()
        return self._gpus[place]

    def pair(self, one, other):
        self.gpu(other)
        return self.gpu(one), self._gpus[other]

    def new(self, place, words):
        array = Array(place, words, next(self._addresses))
        self.arrays[array.data.ptr] = array
        return array


class Gpu:
    def __init__(self, gpus, place):
        self._gpus, self.place, self.multiprocessors = gpus, place, 4
        self.kernel, self.stream = "kernel", Stream(place)
        runtime = SimpleNamespace(memcpyPeerAsync=self._copy)
        self.cp = SimpleNamespace(cuda=SimpleNamespace(runtime=runtime, Event=self._event))
        self.launched = None

    def _is_current(self):
        assert self._gpus.current == self.place, f"GPU {self.place} is used while {self._gpus.current} is current"

    def _event(self, disable_timing=False):
        made_on = self._gpus.current

        def record(stream):
            assert stream.place == made_on, "an event goes on a stream of the GPU that it was made on"
            event.recorded_on = stream.place

        event = SimpleNamespace(recorded_on=None, record=record)
        return event

    def _copy(self, target, target_place, source, source_place, size, stream):
        to, source_array = self._gpus.arrays[target], self._gpus.arrays[source]
        assert (to.place, source_array.place) == (target_place, source_place)
        to.words[: size // 4] = source_array.words[: size // 4]
        self._gpus.calls.append(("engine", stream - 1000, source_place, target_place))

    def activate(self):
        self._gpus.current = self.place

    def alloc(self, size):
        self._is_current()
        return self._gpus.new(self.place, np.zeros(size // 4, dtype=np.float32))

    def floats(self, size):
        array = self.alloc(size)
        array.words[:] = np.arange(size // 4)
        return array

    def memset(self, array, _value):
        self._is_current()
        array.words[:] = np.nan

    def mismatches(self, array, factor, offset):
        self._is_current()
        return int((array.words != factor * np.arange(array.words.size) + offset).sum())

    def synchronize(self):
        pass

    def enqueue(self, kernel, grid, block, args):
        self._is_current()
        to, source, size = args
        to.words[: int(size) // 4] = source.words[: int(size) // 4]
        self._gpus.calls.append(("sm", self.place, source.place, to.place))

    def call(self, enqueue, *, work, poison, verify, keep):
        self._is_current()
        return Work(clock=HostClock(run=enqueue, work=work, least_s=0), poison=poison, verify=verify)

    def chain(self, *, args, lengths, expect, before=lambda: None):
        self._is_current()
        before()
        self.launched = (args(lengths[0]), expect())
        return Work(clock=None)

    def ring(self, footprint, stride, memory):
        self._is_current()
        walk = SimpleNamespace(step=lambda hops: memory.data.ptr + hops, expect=lambda: [memory.place])

        def visit():
            self._is_current()
            self._gpus.calls.append(("visit", self.place, memory.place))

        return SimpleNamespace(walk=walk, visit=visit)
