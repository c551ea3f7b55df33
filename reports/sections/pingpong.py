"""Messages between two ranks: latency, bandwidth, message rate and overlap."""

from gridstone.figure import Dot, Scale, dots, lines
from gridstone.report import Panel, Section, amount, best, label, listing, measured, percent, series
from gridstone.units import format_bytes

FAMILY = "pingpong"
ORDER = 140
PROBES = ("pingpong/latency", "pingpong/stream", "pingpong/message_rate", "pingpong/overlap")

_BYTES = Scale(label="bytes of a message", unit="B", log=True)
_WHO = ["library", "tier"]


def section(rows):
    time = measured(rows, "pingpong/latency", "time")
    stream = measured(rows, "pingpong/stream", "bandwidth")
    quickest, widest = best(time), best(stream)
    claims = []
    if quickest is not None:
        claims.append(f"a message of {format_bytes(int(quickest['bytes']))} takes {amount(quickest['value'], 's')}")
    if widest is not None:
        way = " both ways" if widest["direction"] == "both" else ""
        claims.append(f"a stream of them reaches {amount(widest['value'], 'B/s')}{way}")
    return Section(
        heading="Between two ranks, " + listing(claims) if claims else "No message of this run is ok",
        panels=(*_latency(time), *_stream(stream), *_rate(rows), *_overlap(rows)),
    )


def _latency(time):
    if time.empty:
        return []
    svg = lines(
        series(time, x="bytes", by=_WHO),
        x=_BYTES,
        y=Scale(label="half a round trip", unit="s", log=True),
        alt="Time of a message between two ranks over its size",
    )
    return [Panel(svg=svg, caption="Half a round trip of blocking sends and receives. A step is a change of protocol.")]


def _stream(stream):
    if stream.empty:
        return []
    svg = lines(
        series(stream, x="bytes", by=[*_WHO, "direction"]),
        x=_BYTES,
        y=Scale(label="bandwidth", unit="B/s", log=True),
        alt="Bandwidth of many messages under way over their size",
    )
    return [Panel(svg=svg, caption="Many messages under way; both ways count the bytes of both.")]


def _rate(rows):
    rate = measured(rows, "pingpong/message_rate", "rate")
    if rate.empty:
        return []
    scale = Scale(label="messages per second", unit="message/s", start=0)
    svg = dots(_dots(rate, "bytes"), x=scale, alt="Messages per second by size and library")
    return [Panel(svg=svg, caption="64 messages under way, one way.")]


def _overlap(rows):
    overlap = measured(rows, "pingpong/overlap", "overlap")
    if overlap.empty:
        return []
    top = best(overlap)
    said = "" if top is None else f" At best {percent(max(0.0, top['value']))}."
    svg = dots(_dots(overlap, "bytes"), x=Scale(label="share"), alt="Share of an exchange hidden behind computation")
    return [Panel(svg=svg, caption=f"The share of an exchange that goes on while its ranks compute.{said}")]


def _dots(rows, axis):
    return [
        Dot(
            label=label({"library": row["library"], "tier": row["tier"], axis: int(row[axis])}),
            value=row["value"],
            lo=row["lo"],
            hi=row["hi"],
            group=str(row["library"]),
            flawed=row["status"] != "ok",
        )
        for row in rows.sort_values(["library", "tier", axis]).to_dict("records")
    ]
