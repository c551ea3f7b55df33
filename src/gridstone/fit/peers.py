"""transfer_time between GPUs: pairs with a ladder of sizes, and pairs that borrow the shape of such ladders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from gridstone.fit.cells import Borrowed, Sought, cells, points, usable
from gridstone.fit.contiguous import contiguous
from gridstone.fit.form import fitted_to
from gridstone.model.interpolate import WIDEST_STEP
from gridstone.model.peers import joined

if TYPE_CHECKING:
    import pandas as pd

    from gridstone.model.interpolate import Table

Pair = tuple[int, int]

PROBES = ("peer/copy", "peer/pairs")
_JOINED = "joined"  # the column that says what joins the two GPUs of a row
_EXACT = 1e-4  # no cell is known better, in log space
_FINER = 4  # knots to a step of a ladder: between two sizes its course is a line rather than a power


@dataclass(frozen=True, kw_only=True)
class _Ladder:
    """A pair's copies by an engine, one way, over their size.

    sizes: as measured; at: seconds at any sizes (k,); width: half of its cells' median interval, in log space.
    """

    sizes: Table
    at: Callable[[Table], Table]
    width: float


def with_links(frame: pd.DataFrame, infos: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The rows of runs, those of GPU pairs with what joins the two by run.json (`infos`), null where none says it."""
    if not {"src", "dst"} <= set(frame.columns):
        return frame
    of_pairs = frame.loc[frame["probe"].isin(PROBES), ["src", "dst"]].dropna()
    known = {(int(src), int(dst)): joined(infos, src, dst) for src, dst in of_pairs.itertuples(index=False)}
    named = [known[int(src), int(dst)] for src, dst in of_pairs.itertuples(index=False)]
    column = of_pairs.assign(joined=named)["joined"].reindex(frame.index)
    return frame.assign(**{_JOINED: column})


def sought(frame: pd.DataFrame) -> list[Sought]:
    """One law per ordered pair of GPUs and way to copy; both ways at once are one measurement of the pair.

    A pair that peer/pairs alone measured has one of copies by an engine, one way, in the shape of the ladders of pairs
    joined alike.
    """
    rows = usable(frame, "peer/copy", "bandwidth")
    found: dict[tuple[Pair, str, str], Sought] = {}
    for (src, dst, method, direction), own in rows.groupby(["src", "dst", "method", "direction"]) if len(rows) else ():
        duplex = direction == "both"
        law = contiguous(own, f"gpu{int(src)}", f"gpu{int(dst)}", str(method), duplex, 2 if duplex else 1)
        found[(int(src), int(dst)), str(method), str(direction)] = law
    ladders = {pair: law for (pair, method, way), law in found.items() if (method, way) == ("engine", "one")}
    borrowing = _borrowing(ladders, rows, usable(frame, "peer/pairs", "bandwidth"))
    for pair in sorted(ladders.keys() & borrowing.keys()):
        law = replace(ladders[pair], stand_in=borrowing.pop(pair), beside=("peer/pairs",))
        found[pair, "engine", "one"] = law
    return [*found.values(), *borrowing.values()]


def _borrowing(ladders: Mapping[Pair, Sought], rows: pd.DataFrame, ends: pd.DataFrame) -> dict[Pair, Sought]:
    """The law of each pair by its own two points (`ends`: rows of peer/pairs) and the ladders of others joined alike.

    Pairs that have a ladder (`rows`: of peer/copy) are among them: what such laws are worth shows in theirs, and where
    it shows in none there are none.
    """
    if _JOINED not in ends or ends.empty or not ladders:
        return {}
    kinds = {**_kinds(rows), **_kinds(ends)}
    courses = {pair: _ladder(law) for pair, law in ladders.items()}
    found = {}
    for (src, dst), own in ends.groupby(["src", "dst"]):
        pair = (int(src), int(dst))
        alike = {one: ladder for one, ladder in courses.items() if one != pair and kinds.get(one) == kinds.get(pair)}
        law = _borrowed(own, pair, alike, kinds[pair]) if pair in kinds else None
        if law is not None:
            found[pair] = law
    shown = {kinds[pair] for pair in found.keys() & ladders.keys() if _between(courses[pair].sizes, found[pair])}
    return {pair: law for pair, law in found.items() if kinds[pair] in shown}


