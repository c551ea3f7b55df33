"""Copies that no thread carries: the map of boxes and stages, latency beside a plain load, and Little's law."""

from dataclasses import replace
from pathlib import Path

from gridstone.content import load_module
from gridstone.figure import Dot, Limit, Scale, dots, lines
from gridstone.report import Panel, Section, measured, series
from gridstone.units import format_bytes, format_value

_said = load_module(Path(__file__).with_name("_tma_said.py"))
_law = load_module(Path(__file__).with_name("_tma_law.py"))

FAMILY = "tma"
ORDER = 45
PROBES = tuple(f"tma/{name}" for name in "latency round throughput copy in_flight".split())

_TIERS = _said.TIERS
_METHODS = {
    "plain": "plain load",
    "staged": "plain load and store",
    "cp_async": "cp.async",
    "bulk": "bulk copy",
    "tensor": "tensor map",
    "prefetched": "bulk copy, prefetched",
}
_ROUNDS = {
    "mbarrier": "mbarrier: arrive and wait",
    "prefetch": "prefetch: issue",
    "store_read": "store: until read",
    "store_done": "store: until done",
    "reduce_read": "reduce: until read",
    "reduce_done": "reduce: until done",
}
_BYTES_PER_S = Scale(label="bandwidth", unit="B/s", start=0)
_CYCLES = Scale(label="cycles", unit="cycle", start=0)
_BOX = Scale(label="bytes per box", unit="B", log=True)


def section(rows):
    loads = measured(rows, "tma/throughput", "bandwidth", pattern="load", tier="dram")
    laws = dict(_law.laws(rows))
    return Section(
        heading=_said.heading(rows, loads),
        lead=_said.lead(rows, loads),
        panels=(
            *_maps(rows),
            *_latencies(rows),
            *_by_box(rows),
            *_flights(rows, laws),
            *_other_ways(rows),
            *_rounds(rows),
            *_copies(rows),
        ),
        facts=tuple(_said.facts(rows, loads, laws)),
    )


def _maps(rows):
    """Bandwidth over the box, a line per number of stages: one block per SM."""
    panels = []
    for tier, name in reversed(_TIERS.items()):
        chosen = measured(rows, "tma/throughput", "bandwidth", pattern="load", form="bulk", tier=tier, blocks=1)
        if chosen.empty:
            continue
        svg = lines(
            [replace(one, label=_stages(one.label)) for one in series(chosen, x="bytes", by=["stages"])],
            x=_BOX,
            y=_BYTES_PER_S,
            limits=_limits(chosen),
            wide=tier == "dram",
            alt=f"Bandwidth of bulk loads from {name} by bytes per box and stages",
        )
        caption = f"Bulk loads from {name}, one block per SM, by box and by how many boxes are under way at any time."
        panels.append(Panel(svg=svg, caption=caption, wide=tier == "dram"))
    return panels


def _stages(label):
    count = label.removeprefix("stages ")
    return f"{count} stage{'' if count == '1' else 's'}"


def _limits(rows):
    known = rows["limit"].dropna().unique()
    return [Limit(label=f"limit {format_value(float(known[0]), 'B/s')}", y=float(known[0]))] if len(known) == 1 else []


def _dots(rows, label):
    return [
        Dot(label=label(row), value=row["value"], lo=row["lo"], hi=row["hi"], flawed=row["status"] != "ok")
        for row in rows.to_dict("records")
    ]


def _latencies(rows):
    panels = []
    for tier, name in _TIERS.items():
        chosen = measured(rows, "tma/latency", "latency", tier=tier)
        chosen = chosen[chosen["bytes"] <= 128] if len(chosen) else chosen
        if chosen.empty:
            continue
        ordered = chosen.assign(_order=_order(chosen["method"], _METHODS)).sort_values(["_order", "bytes", "dims"])
        svg = dots(_dots(ordered, _way), x=_CYCLES, alt=f"Latency from {name} of plain loads and of copies")
        where = "one SM's own half of L2" if tier == "l2" else name
        caption = f"From {where}, one address to the next. Copies land in shared memory and are read there."
        panels.append(Panel(svg=svg, caption=caption))
    return panels


def _order(words, known):
    """The place of each word among the known ones; other words, which another version measured, come last."""
    places = {word: place for place, word in enumerate(known)}
    return [places.get(word, len(places)) for word in words]


def _way(row):
    method = _METHODS.get(row["method"], row["method"])
    if row["method"] == "tensor":
        return f"{method}, {int(row['dims'])}D"
    return f"{method}, {format_bytes(int(row['bytes']))}" if row["method"] == "bulk" else method


