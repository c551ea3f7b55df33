"""Addresses within one block of memory, from another random place on at every visit."""

from __future__ import annotations

import random

_LARGE, _SMALL = 2 << 20, 512  # the CUDA driver's page, and how it aligns what is smaller


class Arena:
    """`size` bytes at `base`, handed out in order from a random place on, round the end."""

    def __init__(self, base: int, size: int) -> None:
        self.base, self.size = base, size
        self._random = random.Random()
        self.restart()

    def restart(self) -> None:
        """Take everything back and begin at another place."""
        self._at = self._random.randrange(max(1, self.size // _LARGE)) * _LARGE + self._random.randrange(64) * _SMALL
        self._left = self.size

    def take(self, size: int) -> int | None:
        """The address of `size` bytes, or None where they do not fit."""
        grain = _LARGE if size >= _LARGE else _SMALL
        at = -(-self._at // grain) * grain
        skipped = at - self._at
        if at + size > self.size:
            skipped, at = max(0, self.size - self._at), 0
        if skipped + size > self._left:
            return None
        self._left -= skipped + size
        self._at = at + size
        return self.base + at