def _borrowed(rows: pd.DataFrame, pair: Pair, ladders: Mapping[Pair, _Ladder], like: str) -> Sought | None:
    """A law through the smallest and the largest of a pair's copies; None where they or the ladders do not give one.

    A site counts that has both: its latency and another one's bandwidth are of no pair, and a law of other sites than
    one must have two points too.
    """
    table = cells(rows, factor=rows["bytes"].to_numpy(float), inverse=True, bytes=rows["bytes"])
    low, high = float(table["bytes"].min()), float(table["bytes"].max())
    table = table[table["bytes"].isin((low, high))]
    table = table[table.groupby("site")["bytes"].transform("nunique") == 2].reset_index(drop=True)
    ends = points(table, ("bytes",))
    used = {one: ladder for one, ladder in ladders.items() if _tells(ladder, low, high)}
    if not used or len(ends) < 2 or ends[0, 1] >= ends[1, 1]:
        return None
    src, dst = pair
    return Sought(
        keys={"src": f"gpu{src}", "dst": f"gpu{dst}", "method": "engine", "duplex": False},
        axes=("bytes",),
        unit="s",
        cells=table,
        candidates=("borrowed",),
        curve=partial(_stretched, ladders=tuple(used.values())),
        rises=True,
        parameters={"borrowed_from": [list(one) for one in sorted(used)]},
        beside=("peer/copy",),
        borrowed=Borrowed(like=like, width=max(_width(ends), *(ladder.width for ladder in used.values()))),
    )


def _stretched(ends: Table, ladders: Sequence[_Ladder]) -> Table:
    """Knots (n, 2) from two points (2, 2) of bytes and seconds: first + (last - first) share.

    share is how much of its own way from the time of the one size to that of the other a ladder has gone, the mean over
    the ladders: latency and bandwidth are the pair's, and how one goes over into the other is theirs.
    """
    (low, first), (high, last) = ends
    stop = min(float(ladder.sizes[-1]) for ladder in ladders)
    sizes = np.unique(np.concatenate([[low, high], *(ladder.sizes for ladder in ladders)]))
    sizes = sizes[(sizes >= low) & (sizes <= stop)]
    steps = np.arange(_FINER) / _FINER
    x = np.append(sizes[:-1, None] * (sizes[1:] / sizes[:-1])[:, None] ** steps, sizes[-1])
    share = np.zeros(x.size)
    for ladder in ladders:
        start, end = ladder.at(np.array([low, high]))
        share += (ladder.at(x) - start) / (end - start) / len(ladders)
    return np.column_stack([x, first + (last - first) * share])


def _tells(ladder: _Ladder, low: float, high: float) -> bool:
    """Whether a ladder says how copies go from one size to the other: it spans both without a gap, and rises."""
    sizes = ladder.sizes
    start, end = ladder.at(np.array([low, high]))
    spans = sizes[0] <= low and high <= sizes[-1] and (sizes[1:] <= WIDEST_STEP * sizes[:-1]).all()
    return bool(spans and start < end)


def _between(sizes: Table, law: Sought) -> bool:
    """Whether any of the sizes lies between a law's cells."""
    own = law.cells["bytes"]
    return bool(((sizes > own.min()) & (sizes < own.max())).any())


def _ladder(law: Sought) -> _Ladder:
    table = points(law.cells, law.axes)
    shape = fitted_to(table[:, :2], law)
    return _Ladder(sizes=table[:, 0], at=lambda sizes: shape.at(sizes[:, None]), width=_width(table))


def _width(table: Table) -> float:
    """Half of the median interval of points that end in lo and hi, in log space."""
    return max(_EXACT, float(np.median(np.log(table[:, -1] / table[:, -2]))) / 2)


def _kinds(rows: pd.DataFrame) -> dict[Pair, str]:
    named = rows[["src", "dst", _JOINED]].dropna().drop_duplicates()
    return {(int(src), int(dst)): str(kind) for src, dst, kind in named.itertuples(index=False)}
