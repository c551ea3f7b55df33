"""Scattered blocks between host and device: bandwidth by method, cost per block, and the knee of each method."""

import math

from gridstone.figure import Limit, Scale, lines
from gridstone.report import Panel, Section, amount, label, listing, measured, series, trusted
from gridstone.units import format_bytes, format_value

FAMILY = "scatter"
ORDER = 61
PROBES = ("scatter/blocks", "scatter/grouped", "scatter/large")

_METHODS = ("kernel", "packed", "batch", "per_block")
_ALL_OF_IT = 0.9
_OF_GROUPS = 256  # blocks, of scatter/grouped
_BLOCK = Scale(label="bytes per block", unit="B", log=True)


def section(rows):
    found = _together(rows)
    most = _most(found)
    reached = {direction: knees(found[found["direction"] == direction], top) for direction, top in most.items()}
    panels = []
    for direction in most:
        panels += _panels(found[found["direction"] == direction], direction, most[direction])
    panels += _grouped_panels(rows)
    return Section(
        heading=_heading(reached),
        lead=" ".join(filter(None, (_calls(rows), _lead(reached, found), _groups(rows)))),
        panels=tuple(panels),
    )


def knees(cells, top):
    """Bytes per block at which each method reaches 90 % of `top`, between two blocks by the logarithm; inf if never.

    Methods are told apart by their threads where there are several: keys such as `per block, 4 threads`.
    """
    found = {}
    for name, group in _by_name(cells):
        points = group.groupby("block")["value"].max().sort_index()
        found[name] = _crossing(points.index.astype(float).tolist(), points.tolist(), _ALL_OF_IT * top)
    return found


def _by_name(cells):
    for (method, threads), group in trusted(cells).groupby(["method", "threads"]):
        yield label({"method": method} | ({"threads": int(threads)} if method == "per_block" else {})), group


def _crossing(xs, ys, level):
    for i, y in enumerate(ys):
        if y >= level:
            if i == 0:
                return xs[0]
            share = (level - ys[i - 1]) / (y - ys[i - 1])
            return math.exp(math.log(xs[i - 1]) + share * (math.log(xs[i]) - math.log(xs[i - 1])))
    return math.inf


def _together(rows):
    """Bandwidth of both probes; the few large blocks continue the courses of one thread."""
    import pandas

    parts = [measured(rows, "scatter/blocks", "bandwidth"), measured(rows, "scatter/large", "bandwidth")]
    parts = [part for part in parts if len(part)]
    if not parts:
        return measured(rows, "scatter/blocks", "bandwidth").reindex(
            columns=["direction", "method", "threads", "block", "value", "status"]
        )
    joined = pandas.concat(parts)
    return joined.assign(threads=joined["threads"].fillna(1) if "threads" in joined else 1)


def _most(found):
    """The best bandwidth of each direction."""
    good = trusted(found)
    return {d: float(part["value"].max()) for d in ("h2d", "d2h", "both") if len(part := good[good["direction"] == d])}


def _heading(reached):
    for direction in ("h2d", "d2h", "both"):
        ranked = sorted(reached.get(direction, {}).items(), key=lambda item: item[1])
        if ranked and math.isfinite(ranked[0][1]):
            name, knee = ranked[0]
            way = label({"direction": direction})
            return f"Scattered blocks fill 90 % of the link from {_size(knee, 0)} on, {name} ({way})"
    return "Scattered blocks: what could be measured"


def _lead(reached, found):
    words = []
    for direction, methods in reached.items():
        last = {name: int(cells["block"].max()) for name, cells in _by_name(found[found["direction"] == direction])}
        said = [f"{name} {_size(knee, last[name])}" for name, knee in sorted(methods.items(), key=lambda item: item[1])]
        if said:
            words.append(f"Knees {label({'direction': direction})}: {listing(said)}.")
    good = trusted(found)
    for direction in reached:
        part = good[good["direction"] == direction]
        winners = part.loc[part.groupby("block")["value"].idxmax()].sort_values("block")
        changes = winners[winners["method"] != winners["method"].shift()]
        said = [
            f"{label({'method': w['method']})} from {format_bytes(int(w['block']))}" for w in changes.to_dict("records")
        ]
        words.append(f"Fastest {label({'direction': direction})}: {listing(said)}.")
    return " ".join(words)