def _by_box(rows):
    chosen = measured(rows, "tma/latency", "latency", method="bulk")
    if chosen.empty or chosen["bytes"].nunique() < 3:
        return []
    named = [replace(one, label=_TIERS.get(one.label, one.label)) for one in series(chosen, x="bytes", by=["tier"])]
    svg = lines(named, x=_BOX, y=_CYCLES, alt="Latency of a bulk copy by its size")
    return [Panel(svg=svg, caption="A bulk copy by its size, until the last byte can be read.")]


def _flights(rows, laws):
    panels = []
    for tier, name in _TIERS.items():
        chosen = measured(rows, "tma/in_flight", "bandwidth", tier=tier)
        if chosen.empty:
            continue
        named = [
            replace(one, label=_METHODS.get(one.label.replace(" ", "_"), one.label))
            for one in series(chosen, x="in_flight", by=["method"], first=tuple(_METHODS))
        ]
        svg = lines(
            named,
            x=Scale(label="bytes under way per SM", unit="B", log=True),
            y=Scale(label="bandwidth", unit="B/s", log=True),
            limits=_limits(chosen),
            alt=f"Bandwidth from {name} by bytes under way per SM",
        )
        panels.append(Panel(svg=svg, caption=f"From {name}.{_law.told(rows, laws, tier, _METHODS)}"))
    return panels


def _other_ways(rows):
    """Stores, reductions and multicast beside loads, and tensor maps by dimensions and swizzle."""
    found = measured(rows, "tma/throughput", "bandwidth", stages=4, blocks=1)
    chosen = found[(found["form"] == "bulk") & (found["bytes"] == 16384)] if len(found) else found
    panels = []
    if len(chosen) and chosen["pattern"].nunique() > 1:
        ordered = chosen.sort_values(["tier", "pattern", "cluster_size"])
        svg = dots(_dots(ordered, _pattern), x=_BYTES_PER_S, alt="Bandwidth of bulk copies by pattern")
        caption = (
            "Boxes of 16 KiB, 4 under way. Bytes of global memory: what multicast brings to a cluster counts once, and "
            "a reduction's reading does not."
        )
        panels.append(Panel(svg=svg, caption=caption))
    tensors = found[(found["form"] != "bulk") & (found["bytes"] <= 16384)] if len(found) else found
    if len(tensors):
        ordered = tensors.sort_values(["tier", "pattern", "form", "bytes", "swizzle", "dims"])
        svg = dots(_dots(ordered, _laid), x=_BYTES_PER_S, alt="Bandwidth of tensor maps by dimensions and swizzle")
        panels.append(
            Panel(
                svg=svg,
                caption="By tensor map, 4 boxes under way: by dimensions and swizzle; im2col: columns of pixels.",
            )
        )
    return panels


def _pattern(row):
    cluster = f" to {int(row['cluster_size'])}" if row["pattern"] == "multicast" else ""
    return f"{_TIERS.get(row['tier'], row['tier'])} {row['pattern']}{cluster}"


def _laid(row):
    swizzle = f", swizzle {int(row['swizzle'])}" if row["swizzle"] else ""
    pattern = "" if row["pattern"] == "load" else f" {_pattern(row).split(' ', 1)[1]}"
    form = " im2col" if row["form"] == "im2col" else ""
    tier = _TIERS.get(row["tier"], row["tier"])
    return f"{tier}{pattern}, {format_bytes(int(row['bytes']))}, {int(row['dims'])}D{form}{swizzle}"


def _rounds(rows):
    chosen = measured(rows, "tma/round", "latency")
    if chosen.empty:
        return []
    ordered = chosen.assign(_order=_order(chosen["function"], _ROUNDS)).sort_values(["_order", "bytes"])
    svg = dots(_dots(ordered, _round), x=_CYCLES, alt="Cycles of a round: barriers, stores, reductions, prefetches")
    caption = (
        "One thread, each round awaited before the next. Until read: the source may be overwritten. Until done: the "
        "writing thread itself reads what it wrote; others see it after a fence only, whose cost is not in it."
    )
    return [Panel(svg=svg, caption=caption)]


def _round(row):
    size = "" if row["function"] == "mbarrier" else f", {format_bytes(int(row['bytes']))}"
    return _ROUNDS.get(row["function"], row["function"]) + size


def _copies(rows):
    chosen = measured(rows, "tma/copy", "bandwidth")
    if chosen.empty:
        return []
    chosen = chosen[chosen["bytes"] == chosen["bytes"].max()]
    ordered = chosen.sort_values(["block", "stages", "blocks", "form"])
    svg = dots(_dots(ordered, _copy), x=_BYTES_PER_S, alt="Bandwidth of copies within DRAM by bulk loads and stores")
    caption = "Copies within DRAM by bulk loads and stores; every byte is read and written, and counts twice."
    return [Panel(svg=svg, caption=caption)]


def _copy(row):
    form = ", evict first" if row["form"] == "evict_first" else ""
    return f"{format_bytes(int(row['block']))} x {int(row['stages'])} x {int(row['blocks'])}{form}"
