"""GPUs beside each other: copies over their link, loads and atomics of a peer's memory, and every pair as a matrix."""

import math
from pathlib import Path

from gridstone.content import load_module
from gridstone.figure import Scale, lines
from gridstone.figure.matrix import matrix
from gridstone.report import Panel, Section, amount, best, listing, measured, series, trusted

_limits = load_module(Path(__file__).with_name("_ceiling.py"))

FAMILY = "peer"
ORDER = 145
PROBES = ("peer/copy", "peer/pairs", "peer/latency", "peer/atomic", "peer/gather")

_NARROW = 5  # GPUs whose matrix is legible in half of the page
_METHODS = ("engine", "read", "write")
_BYTES = Scale(label="bytes copied", unit="B", log=True)
_BANDWIDTH = Scale(label="bandwidth", unit="B/s", log=True)


def section(rows):
    copies = measured(rows, "peer/copy", "bandwidth")
    pairs = measured(rows, "peer/pairs", "bandwidth")
    one_way = copies[copies["direction"] == "one"] if len(copies) else copies
    both = copies[copies["direction"] == "both"] if len(copies) else copies
    top = best(one_way) if best(one_way) is not None else best(pairs)
    loads = best(measured(rows, "peer/latency", "time"))
    claims = []
    if top is not None:
        share = _limits.share(top)
        claims.append(f"a GPU reaches {amount(top['value'], 'B/s')} to another{share}")
    if best(both) is not None:
        claims.append(f"{amount(best(both)['value'], 'B/s')} both ways at once")
    if loads is not None:
        claims.append(f"a dependent load of a peer's memory takes {amount(loads['value'], 's')}")
    said = listing(claims)
    return Section(
        heading=said[0].upper() + said[1:] if claims else "No transfer between GPUs of this run is ok",
        lead=_gathered(measured(rows, "peer/gather", "bandwidth")),
        panels=(
            *_sizes(one_way, "one way"),
            *_sizes(both, "both ways at once"),
            *_matrices(rows, copies, pairs),
            *_gathers(measured(rows, "peer/gather", "bandwidth")),
        ),
    )


def _sizes(rows, words):
    """The pair with the most cells stands for all; the matrix shows how they differ."""
    if rows.empty:
        return []
    src, dst = rows.groupby(["src", "dst"]).size().sort_index().idxmax()
    chosen = rows[(rows["src"] == src) & (rows["dst"] == dst)]
    svg = lines(
        series(chosen, x="bytes", by=["method"], first=_METHODS),
        x=_BYTES,
        y=_BANDWIDTH,
        limits=_limits.ceiling(chosen),
        alt=f"Bandwidth of copies between two GPUs over their size, {words}, by method",
    )
    caption = (
        f"From GPU {int(src)} to GPU {int(dst)}, {words}: by a copy engine, by loads of the receiver's SMs (read) "
        "or by stores of the sender's (write)."
    )
    return [Panel(svg=svg, caption=caption)]


def _matrices(rows, copies, pairs):
    """Every ordered pair: bandwidth of the largest copy, latency of a load, with what joins them."""
    engine = copies[(copies["method"] == "engine") & (copies["direction"] == "one")] if len(copies) else copies
    moved = pairs if len(pairs) else engine
    loads = measured(rows, "peer/latency", "time")
    panels = []
    if len(moved):
        largest = moved[moved["bytes"] == moved["bytes"].max()]
        joined = sorted(set(largest["limit_kind"].dropna()))
        how = f" They are joined by {listing(joined)}." if joined else ""
        panels += _matrix(
            largest,
            1e-9,
            "Bandwidth of a copy between every two GPUs",
            f"GB/s of one copy by a copy engine from the row's GPU to the column's.{how}",
            faint=0.0,
        )
    if len(loads):
        nearest = loads[loads["footprint"] == loads["footprint"].min()]
        panels += _matrix(
            nearest,
            1e9,
            "Latency of a load between every two GPUs",
            "Nanoseconds of a dependent load of the row's memory by the column's GPU.",
        )
    added = measured(rows, "peer/atomic", "time")
    if len(added):
        panels += _matrix(
            added,
            1e9,
            "Latency of an atomic addition between every two GPUs",
            "Nanoseconds of a dependent atomic addition to the row's memory by the column's GPU.",
        )
    return panels


def _matrix(rows, scale, alt, caption, faint=None):
    good = trusted(rows)
    if good.empty:
        return []
    known = {(int(row["src"]), int(row["dst"])): scale * row["value"] for row in good.to_dict("records")}
    names = sorted({place for pair in known for place in pair})
    values = [[known.get((src, dst), math.nan) for dst in names] for src in names]
    highest = max(known.values())
    svg = matrix(
        values,
        rows=[f"GPU {place}" for place in names],
        columns=[f"GPU {place}" for place in names],
        row_title="from",
        column_title="to",
        low=0.9 * min(known.values()) if faint is None else faint,
        high=1.1 * highest,
        alt=alt,
    )
    return [Panel(svg=svg, caption=caption, wide=len(names) > _NARROW)]


def _gathered(rows):
    """What all GPUs get together, over what one gets alone."""
    good = trusted(rows)
    if good.empty or good["ranks"].nunique() < 2:
        return ""
    widest = good[good["row_bytes"] == good["row_bytes"].max()].sort_values("ranks")
    alone, together = widest.iloc[0], widest.iloc[-1]
    return (
        f"Of one table in host memory {int(together['ranks'])} GPUs read {amount(together['value'], 'B/s')} at once, "
        f"{together['value'] / alone['value']:.2f} times what {int(alone['ranks'])} reads."
    )


def _gathers(rows):
    if rows.empty:
        return []
    svg = lines(
        series(rows, x="ranks", by=["row_bytes"]),
        x=Scale(label="GPUs that read at once", log=True),
        y=Scale(label="bandwidth of all", unit="B/s", start=0.0),
        alt="Bandwidth of rows read in place from host memory by several GPUs at once",
    )
    return [Panel(svg=svg, caption="Rows of one page-locked table that all GPUs read in place at the same time.")]
