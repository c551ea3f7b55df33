"""Latency: the ladder of global memory with its levels, both halves of L2, and the other ways to memory."""

from dataclasses import replace

from gridstone.figure import Dot, Level, Scale, dots, lines
from gridstone.report import Fact, Panel, Section, amount, listing, measured, median_of, plateaus, series, trusted
from gridstone.units import format_bytes

FAMILY = "latency"
ORDER = 20
PROBES = tuple(
    f"latency/{name}" for name in "pointer_chase l2_by_sm shared constant readonly texture host_memory".split()
)

_L1_AT_MOST = 256 << 10  # the largest L1 of any SM so far (sm_80, sm_90, sm_100)
_L2_AT_MOST = 128 << 20  # no L2 so far is larger, so what lies beyond can only be DRAM
_FOOTPRINT = Scale(label="footprint", unit="B", log=True)


def section(rows):
    panels, facts, claims = [], [], []
    levels = _levels(rows)
    if not measured(rows, "latency/pointer_chase", "latency").empty:
        panels.append(_ladder(rows, levels))
    claims += [(name, level.value) for name, level in levels if name]
    facts += _level_facts(rows, levels)
    near, far = (median_of(measured(rows, "latency/l2_by_sm", f"latency_{side}")) for side in ("near", "far"))
    if near and far:
        claims = [c for c in claims if c[0] != "L2"]
        claims[1:1] = [("near L2", near[0]), ("far L2", far[0])]
        clock = trusted(rows[rows["probe"] == "latency/l2_by_sm"])["sm_mhz"].median()
        facts += [
            _fact("l2_latency_near", near, clock),
            _fact("l2_latency_far", far, clock),
        ]
    panels += [*_by_sm(rows), *_host(rows), *_spaces(rows, facts)]
    heading = _claim(claims) if claims else _other(facts)
    return Section(heading=heading, lead=_lead(rows, levels), panels=tuple(panels), facts=tuple(facts))


def _other(facts):
    if not facts:
        return "Latency, without a ladder"
    first = facts[0]
    return (
        f"{first.quantity.removesuffix('_latency').replace('_', ' ').capitalize()} loads take {first.value:.0f} cycles"
    )


def _claim(claims):
    (first, value), *rest = claims
    return listing([f"{first} hits take {value:.0f} cycles", *(f"{name} {v:.0f}" for name, v in rest)])


def _chase(rows):
    chosen = measured(rows, "latency/pointer_chase", "latency")
    return chosen[chosen["stride"] == chosen["stride"].min()] if len(chosen) else chosen


def _levels(rows):
    """(name or None, plateau) in the order of footprint; names follow from where the plateau lies."""
    chase = trusted(_chase(rows))
    if chase.empty:
        return []
    ladder = chase.sort_values("footprint")
    found = plateaus(ladder["footprint"].astype(float).tolist(), ladder["value"].tolist())
    return [(_name(p, index, len(found)), p) for index, p in enumerate(found)]


def _name(plateau, index, count):
    if index == 0 and plateau.end <= _L1_AT_MOST:
        return "L1"
    if index == count - 1 and plateau.end > _L2_AT_MOST:
        return "DRAM"
    return "L2" if _L1_AT_MOST < plateau.end <= _L2_AT_MOST else None


def _level_facts(rows, levels):
    facts = []
    for name in ("L1", "L2", "DRAM"):
        first = next((p for n, p in levels if n == name), None)
        if first:
            part = trusted(_chase(rows)).sort_values("footprint").iloc[first.first : first.last + 1]
            estimate = median_of(part)
            facts.append(_fact(f"{name.lower()}_latency", estimate, part["sm_mhz"].median()))
    return facts


def _fact(quantity, estimate, mhz, detail=""):
    value, lo, hi, n = estimate
    known = mhz == mhz
    time = f"{amount(value / mhz / 1e6, 's')} at {mhz:.0f} MHz" if known else ""
    return Fact(
        quantity=quantity,
        value=value,
        lo=lo,
        hi=hi,
        n=n,
        unit="cycle/hop",
        better="lower",
        detail=", ".join(filter(None, (time, detail))),
        sm_mhz=float(mhz) if known else None,
    )


