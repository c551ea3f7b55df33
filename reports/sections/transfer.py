"""What the model of transfers is worth: its error on cells that it has not seen, and what decisions by it cost."""

import json

from gridstone.figure import Dot, Scale, dots
from gridstone.figure.choices import Choice, choices
from gridstone.report import Panel, Section, label, listing
from gridstone.units import format_bytes

FAMILY = "transfer"  # of no probes: the model stands on those of three families
ORDER = 62
PROBES = (
    *(f"copy/{name}" for name in ("host_device", "mapped", "device")),
    *(f"gather/{name}" for name in ("zero_copy", "distribution", "staged", "copies")),
    *(f"scatter/{name}" for name in ("blocks", "large")),
)

_KINDS = {"copy": "contiguous copies", "gather": "gathers", "scatter": "scattered blocks"}
_QUESTIONS = {"gather": "How to gather rows", "scatter": "How to move scattered blocks"}
_FEWEST = 20


def section(rows):
    from gridstone.fit import transfer
    from gridstone.fit.law import fit_function
    from gridstone.fit.regret import regrets, summary

    wanted = transfer.sought(rows)
    held = fit_function(transfer.NAME, transfer.FORM, wanted).holdout if wanted else []
    random = [row for row in held if row["kind"] == "random"]
    if len(random) < _FEWEST:
        return None
    decided = regrets(rows, wanted, held)
    costs = summary(decided)
    panels = [_errors(random), *_gathers(decided), *_scatters(decided)]
    return Section(heading=_heading(random), lead=_lead(random, costs), panels=tuple(panels))


def _error(row):
    return 100 * abs(row["predicted"] / row["measured"] - 1)


def _at(errors, share):
    import numpy

    return float(numpy.quantile(errors, share))


def _kind(row):
    family, way, _ = json.loads(row["law"])["method"].partition("/")
    return {"gather": "gather", "blocks": "scatter"}[family] if way else "copy"


def _of(random, kind):
    return [_error(row) for row in random if _kind(row) == kind]


def _heading(random):
    said = [f"{_at(errors, 0.5):.1f} % for {words}" for kind, words in _KINDS.items() if (errors := _of(random, kind))]
    return f"On cells held out of its fit, a model is off by {listing(said)}"


def _lead(random, costs):
    words = f"Medians of {len(random)} cells, held out a tenth at a time."
    for name, cost in costs.items():
        over = f"{100 * cost['mean']:.1f} % over the best on average, {100 * cost['max']:.1f} % at most"
        words += (
            f" {_QUESTIONS[name]}: of {cost['n']} questions the model's choice, made without the cell, costs {over}."
        )
    return words


def _errors(random):
    by_law = {}
    for row in random:
        by_law.setdefault(row["law"], []).append(row)
    entries = []
    for law, held in by_law.items():
        errors = [_error(row) for row in held]
        entries.append(
            Dot(
                label=_law(json.loads(law)),
                value=_at(errors, 0.5),
                lo=min(errors),
                hi=_at(errors, 0.95),
                group=_kind(held[0]),
            )
        )
    entries.sort(key=lambda dot: (list(_KINDS).index(dot.group), dot.value))
    svg = dots(entries, x=Scale(label="error of a held-out cell", unit="%"), alt="Held-out error by way")
    return Panel(svg=svg, caption="Median error of each way's cells, and from the least to the 95 % quantile.")


def _law(keys):
    method = keys["method"].replace("_", " ")
    if keys["src"] == keys["dst"]:
        return "within the device"
    if method.startswith("gather/"):
        return method.replace("/", ", ")
    way = "both" if keys["duplex"] else "h2d" if keys["src"] == "host" else "d2h"
    return f"{method.replace('/', ', ')}, {label({'direction': way})}"


def _gathers(decided):
    mine = [one for one in decided if one.decision == "gather"]
    sizes = sorted({one.asked["row_bytes"] for one in mine})
    shifts = sorted({one.asked["align"] for one in mine})
    fields = {(_size(one.asked["row_bytes"]), str(one.asked["align"])): _field(one) for one in mine}
    if not fields:
        return []
    svg = choices(
        fields,
        rows=[_size(size) for size in sizes],
        columns=[str(shift) for shift in shifts],
        row_title="bytes per row",
        column_title="bytes from a line to the table",
        alt="The way to gather that the model chooses, by row and alignment",
    )
    return [Panel(svg=svg, caption=f"How to gather rows, by a model without that cell. {_NOTE}", wide=True)]


def _scatters(decided):
    mine = [one for one in decided if one.decision == "scatter"]
    blocks = sorted({one.asked["block"] for one in mine})
    ways = [way for way in ("h2d", "d2h", "both") if any(one.asked["direction"] == way for one in mine)]
    fields = {(_size(one.asked["block"]), label({"direction": one.asked["direction"]})): _field(one) for one in mine}
    if not fields:
        return []
    svg = choices(
        fields,
        rows=[_size(block) for block in blocks],
        columns=[label({"direction": way}) for way in ways],
        row_title="bytes per block",
        column_title="",
        alt="The way to move scattered blocks that the model chooses, by size and direction",
    )
    return [Panel(svg=svg, caption=f"How to move scattered blocks, by a model without that cell. {_NOTE}")]


_NOTE = "Below the choice, what it costs over the best."


def _field(one):
    return Choice(word=one.choice, note="the best" if one.regret == 0 else f"+{100 * one.regret:.1f} %")


def _size(size):
    return format_bytes(size) if size % 1024 == 0 else f"{size:,} B"
