"""How often shared memory and L1 must be asked for one load of a warp whose lanes lie some stride apart."""

from __future__ import annotations

import functools

import numpy as np

LANES, BANKS, WORD = 32, 32, 4
_LOOKED_UP = 512


@functools.lru_cache(maxsize=4096)
def passes(level: str, width: int, stride: int, *, chained: bool = False) -> float:
    """Passes over the banks for 32 lanes that load `width` bytes each, `stride` bytes apart.

    level: `shared` or `l1`. A pass serves each of the 32 banks of 4 bytes once, and lanes of one word together; loads
    of 8 and 16 bytes take half a warp and a quarter of it at a time, and where all lanes want the same, 8 bytes at a
    time. L1 also looks its lines up, those of an aligned 512 bytes at once. chained: of loads that wait for each
    other, where lookups that do not hide behind the passes, two to a pass, count half a pass each. How L1 looks up was
    read off contention/strided_load and strided_latency on an H100. Raises ValueError for a stride that is no multiple
    of the width.
    """
    if width not in (4, 8, 16) or stride < 0 or stride % width:
        raise ValueError(
            f"granule={width}, stride={stride}: lanes load 4, 8 or 16 bytes each, a multiple of that apart"
        )
    words = (stride * np.arange(LANES)[:, None] + np.arange(0, width, WORD)[None, :]) // WORD
    if stride == 0:
        banks = max(1, width // 8)
    else:
        groups = words.reshape(width // WORD, -1)
        banks = sum(int(np.bincount(np.unique(group) % BANKS).max()) for group in groups)
    if level == "shared":
        return banks
    lookups = np.unique(words * WORD // _LOOKED_UP).size
    return banks + max(0.0, lookups - banks / 2) / 2 if chained else max(banks, lookups)
