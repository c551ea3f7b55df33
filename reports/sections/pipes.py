"""The pipes of an SM: latency and throughput of each operation, how many warps fill a pipe, and which run at once."""

from pathlib import Path

from gridstone.content import load_module
from gridstone.figure import Dot, Limit, Scale, dots, lines
from gridstone.report import Panel, Section, fact, listing, measured, percent, series, trusted

_saturation = load_module(Path(__file__).with_name("_saturation.py"))
_loop_end = load_module(Path(__file__).with_name("_loop_end.py"))

FAMILY = "pipes"
ORDER = 44
PROBES = ("pipes/latency", "pipes/throughput", "pipes/pair")

_FULL = _saturation.ENOUGH
_LANES = 32
_KINDS = ("Floating point", "Special functions, division and roots", "Integers and bits", "Conversions", "The warp")
_SPECIAL = ("rcp", "rsqrt", "sqrt", "ex2", "lg2", "sin", "cos", "tanh", "div")
_WARP = ("shfl", "vote", "match", "redux")
_FACTS = {"fma_f32": "fma_f32", "fma_f64": "fma_f64", "mad_s32": "mad_s32", "ex2_f32": "ex2_f32"}


def section(rows):
    latency = measured(rows, "pipes/latency", "latency")
    reached = _most(measured(rows, "pipes/throughput", "throughput"))
    pairs = _overlaps(measured(rows, "pipes/pair", "throughput"))
    return Section(
        heading=_heading(latency, reached),
        lead=_lead(pairs),
        panels=(*_latencies(latency), *_throughputs(reached), *_saturated(rows, latency), *_pictured(pairs)),
        facts=tuple(_facts(latency, reached)),
    )


def _kind(function):
    stem = function.split("_")[0]
    if function.startswith(("cvt", "rint")):
        return "Conversions"
    if stem in _WARP:
        return "The warp"
    if stem in _SPECIAL and function != "div_u32":
        return "Special functions, division and roots"
    return "Floating point" if "_f" in function or "_bf" in function else "Integers and bits"


def _named(function):
    return function.replace("_", " ")


def _most(rows):
    """The best row of each function, ok ones first."""
    if rows.empty:
        return rows
    ranked = rows.assign(_flawed=rows["status"] != "ok").sort_values(["_flawed", "value"], ascending=[True, False])
    return ranked.drop_duplicates("function")


def _heading(latency, reached):
    claims = []
    for function, name in (("fma_f32", "FP32 multiply-add"), ("fma_f64", "an FP64 one")):
        row = trusted(latency[latency["function"] == function]) if len(latency) else latency
        if len(row):
            claims.append(f"{name} takes {row['value'].iloc[0]:.2f} cycles")
    good = trusted(reached) if len(reached) else reached
    good = good[good["limit"].notna()] if len(good) else good
    if len(good):
        near = int((good["value"] / good["limit"] > _FULL).sum())
        claims.append(f"{near} of {len(good)} operations reach {percent(_FULL)} of their limit")
    text = listing(claims)
    return text[:1].upper() + text[1:] if text else "No operation of these pipes is ok"


def _entries(rows, labelled):
    return [
        Dot(
            label=labelled(row),
            value=row["value"],
            lo=row["lo"] if row["lo"] == row["lo"] else row["value"],
            hi=row["hi"] if row["hi"] == row["hi"] else row["value"],
            flawed=row["status"] != "ok",
        )
        for row in rows.to_dict("records")
    ]


def _by_kind(rows):
    kinds = rows["function"].map(_kind)
    for kind in _KINDS:
        if (kinds == kind).any():
            yield kind, rows[kinds == kind].sort_values(["value", "function"])


def _latencies(latency):
    if latency.empty:
        return
    for kind, part in _by_kind(latency):
        svg = dots(
            _entries(part, lambda row: _named(row["function"])),
            x=Scale(label="cycles per dependent operation"),
            alt=f"{kind}: cycles of an operation that waits for the one before it",
        )
        caption = f"{kind}: latency in a chain. Where a name has two operations, of one of them.{_loop_end.said(part)}"
        yield Panel(svg=svg, caption=caption)


def _throughputs(reached):
    if reached.empty:
        return
    for kind, part in _by_kind(reached):
        svg = dots(
            _entries(part, _with_limit),
            x=Scale(label="operations per SM and clock"),
            alt=f"{kind}: operations per SM and clock beside the limit of each",
        )
        caption = f"{kind}: the most per SM and clock, each beside its limit. A packed operation counts as one."
        yield Panel(svg=svg, caption=caption)


def _with_limit(row):
    known = row["limit"] == row["limit"] and row["limit"] is not None
    return f"{_named(row['function'])} of {row['limit']:.4g}" if known else _named(row["function"])


