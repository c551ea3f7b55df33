"""Smith-Waterman alignments of short random sequences: how they are given to the kernel, and their scores in numpy."""

from __future__ import annotations

import functools
import os

import numpy as np

ROWS, COLUMNS = 16, 256
MATCH, MISMATCH, OPEN, EXTEND = 2, -2, 3, 1


@functools.cache
def sequences(pairs):
    """Queries (pairs, ROWS) and subjects (pairs, COLUMNS) of letters 0 to 3, a blurred query in each subject."""
    rng = np.random.default_rng([os.getpid(), pairs])
    queries = rng.integers(0, 4, (pairs, ROWS), dtype=np.uint32)
    subjects = rng.integers(0, 4, (pairs, COLUMNS), dtype=np.uint32)
    start = int(rng.integers(COLUMNS - ROWS))
    copied = np.where(rng.random((pairs, ROWS)) < 0.8, queries, subjects[:, start : start + ROWS])
    subjects[:, start : start + ROWS] = copied
    return queries, subjects


@functools.cache
def scores(pairs):
    """The best local score of each pair: gaps cost OPEN for their first letter and EXTEND for each further one."""
    queries, subjects = sequences(pairs)
    h = np.zeros((ROWS + 1, pairs), np.int32)  # row -1 stays 0
    gap = np.full((ROWS, pairs), -OPEN, np.int32)
    best = np.zeros(pairs, np.int32)
    for letters in subjects.T:
        gained = np.where(letters == queries.T, MATCH, MISMATCH).astype(np.int32)
        gap = np.maximum(gap - EXTEND, h[1:] - OPEN)
        reached = np.maximum(np.maximum(h[:-1] + gained, gap), 0)
        down = np.full(pairs, -OPEN, np.int32)
        for row in range(ROWS):
            down = np.maximum(down - EXTEND, (reached[row - 1] if row else 0) - OPEN)
            reached[row] = np.maximum(reached[row], down)
        h[1:] = reached
        best = np.maximum(best, reached.max(axis=0))
    return best


def profile(queries, words):
    """The score of each row against each letter, a byte each, as uint32 [ROWS][words][threads]."""
    rows = queries.reshape(-1, words, ROWS).transpose(2, 1, 0)
    against = np.where(rows[..., None] == np.arange(4), MATCH, MISMATCH).astype(np.int8)
    return np.ascontiguousarray(against).view(np.uint32)[..., 0]


def selectors(subjects, words):
    """What PRMT picks for each column as uint32 [COLUMNS + 1][threads]: the score of its letter, and the score's sign.

    Letters are loaded a column ahead; the last row is there to be loaded, and no score comes of it.
    """
    letters = subjects.reshape(-1, words, COLUMNS).transpose(2, 1, 0)
    letters = np.concatenate([letters, np.zeros_like(letters[:1])])
    first = letters[:, 0]
    if words == 1:
        return first | (first | 8) * np.uint32(0x1110)
    second = letters[:, 1] + np.uint32(4)
    return first | (first | 8) << np.uint32(4) | second << np.uint32(8) | (second | 8) << np.uint32(12)
