"""Caches as their curves show them: the card of what was found, how sure it is, and the curves themselves."""

from dataclasses import replace
from html import escape

from gridstone.figure import Scale, lines
from gridstone.report import Fact, Panel, Section, listing, measured, series
from gridstone.report.caches import findings
from gridstone.report.published import published
from gridstone.units import format_value

FAMILY = "cache"
ORDER = 25
PROBES = tuple(
    f"cache/{name}"
    for name in (
        "reported l1_capacity l1_line l1_ways l1_sector l2_sector constant_capacity constant_line l2_capacity "
        "persistence l2_interleave l2_slices tlb"
    ).split()
)

_CYCLES = Scale(label="cycles per dependent load", unit="cycle", log=True)
_EXTRA = Scale(label="cycles beyond a hit", unit="cycle", start=0)
_SHARE = Scale(label="share of loads", start=0)
_FOOTPRINT = Scale(label="footprint", unit="B", log=True)
_OFFSET = Scale(label="bytes from the load that missed", unit="B", log=True)
_IN_HEADING = {"l1_size": "L1 holds {}", "cache_line": "in lines of {}", "sector": "fetched by {}"}


def section(rows):
    found = findings(rows)
    return Section(
        heading=_heading(found),
        lead=_lead(found),
        panels=(*_card(found), *_levels(rows), *_offsets(rows), *_second_level(rows), *_translation(rows)),
        facts=tuple(_fact(one) for one in found),
    )


def _heading(found):
    named = {one.quantity: one for one in found}
    parts = [words.format(named[name].shown) for name, words in _IN_HEADING.items() if name in named]
    half, whole = (named.get(name) for name in ("l2_segment_size", "l2_size"))
    if whole or half:
        near = f", {half.shown} of it near" if half and whole else ""
        parts.append(f"L2 {whole.shown}{near}" if whole else f"the near half of L2 {half.shown}")
    if not parts:
        return found[0].words if found else "No curve of a cache breaks beyond doubt"
    text = ", ".join(parts)
    return text[0].upper() + text[1:]


def _lead(found):
    if not found:
        return ""
    sure = [one for one in found if one.confidence is not None]
    least = min(sure, key=lambda one: one.confidence, default=None)
    parts = ["None of it was taken from a data sheet: all of it follows from measured curves."]
    if least is not None:
        parts.append(f"The least sure, in which {100 * least.confidence:.0f} % of redrawn curves agree: {least.words}.")
    return " ".join(parts)


def _fact(one):
    return Fact(
        quantity=one.quantity,
        value=one.value,
        lo=one.lo,
        hi=one.hi,
        n=one.n,
        unit=one.unit,
        better="higher",
        detail=one.note,
    )


def _card(found):
    if not found:
        return []
    known = published()
    body = "".join(_line(one, [p for p in known if p.quantity == one.quantity and p.unit == one.unit]) for one in found)
    names = ("found", "between", "confidence", "p", "driver says", "published")
    head = "".join(f'<th scope="col" class="num">{name}</th>' for name in names)
    table = (
        f'<table class="compare"><thead><tr><th scope="col">what</th>{head}</tr></thead><tbody>{body}</tbody></table>'
    )
    caption = (
        "Found: the last point that keeps a level, or the first that does not where the question is what one load "
        "brings along. Between: the two points that the break lies between; of L1 and the halves of L2, what they keep "
        "whole and the first of which they keep less than half, as some of what does not quite fit is pushed out. "
        "Confidence: the share of curves, redrawn within the intervals of their points, that break at the same point. "
        "p: of a permutation test that there is a break, or a difference, at all; 0.001 is the least it can say."
    )
    return [Panel(svg=table, caption=caption, wide=True)]


def _line(one, known):
    said = listing([f"{format_value(p.low, p.unit)} ({p.device})" for p in known]) if known else "–"
    between = "–" if one.lo == one.hi else f"{format_value(one.lo, one.unit)} to {format_value(one.hi, one.unit)}"
    cells = (
        one.shown,
        between,
        "–" if one.confidence is None else f"{100 * one.confidence:.0f} %",
        "–" if one.p_value is None else f"{one.p_value:.3g}",
        "–" if one.driver is None else format_value(one.driver, one.unit),
        said,
    )
    numbers = "".join(f'<td class="num">{escape(text)}</td>' for text in cells)
    note = f"<small>{escape(one.note)}</small>" if one.note else ""
    return f'<tr><th scope="row">{escape(one.words)}{note}</th>{numbers}</tr>'


