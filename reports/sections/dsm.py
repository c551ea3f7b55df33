"""Distributed shared memory: pairs of SMs and their model, throughput by pattern, other ways across, a histogram."""

from dataclasses import replace
from pathlib import Path

from gridstone.content import load_module
from gridstone.figure import Dot, Scale, dots, lines
from gridstone.fit.pairwise import FINEST
from gridstone.report import Fact, Panel, Section, amount, best, listing, measured, median_of, nearest, series, trusted
from gridstone.report.pairwise import held_out, matrix_of, picture
from gridstone.units import format_bytes

_more = load_module(Path(__file__).with_name("_dsm_more.py"))

FAMILY = "dsm"
ORDER = 25
PROBES = tuple(
    f"dsm/{name}"
    for name in (
        "latency_pair pair_model latency_by_size access round_trip barrier throughput write_throughput histogram"
    ).split()
)

_PATTERNS = ("pair", "ring", "all_to_all", "random", "broadcast", "all_to_one")
_METHODS = ("shared", "dsm", "global")
_SIZE = Scale(label="blocks per cluster", log=True)
_NAMES = {"shared": "each block's shared memory", "dsm": "a cluster's shared memory", "global": "global memory"}
_WAYS = {
    "load": "load",
    "load_window": "load by 32-bit address",
    "atomic_add": "atomic add",
    "store": "stores, polled",
    "st_async": "st.async",
    "bulk": "bulk copy",
    "arrive": "mbarrier, release",
    "arrive_relaxed": "mbarrier, relaxed",
}


def section(rows):
    matrix = matrix_of(rows[rows["probe"] == "dsm/latency_pair"])
    quality = held_out(matrix) if matrix else None
    pictures = [Panel(**picture(matrix, quality), wide=True)] if matrix else []
    histogram, crossing = _histogram(rows)
    return Section(
        heading=_claim(matrix, quality, rows),
        lead=" ".join(filter(None, (_more.bound(rows), _more.unmoved(rows), crossing))),
        panels=(
            *pictures,
            *_more.changes(rows),
            *_by_size(rows),
            *_throughput(rows),
            *_more.writes(rows),
            *_ways(rows),
            *_barriers(rows),
            *histogram,
        ),
        facts=tuple(_facts(rows, matrix)),
    )


def _claim(matrix, quality, rows):
    if matrix:
        low, high = matrix.span
        taken = f"A load from another SM's shared memory takes {low:.0f} to {high:.0f} cycles for 98 % of the pairs"
        if quality and quality[0] > 0.9:
            return f"{taken}, a part of it for each of the two SMs, within {max(quality[1], FINEST):.2g} cycles"
        return f"{taken}, by the pair of SMs"
    top = best(measured(rows, "dsm/throughput", "bandwidth"))
    return f"Clusters read {amount(top['value'], 'B/s')} from each other" if top is not None else "Clusters of blocks"


def _by_size(rows):
    chosen = measured(rows, "dsm/latency_by_size", "latency_effect")
    if chosen.empty or chosen["cluster_size"].nunique() < 2:
        return []
    chance = median_of(measured(rows, "dsm/latency_by_size", "p_value"))
    svg = lines(
        series(chosen, x="cluster_size"),
        x=_SIZE,
        y=Scale(label="cycles on the same pairs of SMs"),
        joined=False,
        alt="What the size of the cluster adds to the latency of the same pairs of SMs",
    )
    most = float(chosen[["lo", "hi"]].abs().max().max())
    caption = (
        "What the cluster size itself adds, pairs compared with themselves: nowhere more than "
        f"{most:.2g} cycles, intervals included."
    )
    if chance:
        caption += f" {_more.by_chance(chance[0], most, median_of(measured(rows, 'dsm/latency_by_size', 'latency')))}"
    return [Panel(svg=svg, caption=caption)]


def _throughput(rows):
    chosen = measured(rows, "dsm/throughput", "bandwidth")
    if chosen.empty:
        return []
    clusters = measured(rows, "dsm/throughput", "clusters").groupby("cluster_size")["value"].median()
    resident = listing([f"{count:.0f} of {size:g}" for size, count in clusters.items()])
    per_sm = measured(rows, "dsm/throughput", "bandwidth_sm")
    speed = Scale(label="bytes per clock and SM", start=0)
    pictures = [
        (
            lines(
                series(chosen, x="cluster_size", by=["pattern"], first=_PATTERNS),
                x=_SIZE,
                y=Scale(label="bandwidth", unit="B/s", start=0),
                alt="Throughput of distributed shared memory by pattern and cluster size",
            ),
            f"All clusters together, the best over bytes per access and loads in flight; at once there were {resident} "
            "blocks. All to one: rank 0 reads from all; broadcast: all read from rank 0.",
        )
    ]
    for axis, name in (("unroll", "loads in flight per thread"), ("vector", "bytes per access")):
        other, base = ("vector", 16) if axis == "unroll" else ("unroll", 4)
        part = per_sm[(per_sm["pattern"] == "all_to_all") & (per_sm[other] == base)]
        if part.empty or part[axis].nunique() < 2:
            continue
        drawn = lines(
            series(part, x=axis, by=["cluster_size"]),
            x=Scale(label=name, log=True),
            y=speed,
            alt=f"Distributed shared memory, all to all: bytes per clock and SM by {name}",
        )
        pictures.append((drawn, f"All to all by {name}, 32 warps per SM."))
    return [Panel(svg=svg, caption=caption) for svg, caption in pictures]


