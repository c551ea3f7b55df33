"""The canonical form of a datatype: a block of bytes repeated at strides, and the order in which it is packed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gridstone.errors import GridstoneError, UsageError

_MOST_FOLLOWED = 1 << 16

Stream = tuple[int, int]  # how often, and how many bytes apart


class Irregular(GridstoneError):
    """A datatype that is no strided block; the message says which part of it is not, and that MPI has to pack it."""


@dataclass(frozen=True, kw_only=True)
class Strided:
    """`block` contiguous bytes, repeated along nested streams.

    start: byte offset of the first block from the buffer's address; may be negative. counts, strides: of the
    streams, largest stride first, whatever nests in what; a stride may be negative or 0. order: packing walks
    the streams in this order, outermost first, as indices into `counts`: order (1, 0) says that the stream with
    the larger stride varies faster in the packed bytes. Two types that reach the same bytes in another order
    differ here and nowhere else.
    """

    start: int
    block: int
    counts: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    order: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Raises UsageError for streams that say nothing of what is to be packed."""
        streams = len(self.counts)
        if len(self.strides) != streams or sorted(self.order) != list(range(streams)):
            raise UsageError(f"a Strided has a count, a stride and a place in `order` for each of its streams: {self}")
        if self.block < 0 or any(count < 1 for count in self.counts):
            raise UsageError(f"a Strided has a block of 0 bytes or more, and streams of at least one step: {self}")

    @property
    def size(self) -> int:
        """Bytes that it packs to."""
        return self.block * math.prod(self.counts)

    @property
    def dimensions(self) -> int:
        """Streams, and one more for the block."""
        return len(self.counts) + 1

    @property
    def span(self) -> tuple[int, int]:
        """Offsets of the first byte that it touches and of the byte behind the last; (0, 0) where it is empty."""
        if self.size == 0:
            return (0, 0)
        reach = [(count - 1) * stride for count, stride in zip(self.counts, self.strides, strict=True)]
        lowest = self.start + sum(r for r in reach if r < 0)
        return (lowest, self.start + sum(r for r in reach if r > 0) + self.block)

    @property
    def packed_strides(self) -> tuple[int, ...]:
        """How many bytes of the packed buffer one step of each stream is, in the order of `counts`."""
        steps, step = [0] * len(self.counts), self.block
        for i in reversed(self.order):
            steps[i], step = step, step * self.counts[i]
        return tuple(steps)

    @property
    def streams(self) -> tuple[Stream, ...]:
        """(count, stride) in the order of packing, outermost first."""
        return tuple((self.counts[i], self.strides[i]) for i in self.order)

    @property
    def overlaps(self) -> bool:
        """Whether it reaches a byte twice, and so cannot be received. False is certain; True may be cautious where
        many streams interleave so that it would take long to tell."""
        streams = sorted((abs(s), c) for c, s in zip(self.counts, self.strides, strict=True))
        reach = self.block
        for stride, count in streams:
            if stride < reach:
                return _meet(self.block, streams)
            reach += stride * (count - 1)
        return False


def _meet(block: int, streams: Sequence[Stream]) -> bool:
    """Whether two different blocks of streams, given as (stride, count) with the shortest stride first, share a byte.

    They do where some steps, not all of them none, come to less than a block: stride by stride from the longest
    on, only the steps are followed that the shorter strides can still make up for.
    """
    if any(stride == 0 for stride, _ in streams):
        return True
    made_up = [block - 1]
    for stride, count in streams:
        made_up.append(made_up[-1] + stride * (count - 1))
    ahead, followed = [(len(streams), 0, False)], 0
    while ahead:
        left, distance, moved = ahead.pop()
        if left == 0:
            if moved:
                return True
            continue
        stride, count = streams[left - 1]
        room = made_up[left - 1]
        low, high = max(1 - count, -((room + distance) // stride)), min(count - 1, (room - distance) // stride)
        followed += max(0, high - low + 1)
        if followed > _MOST_FOLLOWED:
            return True
        ahead.extend((left - 1, distance + step * stride, moved or step != 0) for step in range(low, high + 1))
    return False


def strided(start: int, block: int, streams: Sequence[Stream] = ()) -> Strided:
    """The canonical form of streams given in the order of packing, outermost first.

    Streams of one step are dropped, a stream that continues the block grows it, and a stream that continues the
    one inside it is merged with it.
    """
    if block == 0 or any(count == 0 for count, _ in streams):
        return Strided(start=0, block=0)
    kept: list[Stream] = []  # innermost first
    for count, stride in reversed(streams):
        if count == 1:
            continue
        if not kept and stride == block:
            block *= count
        elif kept and stride == kept[-1][0] * kept[-1][1]:
            kept[-1] = (kept[-1][0] * count, kept[-1][1])
        else:
            kept.append((count, stride))
    kept.reverse()
    by_stride = sorted(range(len(kept)), key=lambda i: (-abs(kept[i][1]), i))
    return Strided(
        start=start,
        block=block,
        counts=tuple(kept[i][0] for i in by_stride),
        strides=tuple(kept[i][1] for i in by_stride),
        order=tuple(by_stride.index(i) for i in range(len(kept))),
    )


def repeated(part: Strided, streams: Sequence[Stream], offset: int = 0) -> Strided:
    """A form at `offset`, repeated along further streams around its own."""
    return strided(part.start + offset, part.block, (*streams, *part.streams)) if part.size else part
