"""Which ranks come late to collectives, and whether those that were held up on purpose are found."""

import math
from pathlib import Path

from gridstone.content import load_module
from gridstone.report import Panel, amount, label, listing, measured, percent, trusted
from gridstone.stragglers import FALSE_ALARMS, by_rank, by_visit, stragglers
from gridstone.units import format_bytes

_html = load_module(Path(__file__).with_name("_table.py"))
_HEADS = ("where", "ranks", "bytes", "held up", "operations", "named", "share of late ones", "late by", "by chance")
_WORDS = 1
_MOST = 24


def late_ranks(rows, probe, by):
    """A sentence on the cells of `probe`, and a table of them. by: the axes that tell places apart."""
    cells = [_judged(pair, by) for pair in _pairs(rows, probe)]
    cells = [cell for cell in cells if cell is not None]
    if not cells:
        return "", []
    return _said(cells), [_panel(cells)]


def _pairs(rows, probe):
    """The row of the lateness and the usual time of each cell that is ok."""
    late, time = (trusted(measured(rows, probe, metric)) for metric in ("lateness", "time"))
    usual = {row["cell_id"]: row["value"] for row in time.to_dict("records")}
    return [(row, usual[row["cell_id"]]) for row in late.to_dict("records") if row["cell_id"] in usual]


def _judged(pair, by):
    row, usual = pair
    samples, ranks = row.get("samples"), int(row["ranks"])
    if samples is None or len(samples) < ranks or len(samples) % ranks:
        return None
    late, visits = by_rank(samples, ranks), by_visit(row["visits"], ranks)
    held = row.get("delay", 0.0)
    return {
        "where": label({name: row[name] for name in by}),
        "ranks": ranks,
        "bytes": int(row["bytes"]),
        "delay": 0.0 if held is None or math.isnan(held) else float(held),
        "operations": len(late),
        "named": stragglers(late, usual, visits),
    }


def _said(cells):
    left, held = ([c for c in cells if bool(c["delay"]) is flag] for flag in (False, True))
    said = []
    accused = [(cell, one) for cell in left for one in cell["named"]]
    if left and not accused:
        said.append(f"In {_cells(len(left))} no rank comes late to collectives more often than chance has it.")
    elif accused:
        worst, rank = max(accused, key=lambda one: one[1].lateness)
        said.append(
            f"In {len({id(cell) for cell, _ in accused})} of {_cells(len(left))} a rank comes late to collectives more "
            f"often than chance has it, most of all rank {rank.rank} of {worst['ranks']} ({worst['where']}), the last "
            f"in {percent(rank.share)} of the late ones, by {amount(rank.lateness, 's')}."
        )
    if held:
        found = sum(any(one.rank == cell["ranks"] - 1 for one in cell["named"]) for cell in held)
        delays = listing(sorted({amount(cell["delay"], "s") for cell in held}))
        said.append(f"Of {len(held)} ranks that were held up on purpose for {delays}, {found} are named.")
    return " ".join(said)


def _cells(count):
    return f"{count} cell{'s' if count != 1 else ''}"


def _panel(cells):
    lines = []
    for cell in sorted(cells, key=lambda c: (c["where"], c["ranks"], c["bytes"], c["delay"])):
        held = f"rank {cell['ranks'] - 1}, {amount(cell['delay'], 's')}" if cell["delay"] else "none"
        place = (cell["where"], cell["ranks"], format_bytes(cell["bytes"]), held, cell["operations"])
        for one in cell["named"] or (None,):
            found = ("none", "", "", "")
            if one is not None:
                found = (f"rank {one.rank}", percent(one.share), amount(one.lateness, "s"), f"{one.p:.1g}")
            lines.append((*place, *found))
    caption = (
        "Ranks that come last to a collective, by more than a tenth of its usual time, more often than chance has it: "
        f"one is named where chance would name any with a probability of {percent(FALSE_ALARMS)} at most. Held up: a "
        "rank waits in one collective of five."
    )
    return Panel(svg=_html.table(_HEADS, lines[:_MOST], words=_WORDS), caption=caption, wide=True)
