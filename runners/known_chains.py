"""Chains of the cell's kernel whose end is known from their length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gridstone.clock import Work


def chain(
    gpu: Any,
    *,
    args: Callable[[int], Sequence[Any]],
    ends: Callable[[int], int],
    lengths: tuple[int, int],
    **shape: Any,
) -> Work:
    """`gpu.chain`, verified: ends(length) is the `result` that a launch must leave; shape: grid, block, shared."""
    launched: list[int] = []

    def started(length: int) -> Sequence[Any]:
        launched.append(length)
        return args(length)

    def expect() -> list[int]:
        meant = [ends(length) for length in launched]
        launched.clear()
        return meant

    work: Work = gpu.chain(args=started, lengths=lengths, expect=expect, **shape)
    return work
