"""What operations of a whole warp compute, in numpy; arguments as in operation_reference.py, 32 lanes side by side."""

from __future__ import annotations

import numpy as np


def warps(x):
    """An array of values as one row per warp."""
    return x.reshape(-1, 32)


def _shuffle(source):
    def apply(x, a, _b, _j):
        lane = np.arange(32)
        chosen = source(lane, warps(a).astype(np.int64) & 31)
        return np.take_along_axis(warps(x), np.where((chosen >= 0) & (chosen < 32), chosen, lane), axis=1).ravel()

    return apply


def _ballot(x, a, _b, _j):
    mask = (warps(x > a).astype(np.uint64) << np.arange(32, dtype=np.uint64)).sum(axis=1)
    return np.repeat(mask.astype(np.uint32), 32)


def _vote(combine):
    def apply(x, a, b, _):
        return np.where(np.repeat(getattr(np, combine)(warps(x > a), axis=1), 32), a, b)

    return apply


def _vote_uni(x, a, b, _):
    chosen = warps(x > a)
    return np.where(np.repeat(chosen.all(axis=1) | ~chosen.any(axis=1), 32), a, b)


def _plop3(x, a, b, _):
    p = x > a
    q, r = (np.repeat(vote, 32) for vote in (warps(a > b).any(axis=1), warps(b > a).all(axis=1)))
    for _ in range(8):
        p = p & q ^ r
        q = (q | p) ^ r
        r = r & q ^ p
    return np.where(p, a, b)


def _match_any(x, a, b, _):
    rows = warps(x)
    same = (rows[:, :, None] == rows[:, None, :]).astype(np.uint64) << np.arange(32, dtype=np.uint64)
    return same.sum(axis=2).astype(x.dtype).ravel() & a ^ b


def _match_any_b64(x, a, _b, _j):
    mask = _match_any(x, ~np.uint64(0), np.uint64(0), 0).astype(np.uint64)
    return (mask | mask << np.uint64(32)) ^ a


def _match_all(x, a, b, _):
    rows = warps(x)
    return np.where(np.repeat((rows == rows[:, :1]).all(axis=1), 32), a, np.uint32(0)) ^ b


def _redux(combine):
    def apply(x, a, _b, _j):
        return np.repeat(combine(warps(x.view(np.int32))).view(np.uint32), 32) ^ a

    return apply


def _mma_f16(x, a, b, _j):
    """C + A B of 16 x 8 x 8 halves by warp, in the layout of the registers that the PTX ISA gives."""
    c, rows, (columns, _) = (_registers(v) for v in (x, a, b))
    sums = [part + half @ columns.transpose(0, 2, 1) for part, half in zip(c, rows, strict=True)]
    upper, lower = (
        np.ascontiguousarray(s.astype(np.float16)).view(np.uint32).reshape(-1).astype(np.uint64) for s in sums
    )
    return upper | lower << np.uint64(32)


def _registers(x):
    """Both registers of uint64 values as matrices (warps, 8 rows, 8 columns) of numbers."""
    both = np.ascontiguousarray(x).view(np.float16).reshape(-1, 8, 4, 2, 2).astype(np.float32)
    return both[:, :, :, 0].reshape(-1, 8, 8), both[:, :, :, 1].reshape(-1, 8, 8)


REFERENCES = {
    "shfl_idx": _shuffle(lambda lane, a: a),
    "shfl_bfly": _shuffle(lambda lane, a: lane ^ a),
    "shfl_up": _shuffle(lambda lane, a: lane - a),
    "shfl_down": _shuffle(lambda lane, a: lane + a),
    "vote_ballot": _ballot,
    "vote_any": _vote("any"),
    "vote_all": _vote("all"),
    "vote_uni": _vote_uni,
    "plop3": _plop3,
    "match_any": _match_any,
    "match_any_b64": _match_any_b64,
    "match_all": _match_all,
    "redux_add": _redux(lambda rows: rows.sum(axis=1, dtype=np.int32)),
    "redux_max": _redux(lambda rows: rows.max(axis=1)),
    "redux_min": _redux(lambda rows: rows.min(axis=1)),
    "redux_max_u32": _redux(lambda rows: rows.view(np.uint32).max(axis=1)),
    "redux_and": _redux(lambda rows: np.bitwise_and.reduce(rows, axis=1)),
    "redux_or": _redux(lambda rows: np.bitwise_or.reduce(rows, axis=1)),
    "mma_f16": _mma_f16,
    "redux_xor": _redux(lambda rows: np.bitwise_xor.reduce(rows, axis=1)),
}
