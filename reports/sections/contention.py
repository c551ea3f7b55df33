"""What it costs to meet: bank conflicts, atomics on few words, fences and barriers by scope."""

from dataclasses import replace
from pathlib import Path

from gridstone.content import load_module
from gridstone.figure import Dot, Limit, Scale, dots, lines
from gridstone.report import Panel, Section, measured, series

_said = load_module(Path(__file__).with_name("_contention_said.py"))

FAMILY = "contention"
ORDER = 47
PROBES = tuple(
    f"contention/{name}"
    for name in (
        "strided_latency strided_load l2_sets shared_atomic_latency global_atomic_latency atomic_throughput fence "
        "fence_system barrier grid_barrier"
    ).split()
)

_STRIDE = Scale(label="bytes from one lane to the next")
_LATENCY = Scale(label="cycles", unit="cycle", start=0)
_LOG_LATENCY = Scale(label="cycles", unit="cycle", log=True)
_RATE = Scale(label="atomics per SM and clock", log=True)
_SPACES = {"shared": "shared memory", "global": "L1"}
_GLOBAL = {"latency_near": "near", "latency_far": "far"}


def section(rows):
    facts = tuple(_said.facts(rows))
    return Section(
        heading=_said.heading(facts),
        lead=_said.lead(rows),
        panels=(
            *_strides(rows),
            *_atomic_latencies(rows),
            *_atomic_rates(rows),
            *_fences(rows),
            *_barriers(rows),
            *_sets(rows),
        ),
        facts=facts,
    )


def _strides(rows):
    panels = []
    for metric, probe, y, limits in (
        ("latency", "strided_latency", _LATENCY, ()),
        (
            "bandwidth_sm",
            "strided_load",
            Scale(label="bytes per SM and clock", start=0),
            (Limit(label="32 banks of 4 B", y=128),),
        ),
    ):
        for source, space in _SPACES.items():
            chosen = measured(rows, f"contention/{probe}", metric, source=source)
            if chosen.empty:
                continue
            pictured = [
                replace(one, label=f"{one.label.split()[0]} B per lane")
                for one in series(chosen, x="stride", by=["vector"])
            ]
            what = "Cycles until a warp has loaded" if metric == "latency" else "Bytes that an SM's warps load"
            svg = lines(
                pictured, x=_STRIDE, y=y, limits=limits, alt=f"{what} from {space}, by the stride between lanes"
            )
            panels.append(Panel(svg=svg, caption=f"{what} from {space}. At 0 all lanes load the same bytes."))
    return panels


def _entries(rows, name, group):
    return [
        Dot(
            label=name(row),
            value=row["value"],
            lo=row["lo"],
            hi=row["hi"],
            group=group(row),
            flawed=row["status"] != "ok",
        )
        for row in rows.to_dict("records")
    ]


def _operation(row):
    return f"{row['function']} {row['dtype']}"


def _atomic_latencies(rows):
    panels = []
    single = measured(rows, "contention/shared_atomic_latency", "latency", count=1)
    if len(single):
        entries = _entries(single.sort_values("value"), _operation, _how)
        svg = dots(entries, x=_LATENCY, alt="Cycles from one atomic of shared memory to the next, by operation")
        caption = (
            "Shared memory, one lane, each atomic with the result of the one before. Loops around a CAS stand out."
        )
        panels.append(Panel(svg=svg, caption=caption))
    far = [measured(rows, "contention/global_atomic_latency", metric) for metric in _GLOBAL]
    entries = [
        entry
        for side, name in zip(far, _GLOBAL.values(), strict=True)
        for entry in _entries(
            side.sort_values("value"), lambda row, name=name: f"{_operation(row)}, {name}", lambda _, n=name: n
        )
    ]
    if entries:
        svg = dots(entries, x=_LATENCY, alt="Cycles from one atomic of global memory to the next, by operation")
        panels.append(Panel(svg=svg, caption="Global memory: atomics are made in L2, where the line is at home."))
    shared = measured(rows, "contention/shared_atomic_latency", "latency", dtype="u32")
    several = shared[shared["function"] != "add"] if len(shared) else shared
    if len(several):
        svg = lines(
            series(several, x="count", by=["function"]),
            x=Scale(label="lanes on one word", log=True),
            y=_LOG_LATENCY,
            alt="Cycles of an atomic of shared memory, by how many lanes of the warp meet on a word",
        )
        panels.append(Panel(svg=svg, caption="Lanes of a warp that meet on one word take turns."))
    return panels


