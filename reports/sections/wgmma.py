"""Warpgroup matrix instructions: how close to the tensor cores' limit, from which N on, and what a wait costs."""

from pathlib import Path

from gridstone.content import load_module
from gridstone.report import Section, amount, best, fact, listing, measured, percent, trusted

_pictures = load_module(Path(__file__).with_name("_wgmma_pictures.py"))
_table = load_module(Path(__file__).with_name("_wgmma_table.py"))

FAMILY = "wgmma"
ORDER = 52
PROBES = tuple(f"wgmma/{name}" for name in "latency interval accumulators layout throughput saturation source".split())

_SATURATED = 0.99  # of the rate at N = 256
_EXACT = 0.1  # cycles
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
            *_pictures.bars(reached),
            *_table.panels(intervals, latency, reached, saturated_from),
            *_pictures.sweep(plain),
            *_pictures.accumulators(measured(rows, "wgmma/accumulators", "issue_interval")),
            *_pictures.wide(intervals),
            *_pictures.layouts(measured(rows, "wgmma/layout", "issue_interval")),
            *_pictures.latency(latency),
            *_pictures.surface(measured(rows, "wgmma/saturation", "throughput"), _plain(latency)),
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
        found = measured(rows, "wgmma/source", "rate", kind=kind, sparse=True)
        found = found if len(found) else measured(rows, "wgmma/throughput", "rate", kind=kind, sparse=True)
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
