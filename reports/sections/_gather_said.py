"""What the section on gathers says in words: the line model, ratios to the host's way, and what fills the link."""

import numpy as np
import pandas

from gridstone.model.lines import LINE, METHODS, SECTOR
from gridstone.report import amount, best, label, listing, measured, percent, trusted
from gridstone.units import format_bytes

_ENOUGH = 0.99
_POWERS = [1 << power for power in range(15)]
_RATIO_ROWS = (32, 128, 512, 2048, 8192)


def lead(rows):
    """All that the section says below its heading."""
    words, model = [], line_model(rows)
    ratios = _ratios(rows)
    if ratios:
        words.append(f"In place over gathered by the host and copied: {listing(ratios)}.")
    if model is not None:
        request, sector, frame = model
        header = SECTOR * request / sector if sector > 0 else float("nan")
        words.append(
            f"Line model: {amount(request, 's')} per request of a line and {amount(sector, 's')} per sector of 32 B; "
            f"a request costs as much as {header:.0f} B."
        )
        rest = frame[frame["row_bytes"] >= 128]
        errors = rest.groupby("method")["error"].agg(lambda e: float(e.abs().median()))
        said = [f"{label({'method': m})} {percent(errors[m])}" for m in METHODS if m in errors]
        if said:
            words.append(f"Off it by, at the median over rows of 128 B and more: {listing(said)}.")
    words.append(_gain(rows))
    few = _fewest(rows)
    if few is not None:
        words.append(
            f"{percent(_ENOUGH)} of the most that plain loads of 16 bytes reach need {_counted(int(few['sms']), 'SM')} "
            f"of {_counted(int(few['warps']), 'warp')}, {format_bytes(_under_way(few))} under way."
        )
    return " ".join(filter(None, words))


def _gain(rows):
    """What reading in place gains on the features of mini-batches, beside what was claimed for it."""
    chosen = trusted(measured(rows, "gather/epoch", "time"))
    if chosen.empty:
        return ""
    chosen = chosen[chosen["bits"] == chosen["bits"].max()]
    staged = chosen[chosen["method"] == "staged"]
    in_place = chosen[chosen["method"].isin(METHODS)]
    if staged.empty or in_place.empty:
        return ""
    first = in_place.loc[in_place["value"].idxmin()]
    share = float(staged["value"].iloc[0]) / first["value"] - 1
    way = label({"method": first["method"]})
    return (
        f"Features of a mini-batch of a graph come {percent(share)} faster in place ({way}) than through the host; "
        "published are 65 to 92 % for whole training, by several GPUs that share a host's threads."
    )


def _counted(count, thing):
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _ratios(rows):
    in_place = measured(rows, "gather/zero_copy", "bandwidth")
    found = []
    for row_bytes in _RATIO_ROWS:
        top, other = (
            best(in_place[in_place["row_bytes"] == row_bytes]) if len(in_place) else None,
            conventional(rows, row_bytes),
        )
        if top is not None and other is not None:
            found.append(f"{top['value'] / other['value']:.2f} at {format_bytes(row_bytes)}")
    return found


def line_model(rows):
    """Seconds per request and per sector, and how far each cell lies off their sum: a frame with `method` and `error`.

    None where too few cells are ok. Fitted to the aligned rows of the plain method, by least squares of the ratio.
    """
    wide = _wide(rows)
    base = wide[(wide["method"] == "plain") & (wide["align"] == 0) & wide["row_bytes"].isin(_POWERS)]
    if len(base) < 4 or base["sectors"].nunique() < 3:
        return None
    counts = base[["requests", "sectors"]].to_numpy(float)
    (request, sector), *_ = np.linalg.lstsq(counts / base[["seconds"]].to_numpy(), np.ones(len(base)), rcond=None)
    predicted = wide["requests"] * request + wide["sectors"] * sector
    return request, sector, wide.assign(error=predicted / wide["seconds"] - 1)


def _wide(rows):
    """A row per ok cell of the gathers in place: seconds, requests and sectors per row of the table."""
    parts = {
        name: trusted(measured(rows, "gather/zero_copy", metric)).set_index("cell_id")
        for name, metric in (("asked", "bandwidth"), ("wire", "bandwidth_wire"), ("lines", "bandwidth_lines"))
    }
    frame = parts["asked"]
    if frame.empty:
        return pandas.DataFrame(columns=["method", "align", "row_bytes", "seconds", "requests", "sectors"])
    seconds = frame["row_bytes"].astype(float) / frame["value"]
    return pandas.DataFrame(
        {
            **{name: frame[name] for name in ("method", "align", "row_bytes", "vector")},
            "seconds": seconds,
            "requests": parts["lines"]["value"] * seconds / LINE,
            "sectors": parts["wire"]["value"] * seconds / SECTOR,
        }
    ).dropna()


def conventional(rows, row_bytes):
    """The best cell of the host's gather and copy for rows of that size; None where there is none."""
    staged = measured(rows, "gather/staged", "bandwidth")
    return best(staged[staged["row_bytes"] == row_bytes]) if len(staged) else None


def _fewest(rows):
    """The cell of plain loads with the fewest bytes under way that is as good as the best."""
    chosen = trusted(measured(rows, "gather/in_flight", "bandwidth", method="plain", vector=16))
    if chosen.empty:
        return None
    enough = chosen[chosen["value"] >= _ENOUGH * chosen["value"].max()]
    return enough.loc[_under_way(enough).idxmin()]


def _under_way(cells):
    return cells["sms"] * cells["warps"] * cells["unroll"] * 32 * cells["vector"]
