"""Warpgroup matrix instructions: how close to the tensor cores' limit, from which N on, and what a wait costs."""

from pathlib import Path

from gridstone.content import load_module
from gridstone.figure import Dot, Limit, Scale, dots, lines
from gridstone.fit.throughput import work_of
from gridstone.report import Panel, Section, amount, best, fact, listing, measured, percent, series, trusted

_law = load_module(Path(__file__).with_name("_saturation.py"))
_table = load_module(Path(__file__).with_name("_wgmma_table.py"))

FAMILY = "wgmma"
ORDER = 52
PROBES = tuple(f"wgmma/{name}" for name in "latency interval accumulators layout throughput saturation".split())

_SATURATED = 0.99  # of the rate at N = 256
_EXACT = 0.1  # cycles
_SHARE = Scale(label="of the limit", unit="%", start=0)
_CYCLES = Scale(label="cycles per instruction", unit="cycle", start=0)
_MOST_LINES = 9
_PUBLISHED = {"f16": "f16", "tf32": "tf32", "e4m3": "fp8", "s8": "s8"}

_MAIN = frozenset(("f16", "bf16", "tf32", "e4m3", "e5m2", "s8"))


def section(rows):
    rows = rows.assign(kind=[_kind(row) for row in rows.to_dict("records")])
    intervals = measured(rows, "wgmma/interval", "issue_interval")
    plain = _plain(intervals)
    latency = measured(rows, "wgmma/latency", "latency")
    wide = trusted(plain[plain["tile_n"] == 256]) if len(plain) else plain
    on_time = [row["kind"] for row in wide.to_dict("records") if abs(row["value"] - 128) <= _EXACT]
    reached = measured(rows, "wgmma/throughput", "throughput")
    top = best(reached[reached["limit"].notna()].assign(value=lambda r: r["value"] / r["limit"]))
    claims = []
    if on_time:
        others = len(on_time) - len(_MAIN.intersection(on_time))
        said = [*sorted(_MAIN.intersection(on_time)), *([f"{others} further types"] if others else [])]
        claims.append(f"An m64n256 wgmma follows the one before after 128 cycles with {listing(said)}")
    if top is not None:
        share = f"{percent(top['value'])} of their limit with {top['kind']}"
        claims.append(f"tensor cores reach {share}" if claims else f"Tensor cores reach {share}")
    return Section(
        heading="; ".join(claims) or "No wgmma cell of this run is ok",
        lead=_lead(plain),
        panels=(
            *_bars(reached),
            *_table.panels(intervals, latency, reached, saturated_from),
            *_sweep(plain),
            *_accumulators(measured(rows, "wgmma/accumulators", "issue_interval")),
            *_wide(intervals),
            *_layouts(measured(rows, "wgmma/layout", "issue_interval")),
            *_latency(latency),
            *_surface(measured(rows, "wgmma/saturation", "throughput"), _plain(latency)),
        ),
        facts=tuple(_facts(rows, wide, intervals)),
        headline=None if top is None else f"wgmma reaches {percent(top['value'])} of its limit",
    )


def saturated_from(n, speed):
    """The least N from which on every larger one has 99 % of the speed of the largest."""
    ordered = sorted(zip(n, speed, strict=True), reverse=True)
    least = ordered[0][0]
    for at, value in ordered:
        if value < _SATURATED * ordered[0][1]:
            break
        least = at
    return int(least)


def _kind(row):
    """The types in words: `f16`, `e4m3 x e5m2`, `f16 into f16`."""
    pair = row["a_type"] if row["a_type"] == row["b_type"] else f"{row['a_type']} x {row['b_type']}"
    return f"{pair} into f16" if row["acc_type"] == "f16" else str(pair)


def _plain(rows):
    """Dense, A from shared memory."""
    for name, value in (("sparse", False), ("source", "ss")):
        rows = rows[(rows[name] == value).fillna(False)] if name in rows else rows
    return rows


def _lead(plain):
    good = trusted(plain)
    found = {}
    for kind, group in good.groupby("kind"):
        if group["tile_n"].nunique() > 8:
            found.setdefault(saturated_from(group["tile_n"], group["tile_n"] / group["value"]), []).append(kind)
    if not found:
        return ""
    parts = [f"N = {n} with {listing(kinds)}" for n, kinds in sorted(found.items())]
    return f"One warpgroup alone is as fast per column as at N = 256 from {listing(parts)} on; smaller ones wait."


