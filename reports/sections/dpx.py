"""DPX: which intrinsics are one instruction, what they cost, what fusing does to a count, and what an aligner gains."""

import re
from pathlib import Path

from gridstone.content import load_module
from gridstone.figure import Dot, Scale, dots
from gridstone.report import Panel, Section, amount, fact, listing, measured, median_of, trusted

_html = load_module(Path(__file__).with_name("_table.py"))
_loop_end = load_module(Path(__file__).with_name("_loop_end.py"))

FAMILY = "dpx"
ORDER = 46
PROBES = ("dpx/latency", "dpx/throughput", "dpx/smith_waterman")

_FUSED = "_fused"
_LOOP = ("UIADD3", "ISETP.NE", "BRA")  # what counts the iterations
_NATIVE = re.compile(r"VIADDMNMX|VIMNMX3|VIMNMX\S*(RELU|16x2)")
# The intrinsics that others have published about.
_PUBLISHED = tuple(
    "viaddmax_s16x2 viaddmax_s32 vimax3_s32 vimax3_s32_relu vimax_s32_relu vibmax_s16x2 vibmax_s32".split()
)


def section(rows):
    latency = measured(rows, "dpx/latency", "latency")
    source = _full(measured(rows, "dpx/throughput", "throughput"))
    machine = _full(measured(rows, "dpx/throughput", "throughput_machine"))
    cells = measured(rows, "dpx/smith_waterman", "rate")
    return Section(
        heading=_heading(latency, source),
        lead=" ".join(filter(None, (_native(latency), _fused(latency, source, machine), _gain(cells)))),
        panels=(
            *_latencies(latency),
            *_throughputs(source),
            *_every(latency, source, machine),
            *_alignments(cells),
        ),
        facts=tuple(_facts(latency)),
    )


def _full(rows):
    return rows[rows["warps"] == rows["warps"].max()] if len(rows) else rows


def _plain(rows):
    return rows[~rows["function"].str.endswith(_FUSED)] if len(rows) else rows


def _heading(latency, source):
    claims = []
    added = _of(_plain(latency), "viaddmax_s32")
    if added:
        claims.append(f"An addition with a maximum takes {added[0]:.2f} cycles as one intrinsic")
    most = trusted(_plain(source)) if len(source) else source
    if len(most):
        claims.append(f"an SM does up to {most['value'].max():.3g} a clock")
    text = listing(claims)
    return text[:1].upper() + text[1:] if text else "No DPX cell of this run is ok"


def _of(rows, function):
    return median_of(rows[rows["function"] == function]) if len(rows) else None


def _native(latency):
    """How many intrinsics the timed loops hold as an instruction of their own."""
    if latency.empty or "opcodes" not in latency:
        return ""
    known = _plain(latency)
    known = known[known["opcodes"].notna() & (known["opcodes"] != "")]
    if known.empty:
        return ""
    native = int((known["opcodes"].map(_how) == "native").sum())
    return f"Of {len(known)} intrinsics {native} are an instruction of this GPU, the others are emulated."


def _fused(latency, source, machine):
    """What two fused maxima look like if each is counted."""
    name = f"vimax_s32_relu{_FUSED}"
    cost, many, real = (_of(rows, name) for rows in (latency, source, machine))
    if not cost or not many or not real or real[0] > 0.75 * many[0]:
        return ""
    return (
        f"Two maxima of two inputs in a row become one instruction of three: counted as two they seem to take "
        f"{cost[0]:.2f} cycles each and run at {many[0]:.3g} a clock, of which {real[0]:.3g} are instructions."
    )


def _gain(cells):
    best = (
        {key: part["value"].max() for key, part in trusted(cells).groupby(["function", "dtype"])} if len(cells) else {}
    )
    unfused, packed = best.get(("unfused", "s32")), best.get(("dpx", "s16x2"))
    single, plain = best.get(("dpx", "s32")), best.get(("plain", "s32"))
    if not (unfused and packed and single and plain):
        return ""
    alike = abs(single / plain - 1) < 0.05
    return (
        f"Smith-Waterman does {amount(packed, 'update/s')} in halves, {single / unfused:.2f} times in words and "
        f"{packed / unfused:.2f} times in halves what it does without DPX instructions"
        + ("; the compiler makes them of plain maxima too." if alike else ".")
    )


