"""Messages between two ranks: latency, bandwidth, message rate and overlap; strided blocks from GPU to GPU."""

from gridstone.figure import Dot, Scale, dots, lines
from gridstone.report import Panel, Section, amount, best, label, listing, measured, percent, series, trusted
from gridstone.units import format_bytes

FAMILY = "pingpong"
ORDER = 140
PROBES = tuple(f"pingpong/{name}" for name in "latency stream message_rate overlap strided".split())

_BYTES = Scale(label="bytes of a message", unit="B", log=True)
_WHO = ["library", "tier", "memory"]
_METHODS = ("one_shot", "device", "staged")
_MEMORY = {"host": "host memories", "device": "GPU memories"}
_TIER = {"gpu": "on one GPU", "node": "on one host", "network": "over the network"}
_LARGE, _WIDE = 16 << 20, 128  # what a rate of packing is judged by: less is the launch, narrower the sectors


def section(rows):
    time = _placed(measured(rows, "pingpong/latency", "time"))
    stream = _placed(measured(rows, "pingpong/stream", "bandwidth"))
    strided = measured(rows, "pingpong/strided", "time")
    smallest, widest = _smallest(time), best(stream)
    quickest = best(smallest)
    claims = []
    if quickest is not None:
        takes = f"takes {amount(quickest['value'], 's')} {_between(quickest)}"
        claims.append(f"a message of {format_bytes(int(quickest['bytes']))} {takes}")
    if widest is not None:
        way = " both ways" if widest["direction"] == "both" else ""
        size, rate = format_bytes(int(widest["bytes"])), amount(widest["value"], "B/s")
        claims.append(f"a stream of {size} messages reaches {rate}{way} {_between(widest)}")
    return Section(
        heading="Between two ranks, " + listing(claims) if claims else "No message of this run is ok",
        lead=" ".join(filter(None, (_between_gpus(time), _fastest(strided), _one_shot(rows)))),
        panels=(*_latency(time), *_stream(stream), *_strided(strided), *_rate(rows), *_overlap(rows)),
    )


def _placed(rows):
    """Rows from before there was a choice are of host memory."""
    return rows.assign(memory=rows["memory"].fillna("host") if "memory" in rows else "host")


def _between(row):
    """Which memories a message goes between, and where their ranks are."""
    return f"between {_MEMORY.get(row['memory'], row['memory'])} {_TIER.get(row['tier'], row['tier'])}"


def _smallest(time):
    """The rows of the least bytes that an ok row has: the fastest of all sizes is one that noise has favoured."""
    good = trusted(time) if len(time) else time
    return good[good["bytes"] == good["bytes"].min()] if len(good) else time


def _between_gpus(time):
    """What the smallest message between device memories takes, on one GPU and on two."""
    words = []
    for tier, where in (("gpu", "on one GPU"), ("node", "on two GPUs")):
        there = time[(time["memory"] == "device") & (time["tier"] == tier)] if len(time) else time
        quickest = best(_smallest(there)) if len(there) else None
        if quickest is not None:
            words.append(f"{amount(quickest['value'], 's')} {where}")
    return f"The smallest message between device memories takes {listing(words)}." if words else ""


def _fastest(strided):
    """How often each method is the fastest, over the layouts that all of them were measured for."""
    good = trusted(strided) if len(strided) else strided
    if good.empty or good["method"].nunique() < 2:
        return ""
    words = []
    for tier, where in (("gpu", "on one GPU"), ("node", "between two GPUs")):
        keys = ["library", "bytes", "block", "stride"]
        table = good[good["tier"] == tier].pivot_table(index=keys, columns="method", values="value", aggfunc="min")
        table = table.dropna()
        if len(table):
            counts = table.idxmin(axis=1).value_counts()
            shares = [f"{label({'m': name})} for {percent(count / len(table))}" for name, count in counts.items()]
            words.append(f"{where} {listing(shares)}")
    return f"Of the layouts of strided blocks, the fastest method is {'; '.join(words)}." if words else ""


def _one_shot(rows):
    """One-shot packing against contiguous bytes written into the same host memory, over large and wide layouts."""
    share = measured(rows, "pingpong/strided", "zero_copy_share", method="one_shot")
    share = trusted(share) if len(share) else share
    large = share[(share["bytes"] >= _LARGE) & (share["block"] >= _WIDE)] if len(share) else share
    if large.empty:
        return ""
    low, high = float(large["value"].min()), float(large["value"].max())
    share = " to ".join(dict.fromkeys((percent(low), percent(high))))
    return (
        f"One-shot packing of {amount(_LARGE, 'B')} and more in blocks of {_WIDE} B and more runs at {share} of the "
        "zero-copy rate."
    )


def _strided(strided):
    if strided.empty:
        return []
    panels = []
    for tier, where in (("gpu", "ranks on one GPU"), ("node", "ranks on two GPUs")):
        chosen = strided[strided["tier"] == tier]
        if chosen.empty:
            continue
        block, stride = (chosen[axis].mode().iloc[0] for axis in ("block", "stride"))
        chosen = chosen[(chosen["block"] == block) & (chosen["stride"] == stride)]
        svg = lines(
            series(chosen, x="bytes", by=["method", "library"], first=_METHODS),
            x=_BYTES,
            y=Scale(label="time from blocks to blocks", unit="s", log=True),
            alt=f"Time to send strided blocks by method, {where}",
        )
        layout = f"blocks of {format_bytes(int(block))}, {format_bytes(int(stride))} apart"
        panels.append(Panel(svg=svg, caption=f"Packed, sent and unpacked: {layout}, {where}."))
    return panels


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