def _dots(rows, label, *, value=lambda row: row["value"], group=lambda _row: ""):
    listed = []
    for row in rows.to_dict("records"):
        scale = value(row) / row["value"]
        listed.append(
            Dot(
                label=label(row),
                value=value(row),
                lo=row["lo"] * scale,
                hi=row["hi"] * scale,
                group=group(row),
                flawed=row["status"] != "ok",
            )
        )
    return listed


def _bars(reached):
    base = reached[reached["limit"].notna()]
    for name, value in (("tile_n", 256), ("warps", 4), ("groups", 4), ("operands", "normal")):
        base = base[base[name] == value] if name in base else base
    if base.empty:
        return []
    listed = _dots(
        base.sort_values(["sparse", "kind"]),
        lambda row: f"{row['kind']}{', sparse' if row['sparse'] else ''}",
        value=lambda row: 100 * row["value"] / row["limit"],
        group=lambda row: "sparse" if row["sparse"] else "dense",
    )
    svg = dots(listed, x=_SHARE, alt="Operations per clock and SM over the limit, by type")
    caption = (
        "m64n256 with random operands, one warpgroup per SM with four instructions under way: operations per clock "
        "over what the tensor cores can give. Sparse ones count the multiplications by zero that they skip."
    )
    return [Panel(svg=svg, caption=caption)]


def _sweep(plain):
    swept = plain[plain.groupby("kind")["tile_n"].transform("nunique") > 4] if len(plain) else plain
    if swept.empty:
        return []
    few = swept[swept["kind"].isin(sorted(swept["kind"].unique())[:_MOST_LINES])]
    per_column = few.assign(
        value=few["value"] / few["tile_n"], lo=few["lo"] / few["tile_n"], hi=few["hi"] / few["tile_n"]
    )
    svg = lines(
        series(per_column, x="tile_n", by=["kind"]),
        x=Scale(label="N"),
        y=Scale(label="cycles per column of N", unit="cycle", start=0),
        limits=[Limit(label="half a cycle", y=0.5)],
        alt="Issue interval per column over N, by type",
        wide=True,
    )
    caption = (
        "Issue interval over N, one warpgroup, A from shared memory: where the line is flat the tensor cores are busy, "
        "below that N something else takes longer."
    )
    return [Panel(svg=svg, caption=caption, wide=True)]


def _accumulators(rows):
    """One accumulator beside several that take turns."""
    if rows.empty:
        return []
    kinds = rows["kind"].unique()
    shown = "f16" if "f16" in kinds else kinds[0]
    chosen = rows[rows["kind"] == shown]
    svg = lines(
        series(chosen.assign(accumulators=chosen["ilp"]), x="tile_n", by=["accumulators"]),
        x=Scale(label="N"),
        y=_CYCLES,
        alt=f"Issue interval of small {shown} instructions by accumulators that take turns",
    )
    return [Panel(svg=svg, caption=f"Small {shown} instructions on one accumulator, and on four that take turns.")]


def _wide(intervals):
    if intervals.empty:
        return []
    wide = intervals[(intervals["tile_n"] == 256) & ((intervals["source"] == "rs") | intervals["sparse"].astype(bool))]
    if wide.empty:
        return []
    where = {"ss": "A in shared memory", "rs": "A in registers"}
    listed = _dots(
        wide.sort_values(["sparse", "source", "kind"]),
        lambda row: f"{row['kind']}{', sparse' if row['sparse'] else ''}, {row['source']}",
        group=lambda row: where[row["source"]],
    )
    svg = dots(listed, x=_CYCLES, alt="Issue interval at N = 256 with A in registers, and of sparse instructions")
    caption = "Issue interval at N = 256 with A in registers (rs), and where A is sparse; 128 cycles is the limit."
    return [Panel(svg=svg, caption=caption)]


def _layouts(rows):
    rows = rows[rows["tile_n"] == 256] if len(rows) else rows
    if rows.empty:
        return []
    listed = _dots(
        rows.sort_values(["kind", "sparse", "swizzle"]),
        lambda row: (
            f"{row['kind']}{', sparse' if row['sparse'] else ''}, "
            + (f"{row['swizzle']:.0f} B swizzled" if row["swizzle"] else "no swizzle")
        ),
        group=lambda row: "sparse" if row["sparse"] else "dense",
    )
    svg = dots(listed, x=_CYCLES, alt="Issue interval at N = 256 by layout in shared memory")
    return [Panel(svg=svg, caption="Issue interval at N = 256 by layout of the operands in shared memory, K-major.")]


