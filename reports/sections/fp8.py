"""FP8: what conversions cost and whether they are one instruction, and how many bits accumulators keep."""

from pathlib import Path

from gridstone.content import load_module
from gridstone.figure import Dot, Scale, dots
from gridstone.report import Panel, Section, fact, listing, measured, trusted

_loop_end = load_module(Path(__file__).with_name("_loop_end.py"))

FAMILY = "fp8"
ORDER = 54
PROBES = ("fp8/convert", "fp8/convert_latency", "fp8/precision")

_WORDS = {
    "within": "in one instruction",
    "across": "from one instruction to the next",
    "along": "along a long K",
    "random": "right in a random sum",
}
_PLACES = Scale(label="binary places below the largest term", unit="bit", start=0)


def section(rows):
    kept = {name: measured(rows, "fp8/precision", f"bits_{name}") for name in _WORDS}
    throughput, latency = measured(rows, "fp8/convert", "throughput"), measured(rows, "fp8/convert_latency", "latency")
    return Section(
        heading=_heading(trusted(kept["across"]), trusted(throughput)),
        lead=(
            "The bits are counted by experiment: a term 2^-p times the largest is lost or not. An exact f32 sum would "
            "keep 23 places, an f16 sum 10. Pairs that go to FP8 are timed there and back through f16."
        ),
        panels=(*_bits(kept), *_conversions(throughput, latency)),
        facts=tuple(_facts(trusted(kept["across"]))),
    )


def _heading(across, throughput):
    claims = []
    found = {}
    for row in across.to_dict("records"):
        if row["acc_type"] == "f32":
            found.setdefault(round(row["value"]), []).append(row["a_type"])
    if found:
        parts = [f"{bits} binary places with {listing(sorted(types))}" for bits, types in sorted(found.items())]
        claims.append(f"f32 accumulators keep {listing(parts)}")
    to_f16 = throughput[throughput["function"] == "e4m3_f16"] if len(throughput) else throughput
    if len(to_f16):
        rate = f"{to_f16['value'].iloc[0]:.0f} pairs of e4m3 to f16 per clock"
        claims.append(f"an SM converts {rate}" if claims else f"An SM converts {rate}")
    return "; ".join(claims) or "No FP8 cell of this run is ok"


def _bits(kept):
    panels = []
    for name, words in _WORDS.items():
        rows = kept[name]
        if rows.empty:
            continue
        listed = _dots(
            rows.sort_values(["acc_type", "a_type"], ascending=[False, True]),
            lambda row: f"{row['a_type']} into {row['acc_type']}",
            group=lambda row: row["acc_type"],
        )
        scale = _PLACES if name != "random" else Scale(label="bits that are right", unit="bit", start=0)
        svg = dots(listed, x=scale, alt=f"Bits that accumulators keep {words}")
        caption = {
            "within": "Kept in one instruction: one small term beside a large one.",
            "across": "Kept from one instruction to the next: the large term is in the accumulator already.",
            "along": "Kept along K: at least half of the sum of many small terms, each added to a large accumulator.",
            "random": "Minus log2 of the relative error of sums of normal products along K, both root mean squares.",
        }[name]
        panels.append(Panel(svg=svg, caption=caption))
    return panels


def _conversions(throughput, latency):
    panels = []
    if len(throughput):
        widest = throughput.sort_values("value", ascending=False).drop_duplicates("function")
        listed = _dots(widest, _conversion, group=_how)
        svg = dots(
            listed,
            x=Scale(label="pairs per clock and SM", unit="pair/cycle", start=0),
            alt="Conversions per clock and SM",
        )
        caption = "Pairs converted per clock and SM, by the machine instructions that the compiler makes of them."
        panels.append(Panel(svg=svg, caption=caption))
    if len(latency):
        listed = _dots(latency.sort_values("value"), _conversion, group=_how)
        svg = dots(listed, x=Scale(label="cycles", unit="cycle", start=0), alt="Latency of conversions")
        caption = "Cycles from a pair to its conversion; to FP8: there and back through f16."
        panels.append(Panel(svg=svg, caption=caption + _loop_end.said(latency)))
    return panels


def _conversion(row):
    """`e4m3 to f16, native`, `f32 to e4m3 and back, native`."""
    *first, last = row["function"].split("_")
    words = f"{first[0]} to {last}" if len(first) == 1 else f"{first[0]} to {first[1]} to {last}"
    return f"{words}, {_how(row)}"


def _how(row):
    """Native where each step of the conversion is one instruction of its own, by what the timed loop holds."""
    held = row.get("opcodes")
    if not isinstance(held, str):
        steps = row["function"].split("_")
        return "emulated" if "bf16" in steps or steps[-1] == "f32" else "native"
    other = ("HADD2", "LOP3", "PRMT", "SHL", "IMAD.U32", "F2FP.BF16")
    return "emulated" if any(word.split("*")[0].startswith(other) for word in held.split()) else "native"


def _dots(rows, label, *, group):
    return [
        Dot(
            label=label(row),
            value=row["value"],
            lo=row["lo"],
            hi=row["hi"],
            group=group(row),
            flawed=row["status"] != "ok",
        )
        for row in rows.to_dict("records")
    ]


def _facts(across):
    for row in across.to_dict("records"):
        if row["a_type"] == "e4m3" and row["acc_type"] == "f32":
            yield fact("fp8_accumulator_bits", row, "places below the largest term, e4m3 into f32")