def _saturated(rows, latency):
    chosen = measured(rows, "pipes/throughput", "throughput")
    if chosen.empty:
        return
    swept = chosen[chosen.groupby("function")["value"].transform("size") > 6]
    if swept.empty:
        return
    swept = swept.assign(flight=swept["warps"] * swept["ilp"])
    svg = lines(
        series(swept, x="flight", by=["function"]),
        x=Scale(label="warps x chains in each thread, per SM", log=True),
        y=Scale(label="operations per SM and clock", start=0),
        wide=True,
        alt="Operations per SM and clock over warps times independent chains",
    )
    points = [f"{_named(function)} at {needed}" for function, needed in _needed(swept)]
    caption = f"How many operations must be under way. {percent(_FULL)} of the most is there for {listing(points)}."
    reused = " Chains of a thread share two operands of each step; one chain alone reads all of them anew."
    yield Panel(svg=svg, caption=(caption if points else "How many operations must be under way.") + reused, wide=True)
    for function, part in swept.groupby("function"):
        yield _law_of(function, part, latency)


def _law_of(function, part, latency):
    """The cells of one operation, by warps and chains, with the law that goes through them."""
    alone = trusted(latency[latency["function"] == function])["value"] if len(latency) else ()
    cycles = float(alone.iloc[0]) if len(alone) else None
    law = _saturation.fitted(part, chains="ilp", work=_LANES, latency=cycles)
    ceiling = part["limit"].dropna().unique()
    svg = lines(
        _saturation.drawn(part, law, chains="ilp", named="chains"),
        x=Scale(label="warps per SM", log=True),
        y=Scale(label="operations per SM and clock", start=0),
        limits=[Limit(label=f"limit {ceiling[0]:.0f}", y=float(ceiling[0]))] if len(ceiling) == 1 else [],
        joined=False,
        alt=f"{_named(function)} per SM and clock over warps, by independent chains in each thread",
    )
    said = _saturation.told(part, law, chains="ilp", named="chains")
    return Panel(svg=svg, caption=f"{_named(function)}. {said}")


def _needed(swept):
    """Of each function the fewest warps x chains with which it reaches nearly its most."""
    for function, part in trusted(swept).groupby("function"):
        warps, chains = _saturation.least(part, "ilp")
        yield function, warps * chains


def _overlaps(rows):
    """(first, second, ratio, overlap) of each pair: 1 where the shorter hides behind the longer, 0 where none does."""
    good = _most_warps(trusted(rows)) if len(rows) else rows
    if good.empty:
        return []
    alone = {row["first"]: row["value"] for row in good[good["second"] == "none"].to_dict("records")}
    found = []
    for row in good[good["second"] != "none"].to_dict("records"):
        if row["first"] in alone and row["second"] in alone:
            first, second = row["ratio"] / alone[row["first"]], 1 / alone[row["second"]]
            both = (row["ratio"] + 1) / row["value"]
            overlap = (first + second - both) / min(first, second)
            found.append((row["first"], row["second"], int(row["ratio"]), overlap))
    return sorted(found, key=lambda one: -one[3])


def _most_warps(rows):
    return rows[rows["warps"] == rows["warps"].max()] if len(rows) else rows


def _pair(one):
    first, second, ratio, _ = one
    return f"{ratio} {_named(first)} + {_named(second)}" if ratio > 1 else f"{_named(first)} + {_named(second)}"


def _pictured(pairs):
    if not pairs:
        return
    shares = [max(0.0, one[3]) for one in pairs]
    entries = [Dot(label=_pair(one), value=s, lo=s, hi=s) for one, s in zip(pairs, shares, strict=True)]
    svg = dots(entries, x=Scale(label="share of the shorter that is hidden"), alt="How far pairs of operations overlap")
    caption = "Two kinds in every thread. 1: the shorter costs nothing beside the longer. 0: one after the other."
    yield Panel(svg=svg, caption=caption)


def _lead(pairs):
    hidden = [_pair(one) for one in pairs if one[3] > 0.8]
    parted = [_pair(one) for one in pairs if one[3] < 0.2]
    parts = []
    if hidden:
        parts.append(f"Side by side run {listing(hidden[:4])}.")
    if parted:
        parts.append(f"One after the other go {listing(parted[:4])}.")
    return " ".join(parts)


def _facts(latency, reached):
    for rows, end in ((latency, "latency"), (reached, "throughput")):
        for function, name in _FACTS.items() if len(rows) else ():
            for row in trusted(rows[rows["function"] == function]).to_dict("records"):
                yield fact(f"{name}_{end}", row)
