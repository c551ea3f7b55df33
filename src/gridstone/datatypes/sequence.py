"""Parts that are packed one after the other, as in indexed and struct types, brought under one strided block."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gridstone.datatypes.strided import Irregular, Stream, Strided, repeated, strided

_MOST_PLACES = 1 << 24

Places = NDArray[np.int64]


def runs(part: Strided, extent: int, lengths: Sequence[int], at: Sequence[int], name: str) -> Strided:
    """The one strided block of runs of a part: `lengths[i]` of it, `extent` bytes apart, from byte `at[i]` on.

    Raises Irregular. A million runs are arrays here, never a million forms.
    """
    lengths_, at_ = np.asarray(lengths, dtype=np.int64), np.asarray(at, dtype=np.int64)
    many, starts = lengths_[lengths_ > 0], at_[lengths_ > 0] + part.start
    if not part.size or not many.size:
        return Strided(start=0, block=0)
    candidates = [_alike(part, extent, many, starts)]
    if not part.counts and part.block == extent:
        # Joining neighbours first may break a pattern that the runs have, and may be needed to find one.
        whole, sizes = _joined(starts, many * extent)
        candidates.append(_alike(strided(0, 1), 1, sizes, whole))
    elif many.sum() <= _MOST_PLACES:
        within = np.arange(int(many.sum())) - np.repeat(np.cumsum(many) - many, many)
        candidates.append(_along(np.repeat(starts, many) + within * extent, part))
    return _first(candidates, many.size, name)


def together(parts: Sequence[Strided], name: str) -> Strided:
    """The one strided block that packs the same bytes in the same order as the parts do. Raises Irregular."""
    filled = [part for part in parts if part.size]
    if len(filled) < 2:
        return filled[0] if filled else Strided(start=0, block=0)
    found = _one(filled)
    return _first([found if found is not None else _one(_touching(filled))], len(filled), name)


def _first(candidates: Sequence[Strided | None], parts: int, name: str) -> Strided:
    for found in candidates:
        if found is not None:
            return found
    raise Irregular(
        f"{name}: its {parts} parts differ in shape or lie at uneven distances, so that it is no strided "
        "block: MPI has to pack it"
    )


def _alike(part: Strided, extent: int, many: Places, starts: Places) -> Strided | None:
    """Runs of one length, as a form; None where they differ or do not nest."""
    if (many != many[0]).any():
        return None
    return _along(starts, repeated(part, [(int(many[0]), extent)]))


def _along(starts: Places, part: Strided) -> Strided | None:
    """The form of a part at places that nest evenly."""
    nested = _nested(starts)
    return None if nested is None else strided(int(starts[0]), part.block, (*nested, *part.streams))


def _one(parts: Sequence[Strided]) -> Strided | None:
    """Parts of one block at places that nest evenly, where some may be more steps of a stream than others."""
    block, inner = parts[0].block, parts[0].streams
    if any(part.block != block for part in parts):
        return None
    for part in parts:
        inner = _common(inner, part.streams)
    known = [part.streams[: len(part.counts) - len(inner)] for part in parts]
    if sum(math.prod(count for count, _ in streams) for streams in known) > _MOST_PLACES:
        return None
    if any(known):
        places = np.concatenate([_places(p.start, streams) for p, streams in zip(parts, known, strict=True)])
    else:
        places = np.array([part.start for part in parts], dtype=np.int64)
    return _along(places, strided(0, block, inner))


def _common(one: tuple[Stream, ...], other: tuple[Stream, ...]) -> tuple[Stream, ...]:
    """The innermost streams that both have."""
    depth = 0
    while depth < min(len(one), len(other)) and one[-1 - depth] == other[-1 - depth]:
        depth += 1
    return one[len(one) - depth :]


def _places(start: int, streams: Sequence[Stream]) -> Places:
    at = np.array([start], dtype=np.int64)
    for count, stride in streams:
        at = (at[:, None] + np.arange(count, dtype=np.int64) * stride).ravel()
    return at


def _nested(places: Places) -> tuple[Stream, ...] | None:
    """The streams, outermost first, that visit these places in this order from the first one on."""
    if places.size == 1:
        return ()
    steps = np.diff(places)
    uneven = np.flatnonzero(steps != steps[0])
    run = int(uneven[0]) + 1 if uneven.size else places.size
    if places.size % run:
        return None
    rows = places.reshape(-1, run)
    if (np.diff(rows, axis=1) != steps[0]).any():
        return None
    outer = _nested(rows[:, 0])
    return None if outer is None else (*outer, (run, int(steps[0])))


def _joined(starts: Places, sizes: Places) -> tuple[Places, Places]:
    """Starts and sizes of plain bytes, where neighbours that touch have become one."""
    first = np.concatenate([[True], starts[1:] != starts[:-1] + sizes[:-1]])
    return starts[first], np.add.reduceat(sizes, np.flatnonzero(first))


def _touching(parts: Sequence[Strided]) -> list[Strided]:
    """Neighbours that are plain bytes and touch become one."""
    made: list[Strided] = []
    for part in parts:
        last = made[-1] if made else None
        if last is not None and not last.counts and not part.counts and last.start + last.block == part.start:
            made[-1] = Strided(start=last.start, block=last.block + part.block)
        else:
            made.append(part)
    return made
