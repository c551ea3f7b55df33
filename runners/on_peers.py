"""Runs cells on several GPUs from one process, which reach one another's memory where the machine lets them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cupy as cp

from gridstone import Unavailable, content
from gridstone.declaration import Machine

_single = content.load_module(Path(__file__).with_name("on_cupy.py"))
_SHARE = 0.12  # of each GPU's memory: the ranks of NCCL have as much beside it
_ALREADY_ENABLED = 704  # cudaErrorPeerAccessAlreadyEnabled


@contextmanager
def context(machine: Machine) -> Iterator[Peers]:
    """The GPUs as the bodies of peer probes see them. The caller has set CUDA_VISIBLE_DEVICES to all of them."""
    yield Peers(machine)


class Peers:
    """The visible GPUs by their places, each as the runner of one GPU has it, opened when first asked for."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._gpus: dict[int, Any] = {}
        self._visited: list[int] = []
        self._cubin: bytes | None = None
        self._l2 = "warm"

    def begin(self, cubin: bytes | None, l2: str) -> None:
        """Make ready for a visit to a cell: its kernel, for each GPU that it will ask for."""
        self._cubin, self._l2 = cubin, l2

    def end(self) -> None:
        """Forget the cell on every GPU that it used."""
        for place in self._visited:
            self._gpus[place].activate()
            self._gpus[place].end()
        self._visited.clear()

    def gpu(self, place: int) -> Any:
        """The GPU at that place, current from here on. Raises Unavailable where it is of another model."""
        if place not in self._gpus:
            _check_model(place)
            self._gpus[place] = _single.Gpu(self.machine, place, _SHARE)
        found = self._gpus[place]
        found.activate()
        if place not in self._visited:
            found.begin(self._cubin, self._l2)
            self._visited.append(place)
        return found

    def pair(self, one: int, other: int) -> tuple[Any, Any]:
        """Two GPUs that reach each other's memory, the first of them current. Raises Unavailable where they do not."""
        first, second = self.gpu(one), self.gpu(other)
        for gpu, peer in ((second, first), (first, second)):
            gpu.activate()
            if not cp.cuda.runtime.deviceCanAccessPeer(gpu.place, peer.place):
                raise Unavailable(f"GPU {gpu.place} cannot address the memory of GPU {peer.place}: no peer access")
            try:
                cp.cuda.runtime.deviceEnablePeerAccess(peer.place)
            except cp.cuda.runtime.CUDARuntimeError as error:
                if error.status != _ALREADY_ENABLED:
                    raise
        return first, second


def _check_model(place: int) -> None:
    """All GPUs are described as the one that is measured, so they have to be of its kind."""
    names = [cp.cuda.runtime.getDeviceProperties(i)["name"].decode() for i in (0, place)]
    if names[0] != names[1]:
        raise Unavailable(
            f"GPU 0 is a {names[0]} and GPU {place} a {names[1]}: let CUDA_VISIBLE_DEVICES name GPUs of one model"
        )
