"""What it costs to meet: bank conflicts, atomics on few words, fences and barriers by scope."""

from dataclasses import replace

from gridstone.figure import Dot, Limit, Scale, dots, lines
from gridstone.report import Fact, Panel, Section, listing, measured, median_of, series, trusted

FAMILY = "contention"
ORDER = 47
PROBES = tuple(
    f"contention/{name}"
    for name in (
        "strided_latency strided_load l2_sets shared_atomic_latency global_atomic_latency atomic_throughput fence "
        "barrier grid_barrier"
    ).split()
)

_LOOP = "CAST.SPIN"  # the opcode of a compare-and-swap in a loop: there is no instruction for the operation itself
_BANKS = 32
_STRIDE = Scale(label="bytes from one lane to the next")
_LATENCY = Scale(label="cycles", unit="cycle", start=0)
_LOG_LATENCY = Scale(label="cycles", unit="cycle", log=True)
_RATE = Scale(label="atomics per SM and clock", log=True)
_SPACES = {"shared": "shared memory", "global": "L1"}
_GLOBAL = {"latency_near": "near", "latency_far": "far"}


def section(rows):
    facts = tuple(_facts(rows))
    return Section(
        heading=_heading(facts),
        lead=_lead(rows),
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


def _heading(facts):
    named = {fact.quantity: fact.value for fact in facts}
    parts = []
    if "bank_conflict" in named:
        parts.append(f"a bank conflict costs {named['bank_conflict']:.2g} cycles per word")
    if "shared_atomic_latency" in named:
        parts.append(f"an atomic add in shared memory {named['shared_atomic_latency']:.0f} cycles")
    if "global_atomic_latency_near" in named:
        parts.append(f"in near L2 {named['global_atomic_latency_near']:.0f}")
    if not parts:
        return "Conflicts, atomics, fences and barriers"
    text = listing(parts)
    return text[0].upper() + text[1:]


def _lead(rows):
    parts = []
    opcodes = trusted(rows).dropna(subset="opcodes")
    atomics = opcodes[opcodes["probe"].isin(["contention/shared_atomic_latency", "contention/atomic_throughput"])]
    loops = atomics[atomics["opcodes"].str.contains(_LOOP, regex=False)]
    if len(loops):
        names = sorted({f"{f} of {t}" for f, t in zip(loops["function"], loops["dtype"], strict=True)})
        parts.append(f"Shared memory has no instruction for {listing(names)}: there it is a loop around a CAS.")
    fences = opcodes[opcodes["probe"] == "contention/fence"]
    for scope in ("block", "gpu"):
        chosen = fences[(fences["scope"] == scope) & (fences["function"] == "acq_rel")] if len(fences) else fences
        if len(chosen):
            names = [word.split("*")[0] for word in chosen["opcodes"].iloc[0].split()]
            named = [name for name in names if name.startswith(("MEMBAR", "ERRBAR", "CGAERRBAR", "CCTL"))]
            parts.append(f"An acquire-release fence of the {scope.replace('gpu', 'GPU')} is {listing(named)}.")
    return " ".join(parts)


def _facts(rows):
    chase = trusted(measured(rows, "contention/strided_latency", "latency", source="shared", vector=4))
    free, worst = (median_of(chase[chase["stride"] == stride]) if len(chase) else None for stride in (4, 128))
    if free and worst:
        ways = _BANKS - 1
        yield Fact(
            quantity="bank_conflict",
            value=(worst[0] - free[0]) / ways,
            lo=(worst[1] - free[2]) / ways,
            hi=(worst[2] - free[1]) / ways,
            n=free[3] + worst[3],
            unit="cycle/word",
            better="lower",
            detail="32 lanes on one bank, against one lane on each",
        )
    adds = {"function": "add", "dtype": "u32"}
    for quantity, probe, metric, axes in (
        ("shared_atomic_latency", "shared_atomic_latency", "latency", {**adds, "count": 1}),
        ("global_atomic_latency_near", "global_atomic_latency", "latency_near", adds),
        ("global_atomic_latency_far", "global_atomic_latency", "latency_far", adds),
        ("fence_block", "fence", "latency", {"function": "acq_rel", "scope": "block", "pattern": "store"}),
        ("fence_gpu", "fence", "latency", {"function": "acq_rel", "scope": "gpu", "pattern": "store"}),
        ("fence_system", "fence", "latency", {"function": "acq_rel", "scope": "system", "pattern": "store"}),
        ("barrier_latency", "barrier", "latency", {"function": "block", "warps": 8}),
    ):
        chosen = trusted(measured(rows, f"contention/{probe}", metric, **axes))
        estimate = median_of(chosen)
        if estimate:
            value, lo, hi, n = estimate
            clock = chosen["sm_mhz"].median()
            yield Fact(
                quantity=quantity,
                value=value,
                lo=lo,
                hi=hi,
                n=n,
                unit=str(chosen["unit"].iloc[0]),
                better="lower",
                sm_mhz=float(clock) if clock == clock else None,
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
    return "loop" if _LOOP in str(row["opcodes"]) else "instruction"


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
        spread = chosen[(chosen["source"] == source) & (chosen["pattern"] == "warp") & (chosen["count"] == _BANKS)]
        if spread.empty:
            continue
        ordered = spread.sort_values("value", ascending=False)
        entries = _entries(ordered, lambda row: f"{row['method']} {_operation(row)}", _how)
        svg = dots(entries, x=Scale(label="atomics per SM and clock"), alt=f"Atomics per SM and clock in {where}")
        panels.append(Panel(svg=svg, caption=f"Every lane on a word of its own in {where}, all SMs full."))
    return panels


def _fences(rows):
    chosen = measured(rows, "contention/fence", "latency")
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
    caption = "L2 picks the set by a hash of the address: places a power of two apart should do no worse than others."
    return [Panel(svg=svg, caption=caption, wide=True)]
