"""The sections of a page: files of reports/sections/ where a family has one, generic pictures for the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

from gridstone.content import ContentError, folder, load_module, python_files
from gridstone.declaration import FAMILIES
from gridstone.report.command import command
from gridstone.report.generic import generic
from gridstone.report.section import Section
from gridstone.report.table import Table, table

if TYPE_CHECKING:
    import pandas as pd

_CONTRACT = ("FAMILY", "ORDER", "PROBES", "section")


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """A family's place in the page: what its section says, every row behind it, and how to measure it again.

    A chapter across families has no tables: its rows are in theirs.
    """

    family: str
    section: Section
    tables: tuple[Table, ...]
    command: str
    cells: int
    samples: int


def chapters(rows: pd.DataFrame, axes: dict[str, list[str]], info: Mapping[str, Any]) -> Iterator[Chapter]:
    """A chapter per family that has at least one value, and those across families, in the order that files ask for."""
    modules = {module.FAMILY: module for module in _modules()}
    families = list(dict.fromkeys(name.split("/")[0] for name in rows["probe"]))
    across = [name for name in modules if name not in FAMILIES and name not in families]
    last = 1 + max((m.ORDER for m in modules.values()), default=0)
    known = {name: last + index for index, name in enumerate(FAMILIES)}
    places = [*families, *across]
    places.sort(key=lambda f: modules[f].ORDER if f in modules else known.get(f, last + len(known)))
    for family in places:
        found = (
            _across(rows, axes, info, modules[family]) if family in across else _own(rows, axes, info, family, modules)
        )
        if found is not None:
            yield found


def _own(
    rows: pd.DataFrame,
    axes: dict[str, list[str]],
    info: Mapping[str, Any],
    family: str,
    modules: Mapping[str, ModuleType],
) -> Chapter | None:
    of_family = rows[rows["probe"].str.split("/").str[0] == family]
    if not of_family["value"].notna().any():
        return None
    probes = list(dict.fromkeys(of_family["probe"].sort_values()))
    return Chapter(
        family=family,
        section=_section(of_family, axes, modules.get(family)),
        tables=tuple(table(p, of_family[of_family["probe"] == p], axes.get(p, [])) for p in probes),
        command=command(probes, axes, info),
        cells=int(of_family["cell_id"].nunique()),
        samples=int(of_family["n"].sum()),
    )


def _across(
    rows: pd.DataFrame, axes: dict[str, list[str]], info: Mapping[str, Any], module: ModuleType
) -> Chapter | None:
    """What a file says of several families together; None where it has too little for that."""
    drawn = rows[rows["probe"].isin(module.PROBES) & rows["value"].notna()]
    section: Section | None = module.section(drawn) if len(drawn) else None
    if section is None:
        return None
    probes = list(dict.fromkeys(drawn["probe"].sort_values()))
    return Chapter(
        family=module.FAMILY,
        section=section,
        tables=(),
        command=command(probes, axes, info),
        cells=int(drawn["cell_id"].nunique()),
        samples=int(drawn["n"].sum()),
    )


def _section(rows: pd.DataFrame, axes: dict[str, list[str]], module: ModuleType | None) -> Section:
    valued = rows[rows["value"].notna()]
    drawn = valued["probe"].isin(module.PROBES if module else ())
    rest = valued[~drawn]
    if module is None or not drawn.any():
        return generic(rest, axes)
    section: Section = module.section(valued[drawn])
    if rest.empty:
        return section
    return replace(section, panels=(*section.panels, *generic(rest, axes).panels))


def _modules() -> Iterator[ModuleType]:
    for path in python_files(folder("reports") / "sections"):
        module = load_module(path)
        missing = [name for name in _CONTRACT if not hasattr(module, name)]
        if missing:
            raise ContentError(f"{path}: a section file needs {missing[0]} (see gridstone.report.section)")
        yield module
