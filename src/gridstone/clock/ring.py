"""The order of a ring of addresses, as kernels_cuda/include/permutation.cuh computes it on the GPU."""

from __future__ import annotations

from dataclasses import dataclass

_WORD = 0xFFFFFFFF


@dataclass(frozen=True, kw_only=True)
class Order:
    """A pseudo-random order of `n` things: a four-round Feistel network walked until it lands below n."""

    n: int

    @property
    def half_bits(self) -> int:
        """Half the width of the network in bits: the least with 4 ** half_bits >= n."""
        half = 1
        while 4**half < self.n:
            half += 1
        return half

    def place(self, k: int) -> int:
        """The k-th thing visited, k taken modulo n."""
        half = self.half_bits
        mask = (1 << half) - 1
        x = k % self.n
        while True:
            left, right = x >> half, x & mask
            for step in range(1, 5):
                mixed = ((right ^ (step * 0x85EBCA6B & _WORD)) * 0x9E3779B1) & _WORD
                left, right = right, left ^ (mixed >> 15 & mask)
            x = left << half | right
            if x < self.n:
                return x


class Walk:
    """Where a thread stands on a ring of addresses, so that each launch goes on where the last one ended.

    Restarting at the same place would read lines that the last launch left in a cache.
    """

    def __init__(self, *, order: Order, base: int, stride: int) -> None:
        self.order, self.base, self.stride = order, base, stride
        self.cursor = 0
        self._expected: list[int] = []

    def step(self, hops: int) -> int:
        """The address to start from; the walk moves on by `hops`."""
        start = self._address(self.cursor)
        self.cursor = (self.cursor + hops) % self.order.n
        self._expected.append(self._address(self.cursor))
        return start

    def expect(self) -> list[int]:
        """Where each launch since the last call must have ended."""
        expected, self._expected = self._expected, []
        return expected

    def _address(self, k: int) -> int:
        return self.base + self.order.place(k) * self.stride
