"""Writes the table of docs/models.md: how well models predict the cells that were held out of their fits.

gridstone fit results/reference/nvidia-h200 -o h200/
gridstone fit results/reference/nvidia-h100 results/reference/nvidia-h100-x4 -o h100/
python reports/heldout_table.py h200/ h100/
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gridstone.model
from gridstone.content import load_module, root

BEGIN = "<!-- made by reports/heldout_table.py -->"
_pages = load_module(Path(__file__).with_name("instruction_table.py"))


def table(models: Sequence[gridstone.model.HardwareModel]) -> str:
    """A Markdown table with a row per function, and the cells, errors and coverage of each model beside each other."""
    names = list(dict.fromkeys(name for model in models for name in model.functions))
    head = ["function"]
    for model in models:
        head += [f"{model.facts.identity['device']}: cells", "median", "95 %", "inside"]
    lines = [head, ["---"] * len(head)]
    lines += [[f"`{name}`", *(text for model in models for text in _quality(model, name))] for name in names]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _quality(model: gridstone.model.HardwareModel, name: str) -> Sequence[str]:
    """What the random hold-out found; nothing where the model lacks the function or too few cells could be held out."""
    function = model.functions.get(name)
    random: dict[str, Any] | None = None if function is None else function.quality["random"]
    if random is None:
        return ("",) * 4
    return (
        str(random["n"]),
        f"{100 * random['median']:.2f} %",
        f"{100 * random['p95']:.2f} %",
        f"{100 * random['coverage']:.0f} %",
    )


def main(folders: Sequence[Path], page: Path) -> None:
    """Put the table of these models into the page. Raises ValueError where the page has no place for it."""
    made = table([gridstone.model.load(folder) for folder in folders])
    page.write_text(_pages.put(page.read_text(encoding="utf-8"), made, BEGIN), encoding="utf-8")


if __name__ == "__main__":
    main([Path(one) for one in sys.argv[1:]], root() / "docs" / "models.md")
