"""Matrix instructions of one warp: native or emulated by their machine code, share of the limit, saturation."""

import re
from pathlib import Path

from gridstone.content import load_module
from gridstone.figure import Dot, Limit, Scale, dots, lines
from gridstone.fit.throughput import work_of
from gridstone.report import Panel, Section, amount, best, fact, listing, measured, percent, trusted
from gridstone.units import format_value

_law = load_module(Path(__file__).with_name("_saturation.py"))
_html = load_module(Path(__file__).with_name("_table.py"))

FAMILY = "mma"
ORDER = 51
PROBES = ("mma/latency", "mma/throughput", "mma/throughput_integer")

_SHAPE = ["a_type", "b_type", "acc_type", "m", "k", "sparse", "function"]
_MATRIX = re.compile(r"[HIDQB]MMA\.\S*")
_UNROLL = 16


def section(rows):
    latency = measured(rows, "mma/latency", "latency")
    rates = {unit: measured(rows, f"mma/{name}", "throughput") for unit, name in _RATES}
    fastest = {unit: _fastest(of_unit) for unit, of_unit in rates.items()}
    return Section(
        heading=_heading(fastest["flop/cycle"], latency),
        lead=_lead(latency, fastest),
        panels=(*_shares(fastest), *_table(latency, fastest), *_saturation(rates, latency)),
        facts=tuple(_facts(rows, latency)),
    )


_RATES = (("flop/cycle", "throughput"), ("op/cycle", "throughput_integer"))


def name(row):
    """`m16n8k16 f16, f32` or `sparse m16n8k64 e4m3 x e5m2, f32`: the types of A and B once where they agree."""
    types = row["a_type"] if row["a_type"] == row["b_type"] else f"{row['a_type']} x {row['b_type']}"
    function = "" if row["function"] == "mul" else f" {row['function']}"
    return (
        f"{'sparse ' if row['sparse'] else ''}m{int(row['m'])}n8k{int(row['k'])} {types}{function}, {row['acc_type']}"
    )


def made_of(opcodes, products):
    """How a product is made, (`native` or `emulated`, its opcodes), from the opcodes of so many products.

    Native is one matrix opcode for each product. Padding and the loop's own instructions are left out.
    """
    counted = {part.rpartition("*")[0]: int(part.rpartition("*")[2]) for part in (opcodes or "").split()}
    matrix = {opcode: times for opcode, times in counted.items() if _MATRIX.fullmatch(opcode)}
    if not counted:
        return "not known", ""
    if list(matrix.values()) == [products] and "F2FP" not in " ".join(counted):
        return "native", next(iter(matrix))
    called = any(opcode.startswith("CALL") for opcode in counted)
    parts = [
        f"{times // products} {opcode}"
        for opcode, times in counted.items()
        if times >= products and not opcode.startswith(("UIADD3", "IMAD.MOV", "MOV", "CALL"))
    ]
    return "emulated", ", ".join(["a subroutine"] if called else parts)


def _fastest(rows):
    """The fastest ok cell of each shape."""
    good = trusted(rows)
    return good.loc[good.groupby(_SHAPE, sort=False)["value"].idxmax()] if len(good) else good


def _heading(floats, latency):
    limited = floats[floats["limit"].notna()] if len(floats) else floats
    dense = limited[~limited["sparse"].astype(bool)] if len(limited) else limited
    f16 = dense[dense["a_type"] == "f16"] if len(dense) else dense
    if len(f16):
        row = f16.loc[f16["value"].idxmax()]
        share = percent(row["value"] / row["limit"])
        return f"mma.sync in f16 reaches {share} of the tensor cores' {row['limit']:.0f} flop per clock"
    good = trusted(latency)
    if len(good):
        row = good.loc[good["value"].idxmin()]
        return f"{name(row)} takes {row['value']:.4g} cycles"
    return "No matrix instruction of this run is ok"


def _lead(latency, fastest):
    parts = []
    kinds = {}
    for row in trusted(latency).to_dict("records"):
        kinds.setdefault(made_of(row["opcodes"], _UNROLL)[0], []).append(row)
    if kinds.get("native"):
        parts.append(f"{len(kinds['native'])} of {sum(map(len, kinds.values()))} instructions are native here.")
    emulated = list(dict.fromkeys(row["a_type"] for row in kinds.get("emulated", [])))
    if emulated:
        parts.append(f"Some or all of {listing(emulated)} are made of others.")
    for unit, rows in fastest.items():
        if len(rows):
            row = rows.loc[rows["value"].idxmax()]
            parts.append(f"The most is {format_value(row['value'], unit)} per SM, by {name(row)}.")
    return " ".join(parts)