def _calls(rows):
    """What the smallest block costs by each method, where calls bind and not the link."""
    cells = trusted(measured(rows, "scatter/blocks", "time_block"))
    if cells.empty:
        return ""
    small = cells[cells["block"] == cells["block"].min()]
    said = []
    for direction, part in small.groupby("direction", sort=False):
        least = part.groupby("method")["value"].min().sort_values()
        costs = [f"{label({'method': method})} {amount(value, 's')}" for method, value in least.items()]
        said.append(f"{label({'direction': direction})} {', '.join(costs)}")
    return f"A block of {format_bytes(int(small['block'].iloc[0]))} takes {'; '.join(said)}."


def _by_group(rows):
    """Bandwidth of blocks by how many lie one behind the other: those of scatter/blocks, which lie alone, are 1."""
    import pandas

    grouped = measured(rows, "scatter/grouped", "bandwidth")
    if grouped.empty:
        return grouped
    alone = measured(rows, "scatter/blocks", "bandwidth", threads=1, count=_OF_GROUPS)
    alone = alone[alone["block"].isin(grouped["block"]) & alone["direction"].isin(grouped["direction"])]
    alone = alone[alone["method"].isin(grouped["method"])] if len(alone) else alone
    return pandas.concat([alone.assign(group=1), grouped], ignore_index=True)


def _groups(rows):
    """How many times faster the smallest blocks come where a copy takes a group of them."""
    good = trusted(_by_group(rows))
    if good.empty:
        return ""
    small = good[good["block"] == good["block"].min()]
    said = []
    for (direction, method), cells in small.groupby(["direction", "method"], sort=False):
        one, most = cells[cells["group"] == 1], cells[cells["group"] == cells["group"].max()]
        if len(one) and int(most["group"].iloc[0]) > 1:
            times = float(most["value"].iloc[0]) / float(one["value"].iloc[0])
            name, way = label({"method": method}), label({"direction": direction})
            said.append(f"{times:.1f} times as fast {way}, {name}, in groups of {int(most['group'].iloc[0])}")
    block = format_bytes(int(good["block"].min()))
    return f"Blocks of {block} that lie together and share a copy: {listing(said)}." if said else ""


def _grouped_panels(rows):
    cells = _by_group(rows)
    if cells.empty or cells["group"].nunique() < 2:
        return []
    panels = []
    for direction in ("h2d", "d2h"):
        part = cells[cells["direction"] == direction]
        if len(part):
            way = label({"direction": direction})
            svg = lines(
                series(part, x="group", by=["method", "block"], first=_METHODS),
                x=Scale(label="blocks that lie together", log=True),
                y=Scale(label="bandwidth", unit="B/s", log=True),
                alt=f"Bandwidth of grouped blocks {way} by the blocks of a group",
            )
            panels.append(Panel(svg=svg, caption=f"Blocks in groups, {way}; a copy of the driver takes a group."))
    return panels


def _size(knee, last):
    """To a whole KiB: what lies between two measured blocks is interpolated. last: the largest that was measured."""
    return format_bytes(max(1, round(knee / 1024)) * 1024) if math.isfinite(knee) else f"beyond {format_bytes(last)}"


def _panels(part, direction, top):
    if part.empty:
        return []
    name = label({"direction": direction})
    known = part["limit"].dropna().unique()
    limits = [Limit(label=f"90 % of {amount(top, 'B/s')}", y=_ALL_OF_IT * top)]
    if len(known):
        limits.append(Limit(label=f"limit {format_value(float(known[0]), 'B/s')}", y=float(known[0])))
    svg = lines(
        series(part, x="block", by=["method", "threads"] if direction == "h2d" else ["method"], first=_METHODS),
        x=_BLOCK,
        y=Scale(label="bandwidth", unit="B/s", log=True),
        limits=limits,
        alt=f"Bandwidth of scattered blocks {name} over their size",
    )
    caption = f"Blocks at random places, {name}, from the first call until all are there."
    if direction != "h2d":
        caption += " By block: the best number of threads."
    return [Panel(svg=svg, caption=caption)]
