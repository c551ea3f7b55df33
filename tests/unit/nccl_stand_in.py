"""What stands in for a GPU and NCCL in the process of a rank: NumPy arrays, and collectives over local sockets.

Times are those of this host; what NCCL would refuse, and how ranks go wrong, is asked for by words of the settings.
"""

from __future__ import annotations

import os
import pickle
import socket
import tempfile
import time
from collections import defaultdict, deque
from pathlib import Path

import numpy as np

from gridstone.declaration import Unavailable


class Device:
    def __init__(self, place):
        if os.environ.get("STAND_IN_GPUS") and place >= int(os.environ["STAND_IN_GPUS"]):
            raise Unavailable(f"there is no GPU {place}")
        name = os.environ.get("STAND_IN_NAMES", "stand-in").split(",")
        self.identity = {
            "gpu": name[place % len(name)],
            "uuid": f"GPU-{os.environ.get('SLURMD_NODENAME')}-{place}",
            "nccl": 22809,
        }
        self.cubin = None

    def begin(self, cubin):
        self.cubin = cubin

    def end(self):
        pass

    def array(self, count):
        return np.empty(count, dtype=np.float32)

    def fill(self, array, factor):
        array[:] = factor * _values(array.size)

    def right(self, array, factor):
        return bool(np.array_equal(array, np.float32(factor) * _values(array.size)))

    def poison(self, array):
        array.fill(np.nan)

    def hold(self):
        pass

    def go(self):
        pass

    def mark(self):
        return time.perf_counter()

    def seconds(self, start, end):
        return end - start

    def clock(self):
        return lambda: 1.5e9

    def synchronize(self):
        pass

    def unique_id(self):
        return tempfile.mkdtemp(prefix="gridstone-ranks-")

    def join(self, unique, rank, size):
        if os.environ.get("NCCL_ALGO") == "Tree":
            raise Unavailable("NCCL 22809 refuses this: no tree here")
        return Communicator(Path(unique), rank, size, os.environ.get("NCCL_PROTO", ""))


class Communicator:
    """Every message is a connection of its own to the socket of the rank that it is for."""

    def __init__(self, folder, rank, size, protocol):
        self.rank, self.size, self.protocol = rank, size, protocol
        self._folder = folder
        self._arrived = defaultdict(deque)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / f"{rank}.new"))
        self._listener.listen(256)
        (folder / f"{rank}.new").rename(folder / str(rank))

    def align(self):
        self._all(np.zeros(1, dtype=np.float32))

    def all_reduce(self, given, into):
        into[:] = np.sum(self._all(given), axis=0)

    def reduce(self, given, into):
        found = self._all(given)
        if self.rank == 0:
            into[:] = np.sum(found, axis=0)

    def broadcast(self, given, into):
        into[:] = self._all(given)[0]

    def all_gather(self, given, into):
        into[:] = np.concatenate(self._all(given))

    def reduce_scatter(self, given, into):
        into[:] = np.split(np.sum(self._all(given), axis=0), self.size)[self.rank]

    def exchange(self, sends, receives):
        for array, peer in sends:
            self._send(peer, array)
        for array, peer in receives:
            array[:] = self._receive(peer)

    def leave(self):
        self._listener.close()

    def abort(self):
        self._listener.close()

    def _all(self, given):
        for peer in range(self.size):
            self._send(peer, given)
        return [self._receive(peer) for peer in range(self.size)]

    def _send(self, peer, array):
        there = self._folder / str(peer)
        while not there.exists():
            os.sched_yield()
        with socket.socket(socket.AF_UNIX) as out:
            out.connect(str(there))
            out.sendall(pickle.dumps((self.rank, array)))

    def _receive(self, peer):
        while not self._arrived[peer]:
            connected, _ = self._listener.accept()
            with connected, connected.makefile("rb") as stream:
                source, array = pickle.load(stream)
            self._arrived[source].append(array)
        return self._arrived[peer].popleft()


def _values(count):
    return (np.arange(count) * 7 % 1021).astype(np.float32)
