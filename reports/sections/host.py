"""The host itself: memory bandwidth, gathers, the ladder of its caches, copies and files."""

from gridstone.figure import Dot, Level, Scale, dots, lines
from gridstone.report import Panel, Section, amount, best, label, measured, nearest, plateaus, series, trusted
from gridstone.units import format_bytes

FAMILY = "host"
ORDER = 50
PROBES = tuple(f"host/{name}" for name in "stream gather pointer_chase memcpy file".split())

_BANDWIDTH = Scale(label="bandwidth", unit="B/s", start=0)


def section(rows):
    top = best(measured(rows, "host/stream", "bandwidth"))
    levels = _levels(rows)
    claims = []
    if top is not None:
        threads = int(top["threads"])
        claims.append(
            f"{top['pattern']} moves {amount(top['value'], 'B/s')} on {threads} thread{'s' if threads > 1 else ''}"
        )
    if len(levels) > 1:
        claims.append(
            f"a load takes {amount(levels[0].value, 's')} from the nearest cache and "
            f"{amount(levels[-1].value, 's')} from the farthest level reached"
        )
    headline = f"The host's memory gives {amount(top['value'], 'B/s')}" if top is not None else None
    return Section(
        heading="On the host, " + ", ".join(claims) if claims else "The host: what could be measured",
        panels=(*_stream(rows), *_ladder(rows, levels), *_gather(rows), *_memcpy(rows), *_file(rows)),
        headline=headline,
    )


def _stream(rows):
    chosen = measured(rows, "host/stream", "bandwidth")
    if chosen.empty:
        return []
    alt = "STREAM bandwidth of the host by threads"
    caption = "STREAM by threads, the best array size of each. Bytes that the program asked for."
    if chosen["threads"].nunique() < 3:
        found = chosen.sort_values("value", ascending=False).drop_duplicates(["pattern", "threads"])
        return [Panel(svg=dots(_entries(found, "threads", "pattern"), x=_BANDWIDTH, alt=alt), caption=caption)]
    svg = lines(
        series(chosen, x="threads", by=["pattern"]),
        x=Scale(label="threads", log=True),
        y=_BANDWIDTH,
        alt=alt,
    )
    return [Panel(svg=svg, caption=caption)]


def _entries(rows, *names):
    return [
        Dot(
            label=label({name: row[name] for name in reversed(names)}),
            value=row["value"],
            lo=row["lo"],
            hi=row["hi"],
            group=str(row[names[0]]),
            flawed=row["status"] != "ok",
        )
        for row in rows.sort_values(list(names)).to_dict("records")
    ]


def _levels(rows):
    steps = trusted(measured(rows, "host/pointer_chase", "latency"))
    if steps.empty:
        return []
    steps = steps.sort_values("footprint")
    return plateaus(steps["footprint"].astype(float).tolist(), steps["value"].tolist(), flat=0.15, apart=0.3)


def _ladder(rows, levels):
    chosen = measured(rows, "host/pointer_chase", "latency")
    if chosen.empty:
        return []
    svg = lines(
        series(chosen, x="footprint"),
        x=Scale(label="footprint", unit="B", log=True),
        y=Scale(label="time per dependent load", unit="s", log=True),
        levels=[Level(label=amount(p.value, "s"), start=p.start, end=p.end, y=p.value) for p in levels],
        alt="Latency of a dependent load on the host over the footprint",
    )
    return [Panel(svg=svg, caption="One thread follows a shuffled ring of addresses. Grey bars: plateaus.")]


def _gather(rows):
    chosen = measured(rows, "host/gather", "bandwidth")
    if chosen.empty:
        return []
    largest = chosen["footprint"].max()
    chosen = nearest(chosen, "footprint", float(largest))
    svg = lines(
        series(chosen, x="row_bytes", by=["threads"]),
        x=Scale(label="bytes per row", unit="B", log=True),
        y=Scale(label="bandwidth", unit="B/s", log=True),
        alt="Bandwidth of random gathers on the host over the bytes per row",
    )
    return [Panel(svg=svg, caption=f"Rows gathered at random from {format_bytes(int(largest))}.")]


def _memcpy(rows):
    chosen = measured(rows, "host/memcpy", "bandwidth")
    if chosen.empty:
        return []
    svg = lines(
        series(chosen, x="bytes", by=["threads"]),
        x=Scale(label="bytes copied", unit="B", log=True),
        y=Scale(label="bandwidth", unit="B/s", log=True),
        alt="Bandwidth of memory copies on the host over their size",
    )
    return [Panel(svg=svg, caption="memcpy by size and threads; each byte counts once.")]


def _file(rows):
    chosen = measured(rows, "host/file", "bandwidth")
    if chosen.empty:
        return []
    found = chosen.sort_values("value", ascending=False).drop_duplicates(["method", "tier"])
    svg = dots(_entries(found, "tier", "method"), x=_BANDWIDTH, alt="Bandwidth of file writes and reads by tier")
    return [Panel(svg=svg, caption="Files written and read, in the page cache and down to storage; the best size.")]
