"""The law of gathers in place: what requests of lines and sectors of 32 bytes cost, and where the hardware differs."""

from typing import NamedTuple

import numpy as np
import pandas

from gridstone.model.lines import LINE, METHODS, SECTOR
from gridstone.report import amount, label, listing, measured, percent, trusted
from gridstone.units import format_bytes

_FITTED = ("plain", "circular", "masked")  # every load of theirs is a request of its own, as counted
_FEWEST = 6
_CLEARLY = 0.02  # by how much a count must differ to say which method is ahead
_NEAR = 0.05
_SAWTOOTH = (2048, 2176)


class Law(NamedTuple):
    """Seconds: of a request beside its sectors, of a sector, and of a request at the least; and the cells it is from.

    A row takes requests x request + sectors x sector, or requests x floor where that is more. cells: a frame with
    `method`, `requests`, `sectors` and `error`, how far the law lies off each cell.
    """

    request: float
    sector: float
    floor: float
    cells: pandas.DataFrame

    @property
    def header(self):
        """Bytes that could move in the time of a request beside its sectors."""
        return SECTOR * self.request / self.sector


def law(rows):
    """The law that fits the methods whose requests are as counted, by the logarithm; None from too few cells."""
    from scipy.optimize import least_squares

    cells = _cells(rows)
    base = cells[cells["method"].isin(_FITTED)]
    if len(base) < _FEWEST or (base["sectors"] / base["requests"]).round(2).nunique() < 2:
        return None
    requests, sectors, seconds = (base[name].to_numpy(float) for name in ("requests", "sectors", "seconds"))

    def off(logarithms):
        return np.log(_seconds(np.exp(logarithms), requests, sectors) / seconds)

    per_sector = float(np.median(seconds / sectors))
    start = np.log([0.5 * per_sector, 0.8 * per_sector, 0.8 * float((seconds / requests).min())])
    found = least_squares(off, start, loss="soft_l1", f_scale=0.02, xtol=1e-14, ftol=1e-14, gtol=1e-14)
    costs = np.exp(found.x)
    predicted = _seconds(costs, cells["requests"], cells["sectors"])
    return Law(*map(float, costs), cells=cells.assign(error=predicted / cells["seconds"] - 1))


def _seconds(costs, requests, sectors):
    request, sector, floor = costs
    return np.maximum(requests * request + sectors * sector, requests * floor)


def said(found):
    """The law in words, how well it does, and who is ahead."""
    words = [
        f"Line model: {amount(found.request, 's')} per request of a line and {amount(found.sector, 's')} per sector of "
        f"32 B; a request costs as much as {found.header:.0f} B, and at the least {amount(found.floor, 's')}."
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
            costs = [
                float(_seconds(found[:3], one["requests"].iloc[0], one["sectors"].iloc[0])) for one in (plain, other)
            ]
            if costs[1] < (1 - _CLEARLY) * costs[0]:
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
    """A row per ok cell of the gathers in place: seconds, requests and sectors per row of the table."""
    parts = {
        name: trusted(in_place(rows, metric)).set_index("cell_id")
        for name, metric in (("asked", "bandwidth"), ("wire", "bandwidth_wire"), ("lines", "bandwidth_lines"))
    }
    frame = parts["asked"]
    if frame.empty:
        return pandas.DataFrame(columns=["method", "align", "row_bytes", "vector", "seconds", "requests", "sectors"])
    seconds = frame["row_bytes"].astype(float) / frame["value"]
    return pandas.DataFrame(
        {
            **{name: frame[name] for name in ("method", "align", "row_bytes", "vector")},
            "seconds": seconds,
            "requests": parts["lines"]["value"] * seconds / LINE,
            "sectors": parts["wire"]["value"] * seconds / SECTOR,
        }
    ).dropna()


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
