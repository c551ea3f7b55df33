"""Parts that are packed one after the other, as in indexed and struct types, brought under one strided block."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gridstone.datatypes.strided import Irregular, Stream, Strided, strided

_MOST_PLACES = 1 << 24

Places = NDArray[np.int64]


def together(parts: Sequence[Strided], name: str) -> Strided:
    """The one strided block that packs the same bytes in the same order as the parts do. Raises Irregular."""
    filled = [part for part in parts if part.size]
    if len(filled) < 2:
        return filled[0] if filled else Strided(start=0, block=0)
    # Joining neighbours first may break a pattern that the parts have, and may be needed to find one.
    for candidate in (filled, _joined(filled)):
        found = _one(candidate)
        if found is not None:
            return found
    raise Irregular(
        f"{name}: its {len(filled)} parts differ in shape or lie at uneven distances, so that it is no strided "
        "block: MPI has to pack it"
    )


def _one(parts: Sequence[Strided]) -> Strided | None:
    """Parts of one shape at places that nest evenly, where some may be several steps of the others' stream."""
    least = min(parts, key=lambda part: len(part.counts))
    outer = [_around(part, least) for part in parts]
    if any(streams is None for streams in outer):
        return None
    known = [streams or () for streams in outer]
    if sum(math.prod(count for count, _ in streams) for streams in known) > _MOST_PLACES:
        return None
    places = np.concatenate([_places(p.start, streams) for p, streams in zip(parts, known, strict=True)])
    nested = _nested(places)
    return None if nested is None else strided(int(places[0]), least.block, (*nested, *least.streams))


def _around(part: Strided, inner: Strided) -> tuple[Stream, ...] | None:
    """The streams of `part` around a form like `inner`, None where there is none in it."""
    depth = len(part.counts) - len(inner.counts)
    if part.block != inner.block or part.streams[depth:] != inner.streams:
        return None
    return part.streams[:depth]


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


def _joined(parts: Sequence[Strided]) -> list[Strided]:
    """Neighbours that are plain bytes and touch become one."""
    made: list[Strided] = []
    for part in parts:
        last = made[-1] if made else None
        if last is not None and not last.counts and not part.counts and last.start + last.block == part.start:
            made[-1] = Strided(start=last.start, block=last.block + part.block)
        else:
            made.append(part)
    return made
