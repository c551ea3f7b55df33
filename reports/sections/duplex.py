"""Both ways over the link at once, and its smallest and its atomic messages."""

from gridstone.figure import Dot, Scale, dots
from gridstone.report import Panel, Section, amount, best, label, measured, percent, trusted

FAMILY = "duplex"
ORDER = 62
PROBES = tuple(f"duplex/{name}" for name in "link atomic_latency atomics message streams".split())

_BANDWIDTH = Scale(label="bandwidth", unit="B/s", start=0)
_BY = {"engine": "copy engine", "sm": "SMs"}


def section(rows):
    link = measured(rows, "duplex/link", "bandwidth")
    top = best(link)
    one_way = best(link[(link["h2d"] == "none") | (link["d2h"] == "none")]) if len(link) else None
    heading = "The link both ways: what could be measured"
    if top is not None and one_way is not None:
        times = top["value"] / one_way["value"]
        heading = f"Both ways at once the link carries {amount(top['value'], 'B/s')}, {times:.2f} times one way"
    panels = [*_link(rows), *_streams(rows), *_atomics(rows)]
    return Section(heading=heading, lead=" ".join(_lead(rows, link)), panels=tuple(panels))


def _lead(rows, link):
    kept = []
    for way in ("h2d", "d2h"):
        found = _kept(rows, way)
        if found:
            kept.append(f"{label({'direction': way})} keeps {found}")
    if kept:
        yield f"While the other way is busy, by copy engines, {' and '.join(kept)} of what it has alone."
    message = best(measured(rows, "duplex/message", "latency"))
    if message is not None:
        yield f"A flag from the host to the GPU and back takes {amount(message['value'], 's')}."
    chain = best(measured(rows, "duplex/atomic_latency", "time", source="host"))
    if chain is not None:
        yield f"A dependent atomic addition to host memory takes {amount(chain['value'], 's')}."


def _kept(rows, way):
    other = "d2h" if way == "h2d" else "h2d"
    cells = trusted(measured(rows, "duplex/link", f"bandwidth_{way}", **{way: "engine"}))
    if cells.empty:
        return ""
    alone, busy = cells[cells[other] == "none"], cells[cells[other] == "engine"]
    if alone.empty or busy.empty:
        return ""
    return percent(float(busy["value"].iloc[0]) / float(alone["value"].iloc[0]))


def _link(rows):
    entries = []
    for way in ("h2d", "d2h"):
        other = "d2h" if way == "h2d" else "h2d"
        chosen = measured(rows, "duplex/link", f"bandwidth_{way}")
        if chosen.empty:
            continue
        chosen = chosen[chosen[way] != "none"]
        for row in chosen.sort_values([way, other]).to_dict("records"):
            beside = "alone" if row[other] == "none" else f"beside {_BY[row[other]]}"
            entries.append(_dot(row, f"{way} by {_BY[row[way]]}, {beside}", way))
    if not entries:
        return []
    svg = dots(entries, x=_BANDWIDTH, alt="Bandwidth of each way over the link, alone and beside the other")
    return [Panel(svg=svg, caption="Each way by a copy engine or by 16 SMs, alone and while the other way is busy.")]


def _dot(row, name, group):
    return Dot(label=name, value=row["value"], lo=row["lo"], hi=row["hi"], group=group, flawed=row["status"] != "ok")


def _streams(rows):
    chosen = measured(rows, "duplex/streams", "bandwidth")
    if chosen.empty:
        return []
    entries = [
        _dot(row, f"{row['direction']}, {int(row['count'])} at once", row["direction"])
        for row in chosen.sort_values(["direction", "count"]).to_dict("records")
    ]
    svg = dots(entries, x=_BANDWIDTH, alt="Bandwidth of one way by the number of copies at once")
    return [Panel(svg=svg, caption="64 MiB one way as one copy, or as several at once on streams of their own.")]


def _atomics(rows):
    chosen = measured(rows, "duplex/atomics", "rate")
    if chosen.empty:
        return []
    entries = [
        _dot(row, label({"source": row["source"], "form": row["form"], "stride": int(row["stride"])}), row["source"])
        for row in chosen.sort_values(["source", "form", "stride"]).to_dict("records")
    ]
    svg = dots(
        entries,
        x=Scale(label="additions per second", unit="operation/s"),
        alt="Atomic additions per second by where the words lie",
    )
    caption = "Atomic additions of 8 bytes to host and device memory; atom: with the old value back, red: without."
    return [Panel(svg=svg, caption=caption)]