def _ladder(rows, levels):
    chosen = measured(rows, "latency/pointer_chase", "latency")
    marks = [
        Level(label=f"{name} {p.value:.0f}" if name else f"{p.value:.0f}", start=p.start, end=p.end, y=p.value)
        for name, p in levels
    ]
    several = chosen["stride"].nunique() > 1
    svg = lines(
        series(chosen, x="footprint", by=["stride"]),
        x=_FOOTPRINT,
        y=Scale(label="cycles per dependent load", unit="cycle", log=True),
        levels=marks,
        wide=True,
        alt="Latency of a dependent load over the footprint: " + listing([m.label for m in marks]) + " cycles",
    )
    caption = (
        "One thread follows a shuffled ring of addresses. Grey bars: plateaus, found where neighbouring footprints "
        f"agree within 6 % for at least 0.7 doublings. {_widest(chosen)}"
    )
    if several:
        caption += " A longer stride touches more pages per byte and so shows the TLBs."
    return Panel(svg=svg, caption=caption, wide=True)


def _widest(chosen):
    half = ((chosen["hi"] - chosen["lo"]) / chosen["value"] / 2).max()
    return f"The widest 95 % interval is ± {100 * half:.2g} % of its median." if half == half else ""


def _by_sm(rows):
    sides = [measured(rows, "latency/l2_by_sm", f"latency_{side}") for side in ("near", "far")]
    if any(side.empty for side in sides):
        return []
    pictured = [
        replace(s, label=name)
        for side, name in zip(sides, ("near partition", "far partition"), strict=True)
        for s in series(side, x="src_sm")
    ]
    svg = lines(
        pictured,
        x=Scale(label="SM that loads"),
        y=Scale(label="cycles per load", unit="cycles", start=0),
        joined=False,
        alt="Latency of an L2 hit by SM, lines in the near and in the far partition",
    )
    return [Panel(svg=svg, caption="L2 hits by SM. Each line of L2 has a near and a far half of the chip.")]


def _spaces(rows, facts):
    panels = []
    pictured = []
    for space in ("shared", "constant", "readonly", "texture"):
        chosen = measured(rows, f"latency/{space}", "latency")
        if chosen.empty:
            continue
        forms = _forms(chosen)
        steps = trusted(forms[0][1]).sort_values("footprint")
        found = plateaus(steps["footprint"].astype(float).tolist(), steps["value"].tolist())
        names = {"constant": ("constant_l1_latency", "constant_l15_latency")}.get(space, (f"{space}_latency",))
        if found and found[0].first > 1:
            found = []  # the nearest level was not seen, so the order says nothing
        for name, level in zip(names, found, strict=False):
            part = steps.iloc[level.first : level.last + 1]
            facts.append(_fact(name, median_of(part), part["sm_mhz"].median(), _other_form(forms)))
        title = "read-only" if space == "readonly" else space
        for form, part in forms:
            name = f"{title}, by {form}" if form else title
            pictured += [replace(s, label=name) for s in series(part, x="footprint")]
    if pictured:
        svg = lines(
            pictured,
            x=_FOOTPRINT,
            y=Scale(label="cycles per dependent load", unit="cycle", log=True),
            alt="Latency of shared, constant, read-only and texture loads over the footprint",
        )
        caption = "The other ways to memory, the same chase through each."
        if any("by index" in one.label for one in pictured):
            caption += " By index: with the address arithmetic of an array access, as published values have it."
        panels.append(Panel(svg=svg, caption=caption))
    return panels


def _forms(chosen):
    """(form, rows), the index form first: it is the one that others have published about."""
    if "form" not in chosen or chosen["form"].isna().all():
        return [("", chosen)]
    return sorted(chosen.groupby("form"), key=lambda one: (one[0] != "index", one[0]))


def _other_form(forms):
    (first, _), *others = forms
    parts = [f"by {form} {estimate[0]:.4g}" for form, part in others if (estimate := median_of(part))]
    return ", ".join([f"by {first}", *parts]) if parts else ""


def _host(rows):
    chosen = measured(rows, "latency/host_memory", "latency")
    if chosen.empty:
        return []
    entries = [
        Dot(
            label=format_bytes(int(row["footprint"])),
            value=row["value"],
            lo=row["lo"],
            hi=row["hi"],
            flawed=row["status"] != "ok",
        )
        for row in chosen.sort_values("footprint").to_dict("records")
    ]
    svg = dots(
        entries, x=Scale(label="cycles per dependent load", unit="cycles"), alt="Latency of host memory over PCIe"
    )
    return [Panel(svg=svg, caption="Pinned host memory read by the GPU, by footprint.")]


def _lead(rows, levels):
    parts = []
    clock = trusted(_chase(rows))["sm_mhz"].median()
    dram = next((p.value for name, p in levels if name == "DRAM"), None)
    if dram and clock == clock:
        parts.append(f"At the {clock:.0f} MHz seen, a load from DRAM is {amount(dram / clock / 1e6, 's')}.")
    host = median_of(measured(rows, "latency/host_memory", "latency"))
    if host:
        parts.append(f"One from host memory takes {host[0]:.0f} cycles.")
    return " ".join(parts)
