"""Addresses within one block of memory, from another random place on at every visit."""

from __future__ import annotations

import random

_LARGE, _SMALL = 2 << 20, 512  # the CUDA driver's page, and how it aligns what is smaller
_HUGE = 4  # what takes a quarter of the block or more is laid from its start on, or several would not fit
_SLACK = 100  # and starts within the first hundredth


class Arena:
    """`size` bytes at `base`, handed out one after the other from a random place on, then wherever there is room."""

    def __init__(self, base: int, size: int) -> None:
        self.base, self.size = base, size
        self._random = random.Random()
        self.restart()

    def restart(self) -> None:
        """Take everything back and begin at another place."""
        self._at, self._first = self._anywhere(self.size), self._anywhere(self.size // _SLACK)
        self._taken: list[tuple[int, int]] = []

    def take(self, size: int) -> int | None:
        """The address of `size` bytes, or None where they do not fit."""
        grain = _LARGE if size >= _LARGE else _SMALL
        on = [] if _HUGE * size >= self.size else [self._at]
        for start in (*on, self._first, *(end for _, end in sorted(self._taken)), 0):
            at = -(-start // grain) * grain
            if at + size <= self.size and all(at >= end or at + size <= begin for begin, end in self._taken):
                self._taken.append((at, at + size))
                self._at = at + size
                return self.base + at
        return None

    def _anywhere(self, within: int) -> int:
        return self._random.randrange(max(1, within // _LARGE)) * _LARGE + self._random.randrange(64) * _SMALL
