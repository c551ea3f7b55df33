"""Pictures of warpgroup matrix instructions: shares of the limit, intervals over N, layouts, latency, saturation."""

from pathlib import Path

from gridstone.content import load_module
from gridstone.figure import Dot, Limit, Scale, dots, lines
from gridstone.fit.throughput import work_of
from gridstone.report import Panel, series, trusted

_law = load_module(Path(__file__).with_name("_saturation.py"))

_SHARE = Scale(label="of the limit", unit="%", start=0)
_CYCLES = Scale(label="cycles per instruction", unit="cycle", start=0)
_MOST_LINES = 9


def bars(reached):
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


def sweep(plain):
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


def accumulators(rows):
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


def wide(intervals):
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


def layouts(rows):
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


def latency(rows):
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


def surface(rows, latency):
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
