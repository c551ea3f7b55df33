"""What runs beside what: slowdowns of each pair of kinds, by the split of the SMs."""

import math

from gridstone.figure import Dot, Scale, dots, lines
from gridstone.figure.matrix import matrix
from gridstone.report import Panel, Section, label, listing, measured, series

FAMILY = "corun"
ORDER = 63
PROBES = ("corun/pair", "corun/triple")

_KINDS = ("tensor", "stream", "gemv", "gather", "small", "h2d", "d2h")
_UNDISTURBED = 1.02
_STRONGEST = 2.5


def section(rows):
    ordered = ordered_pairs(rows)
    half = ordered[(ordered["split"] == 50) & (ordered["method"] == "exclusive")] if len(ordered) else ordered
    calm = undisturbed(half)
    panels = [*_matrix(half), *_splits(ordered), *_methods(ordered), *_triples(rows)]
    return Section(heading=_heading(half, calm), lead=_lead(half, calm), panels=tuple(panels))


def ordered_pairs(rows):
    """A row per ordered pair: `kind` beside `other` on `split` per cent of the SMs, and its slowdown in `value`."""
    import pandas

    first = measured(rows, "corun/pair", "slowdown")
    second = measured(rows, "corun/pair", "slowdown_beside")
    if first.empty:
        return first
    first = first.assign(other=first["beside"])
    second = second.assign(other=second["kind"], kind=second["beside"], split=100 - second["split"])
    second = second[second["kind"] != second["other"]]
    return pandas.concat([first, second], ignore_index=True)


def undisturbed(half):
    """Pairs of two kinds of which neither is slowed by more than 2 %, by the upper end of its interval."""
    if not len(half):
        return []
    upper = {(row["kind"], row["other"]): row["hi"] for row in half.to_dict("records") if row["status"] == "ok"}
    return [
        (a, b)
        for i, a in enumerate(_KINDS)
        for b in _KINDS[i + 1 :]
        if max(upper.get((a, b), math.inf), upper.get((b, a), math.inf)) <= _UNDISTURBED
    ]


def _heading(half, calm):
    good = half[half["status"] == "ok"] if len(half) else half
    if not len(good):
        return "What runs beside what: what could be measured"
    worst = good.loc[good["value"].idxmax()]
    said = f"{worst['kind']} goes {worst['value']:.2f} times slower beside {worst['other']}"
    count = len(
        {frozenset((row["kind"], row["other"])) for row in good.to_dict("records") if row["kind"] != row["other"]}
    )
    return f"In {len(calm)} of {count} pairs that share the GPU neither is disturbed; {said}"


def _lead(half, calm):
    if not len(half):
        return ""
    words = "Each kind against itself alone on the same SMs, in the same visit."
    if calm:
        words += f" Neither is slowed by more than 2 %: {listing([f'{a} with {b}' for a, b in calm])}."
    return words


def _matrix(half):
    if not len(half):
        return []
    known = {(row["kind"], row["other"]): row["value"] for row in half.to_dict("records")}
    values = [[known.get((kind, other), math.nan) for other in _KINDS] for kind in _KINDS]
    svg = matrix(
        values,
        rows=_KINDS,
        columns=_KINDS,
        row_title="slowdown of",
        column_title="beside",
        low=1.0,
        high=_STRONGEST,
        alt="Slowdown of each kind of work beside each other kind",
    )
    return [
        Panel(svg=svg, caption="Slowdown of the row's kind beside the column's; each has half of the SMs to itself.")
    ]


def _splits(ordered):
    exclusive = ordered[ordered["method"] == "exclusive"] if len(ordered) else ordered
    panels = []
    for kind in _KINDS:
        part = exclusive[exclusive["kind"] == kind] if len(exclusive) else exclusive
        part = part[part.groupby("other")["split"].transform("nunique") > 2] if len(part) else part
        if len(part) == 0:
            continue
        svg = lines(
            series(part, x="split", by=["other"], first=_KINDS),
            x=Scale(label=f"per cent of the SMs that {kind} has"),
            y=Scale(label="slowdown"),
            alt=f"Slowdown of {kind} over its share of the SMs",
        )
        panels.append(Panel(svg=svg, caption=f"{kind} beside another kind that has the other SMs."))
    return panels


def _methods(ordered):
    others = ordered[ordered["method"] != "exclusive"] if len(ordered) else ordered
    if not len(others):
        return []
    entries = [
        _dot(row, f"{row['kind']} beside {row['other']}, {row['method']} {int(row['split'])} %", row["method"])
        for row in others.sort_values(["method", "kind", "other", "split"]).to_dict("records")
    ]
    svg = dots(entries, x=Scale(label="slowdown"), alt="Slowdowns where kernels share SMs, and in green contexts")
    caption = "Free: both kernels have a block on every SM. Green: the SMs are split by green contexts."
    return [Panel(svg=svg, caption=caption)]


def _dot(row, name, group):
    return Dot(label=name, value=row["value"], lo=row["lo"], hi=row["hi"], group=group, flawed=row["status"] != "ok")


def _triples(rows):
    entries = []
    for place, metric in enumerate(("slowdown", "slowdown_beside", "slowdown_third")):
        for row in measured(rows, "corun/triple", metric).to_dict("records"):
            names = row["kinds"].split("+")
            rest = listing([name for i, name in enumerate(names) if i != place])
            entries.append(_dot(row, f"{names[place]} beside {rest}", row["kinds"]))
    if not entries:
        return []
    entries.sort(key=lambda entry: entry.group)
    svg = dots(entries, x=Scale(label="slowdown"), alt="Slowdowns of three kinds at once")
    return [Panel(svg=svg, caption=f"Three kinds at once; {label({'method': 'exclusive'})} SMs in equal shares.")]
