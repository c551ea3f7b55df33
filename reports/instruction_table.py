"""Writes the table of docs/instructions.md: what a run has of instructions, beside what others have published of them.

    python reports/instruction_table.py results/reference/nvidia-h100

The table is made of the facts that the report's sections state, so that page and report cannot differ.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from gridstone.content import root
from gridstone.report.family import chapters
from gridstone.report.identity import card
from gridstone.report.published import Comparison, Published, comparisons, published
from gridstone.report.runs import select
from gridstone.report.section import Fact
from gridstone.units import format_value

FAMILIES = ("mma", "wgmma", "fp8", "dpx", "pipes")
QUANTITIES = ("mma_", "wgmma_", "tensor_", "fp8_", "dpx_")
BEGIN, END = "<!-- made by reports/instruction_table.py -->", "<!-- end -->"
_HEAD = ("quantity", "here", "published", "by", "the difference")


def table(facts: Iterable[Fact], device: str) -> str:
    """A Markdown table with a row per published range; quantities that the facts lack are said to be missing."""
    listed = list(facts)
    lines = []
    for quantity in dict.fromkeys(row.quantity for row in published() if row.quantity.startswith(QUANTITIES)):
        ranges = [row for row in published() if row.quantity == quantity]
        found = comparisons([fact for fact in listed if fact.quantity == quantity], device, ranges)
        lines += _measured(quantity, found[0]) if found else _unmeasured(quantity, ranges)
    return "\n".join([_line(_HEAD), _line(["---"] * len(_HEAD)), *lines])


def put(text: str, made: str, mark: str = BEGIN) -> str:
    """The page with the table in its place. Raises ValueError where the page has no place for it."""
    before, begin, rest = text.partition(mark)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {mark} followed by {END}")
    return f"{before}{mark}\n\n{made}\n\n{END}{after}"


def _measured(quantity: str, found: Comparison) -> list[str]:
    here = f"{found.ours} ({found.interval}, n = {found.n}{f'; {found.detail}' if found.detail else ''})"
    return [
        _line([quantity, here, one.range, _by(one.published), f"{one.place}{f': {one.why}' if one.why else ''}"])
        for one in found.sources
    ]


def _unmeasured(quantity: str, ranges: Iterable[Published]) -> list[str]:
    return [
        _line([quantity, "not in this run", format_value(row.low, row.unit), _by(row), "no such cell"])
        for row in ranges
    ]


def _by(row: Published) -> str:
    return f"{row.device}, {row.source}{f' ({row.note})' if row.note else ''}"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def main(run: Path, page: Path) -> None:
    """Put the table of a run, or of a folder of runs on cards of one model, into the page.

    Raises ValueError where they have nothing of it.
    """
    selection = select(run, all_cards=True)
    info = selection.infos[0] if selection.infos else {}
    device = card(selection.rows, info).title
    rows = selection.rows[selection.rows["probe"].str.split("/").str[0].isin(FAMILIES)]
    facts = [fact for one in chapters(rows, selection.axes, info) for fact in one.section.facts] if len(rows) else []
    if not any(fact.quantity.startswith(QUANTITIES) for fact in facts):
        raise ValueError(f"{run}: no cell of {', '.join(FAMILIES)} in it")
    page.write_text(put(page.read_text(encoding="utf-8"), table(facts, device)), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), root() / "docs" / "instructions.md")
