"""Device memory that is host memory, and a GPU that notes what is enqueued: for runners whose kernels a test plays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from gridstone.clock import ObservedClock, Work


class Held:
    """An array of device memory: what the runners use of CuPy's, over NumPy's."""

    def __init__(self, words: Any, root: Any) -> None:
        self.words, self._root = words, root

    @property
    def data(self) -> Any:
        return SimpleNamespace(ptr=self.words.__array_interface__["data"][0])

    @property
    def nbytes(self) -> int:
        return int(self.words.nbytes)

    def view(self, kind: Any) -> Held:
        return Held(self.words.view(kind), self._root)

    def reshape(self, *shape: int) -> Held:
        return Held(self.words.reshape(*shape), self._root)

    def __getitem__(self, at: Any) -> Held:
        return Held(self.words[at], self._root)

    def get(self) -> Any:
        return self.words.copy()

    def set(self, values: Any) -> None:
        self.words[...] = values


class Gpu:
    """Kernels by name are functions of (grid, args); those of a cell go to `cell(grid, args)`."""

    multiprocessors = 4
    facts = SimpleNamespace(l2=1 << 20)
    kernel = "kernel"
    cubin = b""

    def __init__(self, cell: Callable[[int, Sequence[Any]], None], **support: Callable[[int, Sequence[Any]], None]):
        self._cell, self._support = cell, support
        self.constants: dict[Any, Any] = {}

    def alloc(self, size: int) -> Held:
        room = np.zeros(int(size), np.uint8)
        return Held(room, room)

    def memset(self, array: Held, value: int) -> None:
        array.words.view(np.uint8)[...] = value

    def allow(self, kernel: Any, shared: int) -> None:
        pass

    def support(self, file: str, name: str, grid: int, block: int, args: Sequence[Any]) -> None:
        self._support[name](grid, args)

    def enqueue(self, kernel: Any, grid: int, block: int, args: Sequence[Any], shared: int = 0) -> None:
        self._cell(grid, args)

    def copy_to_constant(self, name: str, words: Held, loaded: Any = None) -> None:
        self.constants[name] = words.get()

    def observe(self, observe: Callable[[], Mapping[str, float]]) -> Work:
        return Work(clock=ObservedClock(observe=observe, multiprocessors=self.multiprocessors))
