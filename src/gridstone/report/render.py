"""The page itself: everything computed is put into the templates of reports/, and written as one file."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

from gridstone.content import folder
from gridstone.report.family import chapters
from gridstone.report.identity import card
from gridstone.report.provenance import provenance
from gridstone.report.published import comparisons, is_hopper
from gridstone.report.runs import Selection, select
from gridstone.report.speed import bars
from gridstone.report.verdict import counts, headline, remarks, troubles
from gridstone.store import write_atomically


def render(run: Path, output: Path | None = None, *, all_cards: bool = False) -> Path:
    """Write the report of a run, or of the newest machine's runs in a folder, and return its path.

    The default is `report.html` in `run`. all_cards: every GPU of the newest run's model is that machine. Raises
    StoreError where there are no results or the file cannot be written.
    """
    target = output or (run if run.is_dir() else run.parent) / "report.html"
    text = page(select(run, all_cards=all_cards))
    write_atomically(target, lambda path: _write(path, text))
    return target


def page(selection: Selection) -> str:
    """The whole HTML text of a selection of runs; nothing in it refers to anything outside it."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    rows = selection.rows
    info = selection.infos[0] if selection.infos else {}
    identity = card(rows, info)
    written = list(chapters(rows, selection.axes, info))
    ceilings = bars(rows, selection.axes)
    facts = [fact for chapter in written for fact in chapter.section.facts]
    beside = comparisons(facts, identity.title) if is_hopper(identity.title, info) else []
    reports = folder("reports")
    script = (reports / "report.js").read_text(encoding="utf-8")
    # Only these are taken as markup: our own files, and drawings whose text was escaped when they were made.
    environment = Environment(
        loader=FileSystemLoader(reports),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        card=identity,
        headline=headline(written, ceilings),
        remarks=remarks(rows, ceilings, beside, info),
        counts=counts(rows),
        cells=int(rows["cell_id"].nunique()),
        troubles=troubles(rows),
        bars=ceilings,
        chapters=written,
        comparisons=beside,
        records=[provenance(one) for one in selection.infos],
        runs=[str(one.get("run_id", "")) for one in selection.infos],
        left_out=selection.left_out,
        cards=selection.cards,
        style=Markup((reports / "style.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_digest=_digest(script),
        picture=Markup,
    )


def _digest(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _write(path: Path, text: Any) -> None:
    path.write_text(text, encoding="utf-8")
