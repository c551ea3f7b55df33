"""The two kinds of law that memory_time asks: what one dependent access takes, and what one byte of many takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gridstone.fit.cells import Sought, best, cells

if TYPE_CHECKING:
    import pandas as pd

Keys = Mapping[str, str | bool]
PLAIN = "plain"
# First what goes through the cells: where too few of them can be held out to choose, it is taken.
_TRENDS = ("terms*loglog", "terms*cubic", "terms")


def keys(pattern: str, level: str, mechanism: str = PLAIN) -> dict[str, str | bool]:
    """The words of a law of memory_time. level: `global` where the working set decides it. mechanism: what carries the
    bytes; `plain` for loads and stores."""
    return {"pattern": pattern, "level": level, "mechanism": mechanism}


def accesses(
    rows: pd.DataFrame,
    keys: Keys,
    axes: Mapping[str, Any],
    *,
    granule: float | None = None,
    candidates: tuple[str, ...] = ("loglog", "cubic"),
    rises: bool = False,
    parameters: Mapping[str, Any] | None = None,
) -> Sought | None:
    """Cycles per access from rows in cycles; None where there is no row with a clock.

    axes: columns by name, outermost first, each a column of `rows` or what is made of one. granule: bytes of an access
    where it is the same for all.
    """
    clocked = rows["sm_mhz"] > 0
    rows = rows[clocked]
    if rows.empty:
        return None
    known = {} if granule is None else {"granule": granule}
    table = cells(rows, **{name: column[clocked.to_numpy()] for name, column in axes.items()})
    if table.empty:
        return None
    return Sought(
        keys=keys,
        axes=tuple(axes),
        unit="cycle",
        cells=table,
        candidates=candidates,
        rises=rises,
        free={"bytes": (granule or 1.0, None)},
        parameters={"clock_hz": float(rows["sm_mhz"].median()) * 1e6, **known, **(parameters or {})},
    )


def bytes_moved(
    rows: pd.DataFrame,
    keys: Keys,
    axes: Mapping[str, Any],
    *,
    unit: str = "s/B",
    factor: Any = 1.0,
    candidates: tuple[str, ...] = ("loglog", "cubic"),
    terms: Sequence[Sequence[float]] = (),
    least: float = 1.0,
    parameters: Mapping[str, Any] | None = None,
) -> Sought | None:
    """Time per byte from rows of a rate, of the best cell at each place of the axes; None where there is no row.

    unit: `s/B` of the whole GPU, or `cycle/B` of one SM. factor: what the time is times, beside one over the rate.
    least: bytes from which on the time is proportional to them.
    """
    if rows.empty:
        return None
    table = cells(rows, inverse=True, factor=factor, **axes)
    if table.empty:
        return None
    return Sought(
        keys=keys,
        axes=tuple(axes),
        unit=unit,
        cells=best(table, list(axes)),
        candidates=(*(_TRENDS if terms else ()), *candidates),
        terms=tuple(tuple(float(e) for e in term) for term in terms),
        free={"bytes": (least, None)},
        parameters=parameters or {},
    )
