"""The law of gathers in place: what rows cost the link by gridstone.model.wire, and where the hardware differs."""

from typing import NamedTuple

import numpy as np
import pandas

from gridstone.fit.wire import asked_by, costs, countable
from gridstone.model.lines import LINE, METHODS
from gridstone.model.wire import HEADER, wire
from gridstone.report import amount, label, listing, measured, percent, trusted
from gridstone.units import format_bytes

_FEWEST = 6
_CLEARLY = 0.02  # by how much a count must differ to say which method is ahead
_NEAR = 0.05
_SAWTOOTH = (2048, 2176)
_FITTED = "gather/zero_copy"


class Law(NamedTuple):
    """costs: those of gridstone.model.wire. bandwidth: bytes a second that rows cost by them. cells: a frame with
    `method`, `wire` (bytes that a row costs) and `error`, how far the law lies off each cell: above 0 it is slower."""

    costs: dict
    bandwidth: float
    cells: pandas.DataFrame


def law(rows):
    """The law of these cells as `gridstone fit` finds it; None from too few."""
    cells = _cells(rows)
    fitted = (cells["probe"] == _FITTED).to_numpy()
    if fitted.sum() < _FEWEST:
        return None
    asked, seconds = asked_by(cells), cells["seconds"].to_numpy(float)
    found = costs([one for one, kept in zip(asked, fitted, strict=True) if kept], seconds[fitted])
    moved = np.array([wire(one, found) for one in asked])
    bandwidth = float(np.median((moved / seconds)[fitted]))
    return Law(found, bandwidth, cells.assign(wire=moved, error=moved / bandwidth / seconds - 1))


def said(found):
    """The law in words, how well it does, and who is ahead."""
    whole, half = (found.costs["request"] + times * found.costs["half"] for times in (2, 1))
    words = [
        f"Line model: {amount(found.bandwidth, 'B/s')} of sectors of 32 B and of the {HEADER:.0f} B around them that "
        f"PCIe moves for each request of a line; a request takes no less than {amount(whole / found.bandwidth, 's')}, "
        f"and {amount(half / found.bandwidth, 's')} where its data lies in one half of the line."
    ]
    rest = found.cells[found.cells["row_bytes"] >= LINE]
    errors = rest.groupby("method")["error"].agg(lambda e: float(e.abs().median()))
    off = [f"{label({'method': m})} {percent(errors[m])}" for m in METHODS if m in errors]
    if off:
        words.append(f"Off it by, at the median over rows of 128 B and more: {listing(off)}.")
    words += [_sawtooth(found), _ahead(found)]
    return " ".join(filter(None, words))


def _sawtooth(found):
    """How many cells of rows near 2 KiB are within 5 % of the law, and which methods are not."""
    near = found.cells[found.cells["row_bytes"].between(*_SAWTOOTH)]
    if near.empty:
        return ""
    beyond = near[near["error"].abs() > _NEAR]
    words = f"Of {len(near)} cells of rows of 2,048 to 2,176 B {len(near) - len(beyond)} are within {percent(_NEAR)}"
    if beyond.empty:
        return words + "."
    others = [
        f"{label({'method': method})} ({len(cells)}, {_ways(cells['error'])})"
        for method, cells in beyond.groupby("method", sort=False)
    ]
    return f"{words}; the others are of {listing(others)}."


def _ways(errors):
    """Whether the cells are slower or faster than their count says; an error above 0 is of a cell that is faster."""
    if (errors > 0).all():
        return "faster than their count"
    return "slower than their count" if (errors < 0).all() else "some faster, some slower"


def _ahead(found):
    """In how many cells the aligned methods are ahead of the plain one, of those where the count says so."""
    said, kept = 0, 0
    for _, cells in found.cells[found.cells["vector"] == 4].groupby(["row_bytes", "align"]):
        plain = cells[cells["method"] == "plain"]
        for method in ("circular", "masked"):
            other = cells[cells["method"] == method]
            if plain.empty or other.empty:
                continue
            if other["wire"].iloc[0] < (1 - _CLEARLY) * plain["wire"].iloc[0]:
                said += 1
                kept += float(other["seconds"].iloc[0]) < float(plain["seconds"].iloc[0])
    return (
        f"Aligned methods are ahead of the plain one in {kept} of the {said} cells where this says so." if said else ""
    )


def in_place(rows, metric="bandwidth"):
    """The rows of a metric of the gathers by method, row and alignment, bulk copies of whole lines among them."""
    parts = [measured(rows, f"gather/{name}", metric) for name in ("zero_copy", "whole_lines")]
    found = [part for part in parts if len(part)]
    return pandas.concat(found) if found else parts[0]


def _cells(rows):
    """A row per ok cell of the gathers in place whose requests can be counted, with the seconds of a row."""
    found = trusted(in_place(rows))
    if found.empty:
        return pandas.DataFrame(columns=["probe", "method", "align", "row_bytes", "vector", "seconds"])
    counted = countable(found).set_index("cell_id")[["probe", "method", "align", "row_bytes", "vector", "value"]]
    return counted.assign(seconds=counted["row_bytes"].astype(float) / counted["value"])


def reach(rows):
    """From which table on random rows of a line come at less than half the rate: what translating addresses costs."""
    chosen = trusted(measured(rows, "gather/distribution", "bandwidth", distribution="uniform", row_bytes=LINE))
    if chosen.empty:
        return ""
    near, far = chosen.loc[chosen["value"].idxmax()], chosen.sort_values("footprint").iloc[-1]
    if far["value"] > near["value"] / 2:
        return ""
    return (
        f"Random rows of {LINE} B come at {amount(far['value'], 'B/s')} out of {format_bytes(int(far['footprint']))}, "
        f"at {amount(near['value'], 'B/s')} out of {format_bytes(int(near['footprint']))}: "
        f"{amount(far['value'] / LINE, 'row/s')} is what the GPU translates of addresses that it has not met lately."
    )
