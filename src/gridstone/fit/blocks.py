"""transfer_time of blocks at scattered places, one way and both at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gridstone.fit.cells import Sought, best, cells, usable, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

PROBES = ("scatter/blocks", "scatter/large")
WAYS = {"h2d": ("host", "device", False), "d2h": ("device", "host", False), "both": ("host", "device", True)}

# One start for all blocks, then their bytes at the link's rate: how they are cut up does not count.
_STREAMED = ("kernel", "packed")
# Per block, a fall by more than this as blocks grow is no noise: the driver goes another way from there on.
_FALL = 0.9


def sought(frame: pd.DataFrame) -> list[Sought]:
    """One law per direction and method: seconds over all bytes, or seconds per block over its size."""
    rows = _moved(frame)
    found = []
    for direction in WAYS:
        for method in words(rows[rows["direction"] == direction], "method"):
            these = rows[(rows["direction"] == direction) & (rows["method"] == method)]
            if method in _STREAMED:
                found.append(_streamed(these, direction, method))
            else:
                # Towards the host the two ways meet, and one curve does for both.
                falls = method == "batch" and switches([_curve(these)])
                found.append(_each(these, direction, method, switch(frame) if falls else ()))
    return found


def switch(frame: pd.DataFrame) -> tuple[float, ...]:
    """The size at which the driver does batched copies another way, from those of all directions together."""
    rows = _moved(frame)
    batches = rows[rows["method"] == "batch"]
    return switches([_curve(one) for _, one in batches.groupby("direction")])


def _curve(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Sizes of blocks, in order, and seconds that one takes."""
    seconds = (rows["block"] / rows["value"]).groupby(rows["block"]).median().sort_index()
    return seconds.index.to_numpy(float), seconds.to_numpy(float)


def split(candidates: tuple[str, ...], at: tuple[float, ...]) -> tuple[str, ...]:
    """The candidates with a switch of their course `at` a size, where there is one."""
    return tuple(f"{one}@{place:.0f}" for one in candidates for place in at) or candidates


def beyond_the_switch(frame: pd.DataFrame) -> pd.DataFrame:
    """Cells of batched copies to the device that are large enough to be done the other way: seconds over `chunk`."""
    rows = _moved(frame)
    large = (rows["method"] == "batch") & (rows["direction"] == "h2d")
    large &= rows["block"] > max(switch(frame), default=math.inf)
    return cells(rows[large], factor=rows["block"][large], inverse=True, chunk=rows["block"][large])


def _moved(frame: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    many, large = usable(frame, "scatter/blocks", "bandwidth"), usable(frame, "scatter/large", "bandwidth")
    parts = [part for part in (many, large.assign(threads=1)) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else many.assign(direction=None, method=None, block=0)


def switches(curves: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[float, ...]:
    """The size at which the driver changes its way, from curves (sizes, seconds per copy): none or one of them.

    A copy of more bytes takes longer, unless it is done another way: each curve's deepest fall says between which of
    its sizes that is, and the narrowest span that all of them leave holds the switch.
    """
    spans = []
    for sizes, seconds in curves:
        ratios = seconds[1:] / seconds[:-1]
        if ratios.size and ratios.min() < _FALL:
            deepest = int(ratios.argmin())
            spans.append((float(sizes[deepest]), float(sizes[deepest + 1])))
    low, high = max((s[0] for s in spans), default=0.0), min((s[1] for s in spans), default=0.0)
    return (math.sqrt(low * high),) if 0 < low < high else ()


def _streamed(rows: pd.DataFrame, direction: str, method: str) -> Sought:
    src, dst, duplex = WAYS[direction]
    size, count = rows["block"].to_numpy(float), rows["count"].to_numpy(float)
    table = cells(rows, factor=(2 if duplex else 1) * size * count, inverse=True, bytes=size * count)
    return Sought(
        keys={"src": src, "dst": dst, "method": f"blocks/{method}", "duplex": duplex},
        axes=("bytes",),
        unit="s",
        cells=table,
        candidates=("affine", "segments", "cubic", "loglog"),
        rises=not duplex,
        free={"chunk": (float(size.min()), float(size.max()))},
    )


def _each(rows: pd.DataFrame, direction: str, method: str, at: tuple[float, ...]) -> Sought:
    """Seconds per block; over how many of them too, where a run has several counts of one size."""
    src, dst, duplex = WAYS[direction]
    size, count = rows["block"].to_numpy(float), rows["count"].to_numpy(float)
    columns = {"threads": rows["threads"], "rows": count, "chunk": size}
    axes = ("threads", "chunk") if method == "per_block" else ("chunk",)
    several = rows.groupby("block")["count"].nunique().max() > 1
    if several:
        axes = ("rows", *axes)
    table = cells(rows, factor=(2 if duplex else 1) * size, inverse=True, **{axis: columns[axis] for axis in axes})
    fewest = rows.groupby("block")["count"].min()
    candidates = ("affine", "loglog", "segments") if axes == ("chunk",) else ("affine", "loglog", "cubic", "separable")
    return Sought(
        keys={"src": src, "dst": dst, "method": f"blocks/{method}", "duplex": duplex},
        axes=axes,
        unit="s",
        cells=best(table, axes),
        candidates=split(candidates, at) if axes == ("chunk",) else candidates,
        free={} if several else {"rows": (float(fewest.min()), None)},
        parameters={"fewest": [[float(block), float(number)] for block, number in fewest.items()]},
    )