def _shown(rows):
    """Maxima stand for minima, which are the same instruction."""
    return rows[~rows["function"].str.contains("min")].sort_values("function")


def _entries(rows, labelled):
    return [
        Dot(
            label=labelled(row),
            value=row["value"],
            lo=row["lo"] if row["lo"] == row["lo"] else row["value"],
            hi=row["hi"] if row["hi"] == row["hi"] else row["value"],
            group="fused" if str(row["function"]).endswith(_FUSED) else "",
            flawed=row["status"] != "ok",
        )
        for row in rows.to_dict("records")
    ]


def _named(row):
    return str(row["function"]).replace("_", " ")


def _latencies(latency):
    if latency.empty:
        return
    svg = dots(
        _entries(_shown(latency), _named),
        x=Scale(label="cycles per dependent operation"),
        alt="Cycles of DPX intrinsics that wait for the one before",
    )
    caption = (
        "Latency by intrinsic; minima cost what maxima do. Maxima of two inputs alternate with minima, which keeps "
        "them from being fused; in another colour those that are. Forms with predicates (vib) include a choice by one."
        f"{_loop_end.said(latency)}"
    )
    yield Panel(svg=svg, caption=caption)


def _throughputs(source):
    if source.empty:
        return
    svg = dots(
        _entries(_shown(source), _named),
        x=Scale(label="operations per SM and clock"),
        alt="DPX intrinsics per SM and clock, an SM full of warps",
    )
    caption = "Operations as the source has them, per SM and clock. A packed one counts once."
    yield Panel(svg=svg, caption=caption)


def _every(latency, source, machine):
    """A table of all intrinsics: what is timed, and both counts of the same throughput."""
    good = trusted(latency).sort_values("function") if len(latency) else latency
    if good.empty:
        return
    counts = [
        {row["function"]: row["value"] for row in trusted(rows).to_dict("records")} if len(rows) else {}
        for rows in (source, machine)
    ]
    body = []
    for row in good.to_dict("records"):
        held = row.get("opcodes")
        held = held if isinstance(held, str) else ""
        how = "" if not held else "fused" if row["function"].endswith(_FUSED) else _how(held)
        per_clock = [f"{of[row['function']]:.4g}" if row["function"] in of else "" for of in counts]
        opcodes = ", ".join(word.rpartition("*")[0] for word in held.split() if not word.startswith(_LOOP))
        body.append([_named(row), how, opcodes, f"{row['value']:.4g}", *per_clock])
    heads = ("intrinsic", "", "machine code of the loop", "cycles", "operations per SM and clock", "instructions")
    caption = (
        "Every intrinsic: native where the loop has an instruction of its own for it, emulated where it has others, "
        "fused where two of them became one; cycles in a chain, and throughput counted in operations of the source and "
        "in machine instructions. What other architectures make of them is in the tests of the machine code."
    )
    yield Panel(svg=_html.table(heads, body, words=3), caption=caption, wide=True)


def _how(held):
    return "native" if _NATIVE.match(held) else "emulated"


def _alignments(cells):
    if cells.empty:
        return
    best = cells.sort_values("value", ascending=False).drop_duplicates(["function", "dtype"])
    svg = dots(
        _entries(best.sort_values("value"), lambda row: f"{row['function']}, {row['dtype']}"),
        x=Scale(label="cell updates per second", unit="update/s"),
        alt="Cell updates per second of Smith-Waterman alignments with affine gaps",
    )
    caption = (
        "Alignments of 16 by 256 letters with affine gaps, a pair in each thread or two in halves (s16x2). "
        "Unfused: sums and maxima that the assembler cannot join. Plain: what the compiler makes of sums and maxima."
    )
    yield Panel(svg=svg, caption=caption)


def _facts(latency):
    for function in _PUBLISHED if len(latency) else ():
        for row in trusted(latency[latency["function"] == function]).to_dict("records"):
            yield fact(f"dpx_{function}", row)
