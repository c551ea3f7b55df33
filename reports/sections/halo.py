"""The halo of a cube exchanged with 26 neighbours: how long by each method, and where the time goes."""

from gridstone.figure import Dot, Scale, dots, lines
from gridstone.report import Panel, Section, amount, best, label, measured, series, trusted

FAMILY = "halo"
ORDER = 160
PROBES = ("halo/exchange",)

_PHASES = ("pack", "copy", "exchange", "unpack")
_PLACES = {"gpu": "on one GPU", "node": "on one host", "network": "on several hosts"}


def section(rows):
    time = _placed(measured(rows, "halo/exchange", "time"))
    chosen = _largest(time)
    row = best(chosen) if len(chosen) else None
    if row is None:
        heading = "No halo of this run is ok"
    else:
        heading = (
            f"{int(row['ranks'])} ranks {_where(row)} exchange the halo of a cube of {int(row['count'])} cells a side "
            f"in {amount(row['value'], 's')}, by the method {label({'m': row['method']})}"
        )
    return Section(heading=heading, lead=_on_gpu(time), panels=(*_methods(chosen), *_phases(rows), *_by_ranks(time)))


def _placed(rows):
    """Rows from before there was a choice are of host memory."""
    return rows.assign(memory=rows["memory"].fillna("host") if "memory" in rows else "host")


def _where(row):
    each = row["memory"] == "device" and row["tier"] == "node"
    return "on GPUs of their own" if each else _PLACES[row["tier"]]


def _largest(time):
    """The largest cube, and the fewest ranks that it was exchanged among."""
    if time.empty:
        return time
    largest = time[time["count"] == time["count"].max()]
    return largest[largest["ranks"] == largest["ranks"].min()]


def _on_gpu(time):
    """How many kinds of exchange between GPU memories are ok: each is compared with the reference, value by value."""
    device = time[time["memory"] == "device"] if len(time) else time
    if device.empty:
        return ""
    right = len(trusted(device))
    return f"{right} of {len(device)} kinds of exchange between GPU memories left every value where it belongs."


def _methods(chosen):
    if chosen.empty:
        return []
    svg = dots(
        [_dot(row, row["value"], row["lo"], row["hi"], row["method"]) for row in chosen.to_dict("records")],
        x=Scale(label="time of the slowest rank", unit="s", start=0),
        alt="Time of a halo exchange by method",
    )
    count, ranks = int(chosen["count"].iloc[0]), int(chosen["ranks"].iloc[0])
    return [Panel(svg=svg, caption=f"{ranks} ranks, {count} cells a side, radius 3, 8 quantities of 4 B.")]


def _by_ranks(time):
    """The largest cube among more and more ranks, each with a cube of its own."""
    largest = time[time["count"] == time["count"].max()] if len(time) else time
    if largest.empty or largest["ranks"].nunique() < 2:
        return []
    svg = lines(
        series(largest, x="ranks", by=["method", "library", "tier"]),
        x=Scale(label="ranks", log=True),
        y=Scale(label="time of the slowest rank", unit="s", log=True),
        alt="Time of a halo exchange over the number of ranks, by method",
    )
    return [Panel(svg=svg, caption=f"{int(largest['count'].iloc[0])} cells a side for each rank, by number of ranks.")]


def _phases(rows):
    shown = []
    for phase in _PHASES:
        part = _largest(_placed(measured(rows, "halo/exchange", f"time_{phase}")))
        shown += [_dot(row, row["value"], row["lo"], row["hi"], phase, phase=phase) for row in part.to_dict("records")]
    if not shown:
        return []
    svg = dots(
        sorted(shown, key=lambda dot: dot.label),
        x=Scale(label="time of the first rank", unit="s", start=0),
        alt="Phases of a halo exchange by method",
    )
    return [Panel(svg=svg, caption="Where the time goes. What MPI packs itself is in the exchange.")]


def _dot(row, value, lo, hi, group, **more):
    where = {name: row[name] for name in ("method", "library", "tier")}
    return Dot(label=label({**where, **more}), value=value, lo=lo, hi=hi, group=group, flawed=row["status"] != "ok")
