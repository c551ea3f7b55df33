"""Collectives among ranks: the library's own, those built from sends, and how much they vary."""

from pathlib import Path

from gridstone.content import load_module
from gridstone.figure import Scale, lines
from gridstone.report import Panel, Section, amount, best, label, listing, measured, series, trusted
from gridstone.units import format_bytes

_late = load_module(Path(__file__).with_name("_late_ranks.py"))

FAMILY = "collective"
ORDER = 150
PROBES = tuple(f"collective/{name}" for name in "native allreduce ring barrier variability".split())

_BYTES = Scale(label="bytes per rank", unit="B", log=True)
_BUS = Scale(label="bus bandwidth", unit="B/s", log=True)
_TIME = Scale(label="time of the slowest rank", unit="s", log=True)


def section(rows):
    native = measured(rows, "collective/native", "bandwidth_bus")
    native = native.assign(memory=native["memory"].fillna("host") if "memory" in native else "host")
    barrier = best(measured(rows, "collective/barrier", "time"))
    claims = []
    top = best(native[native["collective"] == "allreduce"]) if len(native) else None
    if top is not None:
        claims.append(f"an all-reduce of {int(top['ranks'])} ranks reaches {amount(top['value'], 'B/s')} on the bus")
    if barrier is not None:
        claims.append(f"a barrier of {int(barrier['ranks'])} ranks takes {amount(barrier['value'], 's')}")
    claims = claims or _else_measured(rows)
    crossing = _crossing(measured(rows, "collective/allreduce", "time"))
    lateness, late = _late.late_ranks(rows, "collective/variability", ["library", "tier", "collective"])
    return Section(
        heading="Among ranks, " + listing(claims) if claims else "No collective of this run is ok",
        lead=" ".join(filter(None, [crossing, lateness])),
        panels=(*_native(native), *_built(rows), *_neighbours(rows), *late),
    )


def _else_measured(rows):
    """What a run says that has neither collectives of the library nor a barrier."""
    for name, what in (("allreduce", "an all-reduce"), ("variability", "a collective"), ("ring", "a message round")):
        found = best(measured(rows, f"collective/{name}", "time"))
        if found is not None:
            return [f"{what} of {int(found['ranks'])} ranks takes {amount(found['value'], 's')}"]
    return []


def _most(rows):
    """The rows of the largest number of ranks that was measured of most cells."""
    return rows[rows["ranks"] == rows["ranks"].max()] if len(rows) else rows


def _several(rows):
    """What tells the ranks' places apart where there is more than one: the best of two would be neither."""
    return [axis for axis in ("tier", "memory") if axis in rows and rows[axis].nunique() > 1]


def _native(native):
    panels = []
    for library in sorted(native["library"].unique()) if len(native) else ():
        chosen = _most(native[native["library"] == library])
        svg = lines(
            series(chosen, x="bytes", by=["collective", *_several(chosen)]),
            x=_BYTES,
            y=_BUS,
            alt=f"Bus bandwidth of the collectives of {library} over their size",
        )
        ranks = int(chosen["ranks"].iloc[0])
        caption = (
            f"{label({'library': library})}, {ranks} ranks: bytes over the busiest link, were it a ring, per second."
        )
        panels.append(Panel(svg=svg, caption=caption))
    return panels


def _built(rows):
    chosen = _most(measured(rows, "collective/allreduce", "time"))
    if chosen.empty:
        return []
    library = sorted(chosen["library"].unique())[0]
    chosen = chosen[chosen["library"] == library]
    svg = lines(
        series(chosen, x="bytes", by=["algorithm", *_several(chosen)]),
        x=_BYTES,
        y=_TIME,
        alt="Time of an all-reduce built from sends over its size, by algorithm",
    )
    ranks = int(chosen["ranks"].iloc[0])
    return [Panel(svg=svg, caption=f"An all-reduce of {ranks} ranks built from sends, over {label({'l': library})}.")]


def _neighbours(rows):
    chosen = _most(measured(rows, "collective/ring", "bandwidth_bus"))
    if chosen.empty:
        return []
    svg = lines(
        series(chosen, x="bytes", by=["library", "direction", *_several(chosen)]),
        x=_BYTES,
        y=_BUS,
        alt="Bandwidth of messages to the neighbour over their size",
    )
    return [Panel(svg=svg, caption="Every rank sends to its neighbour at once, one way round or both.")]


def _crossing(time):
    """From which size on another algorithm is the fastest, where that happens once among the ok cells of a place."""
    good = trusted(time) if len(time) else time
    if good.empty:
        return ""
    good = good[good["library"] == sorted(good["library"].unique())[0]]
    places = (("node", "on one host"), ("network", "between hosts"))
    return " ".join(filter(None, (_crossed(_most(good[good["tier"] == tier]), where) for tier, where in places)))


def _crossed(good, place):
    if good.empty or good["algorithm"].nunique() < 2:
        return ""
    fastest = good.loc[good.groupby("bytes")["value"].idxmin()].sort_values("bytes")
    first, last = fastest["algorithm"].iloc[0], fastest["algorithm"].iloc[-1]
    changed = fastest[fastest["algorithm"] != first]
    if first == last or not (changed["algorithm"] == last).all():
        return ""
    size = format_bytes(int(changed["bytes"].iloc[0]))
    return (
        f"Of the algorithms built from sends, {place} the {first} is fastest for small messages, the {last} from "
        f"{size} on."
    )