def _latency(rows):
    chosen = rows
    for name, value in (("sparse", False), ("source", "ss")):
        chosen = chosen[chosen[name] == value] if name in chosen else chosen
    if chosen.empty or chosen["tile_n"].nunique() < 2:
        return []
    whole = chosen[chosen["a_type"] == chosen["b_type"]]
    few = whole[whole["kind"].isin(sorted(whole["kind"].unique())[:_MOST_LINES])]
    svg = lines(
        series(few, x="tile_n", by=["kind"]),
        x=Scale(label="N", log=True),
        y=_CYCLES,
        alt="Completion latency over N, by type",
    )
    return [Panel(svg=svg, caption="Issue, commit and wait for one instruction at a time: what its completion takes.")]


def _surface(rows, latency):
    panels = []
    for (kind, n), chosen in rows.groupby(["kind", "tile_n"]) if len(rows) else ():
        if chosen["warps"].nunique() < 2:
            continue
        limit = chosen["limit"].dropna()
        work = work_of("wgmma/saturation", chosen.iloc[0])
        alone = trusted(latency[(latency["kind"] == kind) & (latency["tile_n"] == n)]) if len(latency) else latency
        cycles = float(alone["value"].iloc[0]) if len(alone) else None
        law = _law.fitted(chosen, chains="groups", work=work, latency=cycles)
        svg = lines(
            _law.drawn(chosen, law, chains="groups", named="groups", step=4),
            x=Scale(label="warps per SM"),
            y=Scale(label="operations per clock and SM", unit="flop/cycle", start=0),
            limits=[Limit(label=f"limit {limit.iloc[0]:.0f}", y=float(limit.iloc[0]))] if len(limit) else [],
            joined=False,
            alt=f"Throughput of {kind} with N = {n} by warps and instructions under way",
        )
        said = _law.told(chosen, law, chains="groups", named="groups")
        caption = f"{kind}, N = {n}: by warps, and by instructions that each warpgroup keeps under way. {said}"
        panels.append(Panel(svg=svg, caption=caption))
    return panels


def _fastest(rows):
    """The fastest row that counts: what the clock was lowered for counts too, for the clock is said with it."""
    good = rows[rows["status"].isin(("ok", "throttled"))]
    return good.loc[good["value"].idxmax()] if len(good) else None


def _clock(row):
    return amount(row["sm_mhz"] * 1e6, "Hz")


def _facts(rows, wide, intervals):
    f16 = wide[wide["kind"] == "f16"] if len(wide) else wide
    if len(f16):
        yield fact("wgmma_n256_issue_interval", f16.iloc[0], "f16, A from shared memory")
    sparse = (
        trusted(intervals[(intervals["tile_n"] == 256) & intervals["sparse"].astype(bool)]) if len(intervals) else wide
    )
    for source in ("ss", "rs"):
        found = sparse[(sparse["kind"] == "f16") & (sparse["source"] == source)] if len(sparse) else sparse
        if len(found):
            yield fact(f"wgmma_sparse_{source}_issue_interval", found.iloc[0], "f16")
    for kind, name in _PUBLISHED.items():
        row = _fastest(measured(rows, "wgmma/throughput", "rate", kind=kind, operands="zeros", sparse=False))
        if row is not None:
            yield fact(f"wgmma_{name}_n256_zeros", row, f"a burst, every operand 0, {_clock(row)}")
    for kind, name, source in (("f16", "f16_ss", "ss"), ("e4m3", "fp8_rs", "rs")):
        found = measured(rows, "wgmma/throughput", "rate", kind=kind, sparse=True)
        # A probe without the axis has A in shared memory.
        at = found["source"].fillna("ss") if "source" in found else found["kind"].map(lambda _kind: "ss")
        found = found[at == source]
        zeros = found[found["operands"] == "zeros"] if len(found) else found
        row = _fastest(zeros if len(zeros) else found)
        if row is not None:
            held = "every operand 0" if row["operands"] == "zeros" else "random operands"
            place = "registers" if source == "rs" else "shared memory"
            yield fact(f"wgmma_sparse_{name}", row, f"a burst, {held}, A from {place}, {_clock(row)}")
    for kind, name in (("bf16", "bf16"), ("e4m3", "fp8")):
        row = best(measured(rows, "wgmma/throughput", "throughput", kind=kind, sparse=False))
        if row is not None:
            yield fact(f"tensor_peak_{name}_per_sm_clk", row, "wgmma m64n256")