def _ways(rows):
    panels = []
    for probe, name, caption in (
        ("access", "cycles per access", "One dependent access after the other, within a cluster of two blocks."),
        ("round_trip", "cycles per round trip", "A signal to the other block and its answer, by what carries them."),
    ):
        chosen = measured(rows, f"dsm/{probe}", "latency")
        if chosen.empty:
            continue
        entries = [
            Dot(
                label=_way(row),
                value=row["value"],
                lo=row["lo"],
                hi=row["hi"],
                group=str(row["source"]) if probe == "access" else "",
                flawed=row["status"] != "ok",
            )
            for row in chosen.sort_values("value").to_dict("records")
        ]
        svg = dots(entries, x=Scale(label=name, unit="cycles"), alt=f"Distributed shared memory: {name}")
        panels.append(Panel(svg=svg, caption=caption))
    return panels


def _way(row):
    name = _WAYS.get(row["function"], row["function"])
    if isinstance(row.get("source"), str):
        return f"{name}, {'other block' if row['source'] == 'remote' else 'own block'}"
    return f"{name}, {format_bytes(int(row['bytes']))}" if row["function"] == "bulk" else name


def _barriers(rows):
    chosen = measured(rows, "dsm/barrier", "latency")
    if chosen.empty:
        return []
    names = {"sync": "cluster.sync", "relaxed": "relaxed arrival", "block": "of one block"}
    pictured = [
        replace(one, label=f"{names.get(function, function)}, {threads:g} threads")
        for (function, threads), part in chosen.groupby(["function", "threads"])
        for one in series(part, x="cluster_size")
    ]
    svg = lines(
        pictured,
        x=_SIZE,
        y=Scale(label="cycles per barrier", unit="cycles", start=0),
        alt="Cost of a barrier of a cluster by its size",
    )
    return [Panel(svg=svg, caption="Barriers of all threads of a cluster, which arrive together.")]


def _histogram(rows):
    chosen = measured(rows, "dsm/histogram", "rate")
    if chosen.empty:
        return [], ""
    pictured = series(chosen, x="bins", by=["method"], first=_METHODS)
    svg = lines(
        [replace(one, label=_NAMES.get(one.label, one.label)) for one in pictured],
        x=Scale(label="bins", log=True),
        y=Scale(label="keys counted per second", unit="update/s", start=0),
        alt="Histogram of random keys by bins, in shared, distributed shared and global memory",
    )
    caption = "16 Mi random keys counted, the best over block and cluster size; clearing the result is in the time."
    return [Panel(svg=svg, caption=caption)], _more.crossing(trusted(chosen), _NAMES)


def _facts(rows, matrix):
    facts = []
    latency = median_of(measured(rows, "dsm/latency_pair", "latency"))
    if latency and matrix:
        low, high = matrix.span
        detail = f"{low:.0f} to {high:.0f} for 98 % of the pairs of SMs"
        facts.append(_fact("dsm_latency", *latency, "cycle/hop", "lower", detail, matrix.mhz))
    bandwidth = measured(rows, "dsm/throughput", "bandwidth")
    for size in (2, 4, 8, 16):
        row = best(bandwidth[bandwidth["cluster_size"] == size]) if len(bandwidth) else None
        if row is not None:
            pattern = str(row["pattern"]).replace("_", " ")
            detail = f"{pattern}, {row['vector']:g} B per access, {row['unroll']:g} in flight"
            values = (row["value"], row["lo"], row["hi"], int(row["n"]))
            facts.append(_fact(f"dsm_throughput_cs{size}", *values, "B/s", "higher", detail, row["sm_mhz"]))
    sync = measured(rows, "dsm/barrier", "latency", function="sync")
    if len(sync):
        largest = nearest(nearest(sync, "threads", 1024.0), "cluster_size", 16.0)
        estimate = median_of(largest)
        if estimate:
            row = largest.iloc[0]
            detail = f"{row['cluster_size']:g} blocks of {row['threads']:g} threads, idle otherwise"
            facts.append(_fact("cluster_sync", *estimate, "cycle/barrier", "lower", detail, row["sm_mhz"]))
    return facts


def _fact(quantity, value, lo, hi, n, unit, better, detail, mhz):
    clock = float(mhz) if mhz == mhz else None
    return Fact(
        quantity=quantity, value=value, lo=lo, hi=hi, n=n, unit=unit, better=better, detail=detail, sm_mhz=clock
    )