def _drawn(rows, probe, metric, *, x, axis, y, alt, caption, by=(), name=None, wide=False):
    """A panel of one metric over one axis; none where nothing was measured. `name` gives a series its label."""
    chosen = measured(rows, f"cache/{probe}", metric)
    if chosen.empty:
        return []
    found = series(chosen, x=axis, by=by)
    if name is not None:
        found = [replace(one, label=name(one.label)) for one in found]
    return [Panel(svg=lines(found, x=x, y=y, alt=alt, wide=wide), caption=caption, wide=wide)]


def _levels(rows):
    return [
        *_drawn(
            rows,
            "l1_capacity",
            "latency",
            x=_FOOTPRINT,
            axis="footprint",
            by=["carveout"],
            y=_CYCLES,
            name=lambda label: f"{label.removeprefix('carveout ')} % to shared memory",
            alt="Latency over the footprint around the capacity of L1, by what shared memory asks for",
            caption="L1 and shared memory divide one memory: what the kernel asks for moves the edge.",
            wide=True,
        ),
        *_drawn(
            rows,
            "l1_line",
            "latency",
            x=Scale(label="places", log=True),
            axis="count",
            by=["stride"],
            y=_CYCLES,
            alt="Latency over the number of places, by the stride between them",
            caption="L1 at its smallest. Strides beyond a line all break at as many places as there are lines; shorter "
            "ones put several places in each.",
        ),
        *_drawn(
            rows,
            "l1_ways",
            "latency",
            x=Scale(label="places", log=True),
            axis="count",
            by=["stride"],
            y=_CYCLES,
            alt="Latency over few places a power of two apart",
            caption="Places a power of two apart meet in few sets, unless the index is hashed.",
        ),
        *_drawn(
            rows,
            "constant_capacity",
            "latency",
            x=_FOOTPRINT,
            axis="footprint",
            y=_CYCLES,
            alt="Latency of constant memory over the footprint",
            caption="Constant memory, one word per 64 bytes.",
        ),
    ]


def _offsets(rows):
    pictured = []
    for probe, name in (("l1_sector", "L1"), ("l2_sector", "L2"), ("constant_line", "constant")):
        chosen = measured(rows, f"cache/{probe}", "latency_second")
        pictured += [replace(one, label=name) for one in series(chosen, x="offset")]
    if not pictured:
        return []
    alt = "Cycles beyond a hit of a second load, by its distance from one that missed"
    svg = lines(pictured, x=_OFFSET, y=_EXTRA, alt=alt)
    return [Panel(svg=svg, caption="A second load costs nothing more where the first has brought its bytes along.")]


def _second_level(rows):
    panels = []
    pictured = []
    for metric, what in (("hit_share", "hit"), ("near_share", "hit near")):
        for one in series(measured(rows, "cache/l2_capacity", metric), x="footprint", by=["pattern"]):
            if (metric, one.label) == ("near_share", "all"):
                continue  # which side read a line last, not what the half holds
            who = "one SM" if one.label == "one" else "all SMs"
            pictured.append(replace(one, label=f"{who}: {what}"))
    if pictured:
        svg = lines(pictured, x=_FOOTPRINT, y=_SHARE, alt="Share of loads that hit L2 over the footprint", wide=True)
        caption = (
            "Single loads of one SM after one SM, or all of them, have read the footprint over and over. Near: the "
            "half of L2 on its side, which keeps copies of the other half's lines while they fit."
        )
        panels.append(Panel(svg=svg, caption=caption, wide=True))
    panels += _drawn(
        rows,
        "persistence",
        "hit_share",
        x=_FOOTPRINT,
        axis="footprint",
        by=["form"],
        y=_SHARE,
        alt="Share of loads that still hit L2 after twice its size was read",
        caption="Lines read through an access policy window that lets them persist, and the same without.",
    )
    return panels + _drawn(
        rows,
        "l2_interleave",
        "same_share",
        x=Scale(label="bytes apart", unit="B", log=True),
        axis="offset",
        y=_SHARE,
        alt="Share of pairs of addresses with the same latency, by their distance",
        caption="Two addresses that are in one slice of L2 are reached after as many cycles; others by chance.",
    )


def _translation(rows):
    return _drawn(
        rows,
        "tlb",
        "latency",
        x=Scale(label="places", log=True),
        axis="count",
        by=["stride"],
        y=_CYCLES,
        name=lambda label: f"a place every {label.removeprefix('stride ')}",
        alt="Latency past L1 over the number of places, one per page",
        caption="A place per page: the lines fit L2, their translations do not fit each level that keeps them.",
        wide=True,
    )