def _shares(fastest):
    panels = []
    for unit, rows in fastest.items():
        limited = rows[rows["limit"].notna()] if len(rows) else rows
        if limited.empty:
            continue
        top = limited.assign(share=limited["value"] / limited["limit"])
        top = top.loc[top.groupby(["a_type", "acc_type", "sparse", "function"], sort=False)["share"].idxmax()]
        entries = [
            Dot(
                label=name(row),
                value=row["share"],
                lo=row["lo"] / row["limit"],
                hi=row["hi"] / row["limit"],
                group="sparse" if row["sparse"] else "dense",
            )
            for row in top.sort_values("share", ascending=False).to_dict("records")
        ]
        svg = dots(
            entries, x=Scale(label=f"share of the limit in {unit} and SM", start=0), alt=f"mma: {unit} over limit"
        )
        what = "floating point" if unit.startswith("flop") else "integers"
        caption = (
            f"Throughput over its limit, {what}: the best shape of each type. Sparse counts the zeros of A as work."
        )
        panels.append(Panel(svg=svg, caption=caption))
    return panels


def _table(latency, fastest):
    good = trusted(latency)
    if good.empty:
        return []
    per_clock = {tuple(row[a] for a in _SHAPE): row for rows in fastest.values() for row in rows.to_dict("records")}
    body = []
    for row in good.sort_values(["a_type", "b_type", "acc_type", "sparse", "m", "k"]).to_dict("records"):
        kind, code = made_of(row["opcodes"], _UNROLL)
        rate = per_clock.get(tuple(row[a] for a in _SHAPE))
        told = [name(row), kind, code, f"{row['value']:.4g}", *_rate(rate)]
        body.append(told)
    heads = ("instruction, sum", "", "machine code of one", "cycles", "per SM and clock", "of limit")
    caption = (
        "Every instruction: what the assembler makes of it for this chip, cycles from one product to the next that "
        "adds to it, and operations per SM and clock, two for a product and its addition. Emulated ones include the "
        "integer multiplications that keep FP8 operands new, so that unpacking is not done once for all."
    )
    return [Panel(svg=_html.table(heads, body, words=3), caption=caption, wide=True)]


def _rate(row):
    if row is None:
        return ["", ""]
    share = percent(row["value"] / row["limit"]) if row["limit"] == row["limit"] else ""
    return [f"{row['value']:.5g}", share]


def _saturation(rates, latency):
    alone = {tuple(row[a] for a in _SHAPE): row["value"] for row in trusted(latency).to_dict("records")}
    panels = []
    for unit, rows in rates.items():
        if rows.empty:
            continue
        for shape, part in rows.groupby(_SHAPE, sort=False):
            if part["warps"].nunique() < 2:
                continue
            row = dict(zip(_SHAPE, shape, strict=True))
            ceiling = part["limit"].dropna().unique()
            work = work_of("mma/throughput", row)
            law = _law.fitted(part, chains="ilp", work=work, latency=alone.get(shape))
            svg = lines(
                _law.drawn(part, law, chains="ilp", named="accumulators"),
                x=Scale(label="warps per SM", log=True),
                y=Scale(label="per SM and clock", unit=unit, start=0),
                limits=[Limit(label=f"limit {ceiling[0]:.0f}", y=float(ceiling[0]))] if len(ceiling) == 1 else [],
                joined=False,
                alt=f"{name(row)}: throughput by warps and accumulators per warp",
            )
            said = _law.told(part, law, chains="ilp", named="accumulators")
            caption = f"{name(row)}, by warps and accumulators of each.{_enough(part)} {said}"
            panels.append(Panel(svg=svg, caption=caption))
    return panels


def _enough(rows):
    """Which cell with the fewest products under way comes within 2 % of the best."""
    good = trusted(rows)
    if good.empty:
        return ""
    near = good[good["value"] >= 0.98 * good["value"].max()]
    first = near.assign(under_way=near["warps"] * near["ilp"]).sort_values(["under_way", "warps"]).iloc[0]
    warps, ilp = int(first["warps"]), int(first["ilp"])
    return f" {warps * ilp} under way ({warps} warps x {ilp}) come within 2 % of the most."


_PUBLISHED = (
    ("mma_f16_m16n8k16", {"acc_type": "f16", "k": 16, "sparse": False}),
    ("mma_f16_f32_m16n8k16", {"acc_type": "f32", "k": 16, "sparse": False}),
    ("mma_sparse_f16", {"acc_type": "f16", "k": 32, "sparse": True}),
)


def _facts(rows, latency):
    for quantity, axes in _PUBLISHED:
        chosen = best(measured(rows, "mma/latency", "latency", a_type="f16", m=16, **axes)) if len(latency) else None
        if chosen is not None:
            yield fact(f"{quantity}_latency", chosen, f"sum in {chosen['acc_type']}")
        found = measured(rows, "mma/throughput", "rate", a_type="f16", m=16, **axes)
        held_back = found[found["status"].isin(("ok", "throttled"))]  # its clock is said with it
        if len(held_back):
            chosen = held_back.loc[held_back["value"].idxmax()]
            detail = f"{name(chosen)}, {int(chosen['warps'])} warps x {int(chosen['ilp'])}"
            if chosen["sm_mhz"] == chosen["sm_mhz"]:
                detail += f", {amount(chosen['sm_mhz'] * 1e6, 'Hz')}"
            yield fact(f"{quantity}_throughput", chosen, detail)