def _how(row):
    return "loop" if _said.LOOP in str(row["opcodes"]) else "instruction"


def _atomic_rates(rows):
    panels = []
    chosen = measured(rows, "contention/atomic_throughput", "throughput")
    if chosen.empty:
        return []
    curve = chosen[(chosen["function"] == "add") & (chosen["dtype"] == "u32")]
    if len(curve):
        words = {"all": "the same", "warp": "own"}
        pictured = [
            replace(one, label=f"{group[0]} {group[1]}, {words[group[2]]}")
            for group, part in curve.groupby(["source", "method", "pattern"])
            for one in series(part, x="count")
        ]
        svg = lines(
            pictured,
            x=Scale(label="words that a warp's lanes fall on", log=True),
            y=_RATE,
            alt="Atomic adds per SM and clock, by how many words they fall on",
            wide=True,
        )
        caption = (
            "Adds of u32 while every SM is full. Red returns nothing, atom what stood there before. The same: all "
            "warps (of an SM, or of the GPU) fall on the same words; own: each warp on words of its own."
        )
        panels.append(Panel(svg=svg, caption=caption, wide=True))
    for source, where in (("shared", "shared memory"), ("global", "global memory")):
        spread = chosen[(chosen["source"] == source) & (chosen["pattern"] == "warp") & (chosen["count"] == _said.BANKS)]
        if spread.empty:
            continue
        ordered = spread.sort_values("value", ascending=False)
        entries = _entries(ordered, lambda row: f"{row['method']} {_operation(row)}", _how)
        svg = dots(entries, x=Scale(label="atomics per SM and clock"), alt=f"Atomics per SM and clock in {where}")
        panels.append(Panel(svg=svg, caption=f"Every lane on a word of its own in {where}, all SMs full."))
    return panels


def _fences(rows):
    chosen = _said.fences(rows)
    if chosen.empty:
        return []
    entries = _entries(
        chosen.sort_values(["pattern", "value"]),
        lambda row: f"{row['function']} {row['scope']}, {'after a store' if row['pattern'] == 'store' else 'idle'}",
        lambda row: row["pattern"],
    )
    svg = dots(entries, x=_LATENCY, alt="Cycles of a fence by order, scope and what it has to order")
    return [Panel(svg=svg, caption="One thread's fences, with nothing under way or after a store to another line.")]


def _barriers(rows):
    panels = []
    chosen = measured(rows, "contention/barrier", "latency")
    if len(chosen):
        svg = lines(
            series(chosen, x="warps", by=["function"]),
            x=Scale(label="warps", log=True),
            y=_LATENCY,
            alt="Cycles of a barrier of a block by its warps",
        )
        caption = "A barrier of a block, one that counts threads, and a vote of a single warp, with its comparison."
        panels.append(Panel(svg=svg, caption=caption))
    grid = measured(rows, "contention/grid_barrier", "latency")
    if len(grid):
        svg = lines(
            series(grid, x="count"),
            x=Scale(label="blocks", log=True),
            y=_LATENCY,
            alt="Cycles of a barrier of the whole grid by its blocks",
        )
        panels.append(Panel(svg=svg, caption="A barrier of the grid: an atomic in L2 and a wait until all have come."))
    return panels


def _sets(rows):
    chosen = measured(rows, "contention/l2_sets", "latency")
    if chosen.empty:
        return []
    svg = lines(
        series(chosen, x="count", by=["pattern", "stride"]),
        x=Scale(label="places", log=True),
        y=Scale(label="cycles per load", unit="cycle", log=True),
        alt="Latency of L2 over places a power of two apart, and a line further",
        wide=True,
    )
    caption = (
        "L2 picks the set by a hash of the address: places a power of two apart should do no worse than others. Of few "
        "places there are rings on many SMs, which are nearer or farther: only equal counts are comparable."
    )
    return [Panel(svg=svg, caption=caption, wide=True)]
