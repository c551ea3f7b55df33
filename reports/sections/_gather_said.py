"""What the section on gathers says in words: the line model, ratios to the host's way, and what fills the link."""

import numpy as np
import pandas

from gridstone.model.lines import LINE, METHODS, SECTOR
from gridstone.report import amount, best, label, listing, measured, percent, trusted
from gridstone.units import format_bytes

_ENOUGH = 0.99
_CLEARLY = 0.02  # by how much a count must differ to say which method is ahead
_POWERS = [1 << power for power in range(6, 15)]  # shorter rows are held up by how many requests may be under way
_RATIO_ROWS = (32, 128, 512, 2048, 8192)
_MUCH = 4 << 30  # the table of the host's gathers; those in place are out of less, but for gather/distribution
_MUCH_SAID = format_bytes(_MUCH)
_HALF = 0.5


def out_of_much(rows):
    """Gathers in place of random rows out of as large a table as the host gathers from."""
    chosen = measured(rows, "gather/distribution", "bandwidth", distribution="uniform")
    return chosen[chosen["footprint"] == _MUCH] if len(chosen) else chosen


def lead(rows):
    """All that the section says below its heading."""
    words, model = [], line_model(rows)
    ratios = _ratios(rows)
    if ratios:
        words.append(f"In place over gathered by the host and copied, out of {_MUCH_SAID}: {listing(ratios)}.")
    words.append(_reach(rows))
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
        words.append(_ahead(request, sector, frame))
    words.append(_of_contiguous(rows))
    words.append(_gain(rows))
    few = _fewest(rows)
    if few is not None:
        words.append(
            f"{percent(_ENOUGH)} of the most that plain loads of 16 bytes reach need {_counted(int(few['sms']), 'SM')} "
            f"of {_counted(int(few['warps']), 'warp')}, {format_bytes(_under_way(few))} under way."
        )
    return " ".join(filter(None, words))


def _reach(rows):
    """From which table on random rows of a line come at less than half the rate: what translating addresses costs."""
    chosen = trusted(measured(rows, "gather/distribution", "bandwidth", distribution="uniform", row_bytes=LINE))
    if chosen.empty:
        return ""
    near, far = chosen.loc[chosen["value"].idxmax()], chosen.sort_values("footprint").iloc[-1]
    if far["value"] > _HALF * near["value"]:
        return ""
    return (
        f"Random rows of {LINE} B come at {amount(far['value'], 'B/s')} out of {format_bytes(int(far['footprint']))}, "
        f"at {amount(near['value'], 'B/s')} out of {format_bytes(int(near['footprint']))}: "
        f"{amount(far['value'] / LINE, 'row/s')} is what the GPU translates of addresses that it has not met lately."
    )


def _ahead(request, sector, frame):
    """In how many cells the aligned methods are ahead of the plain one, of those where the count says so."""
    said, kept = 0, 0
    for _, cells in frame[frame["vector"] == 4].groupby(["row_bytes", "align"]):
        plain = cells[cells["method"] == "plain"]
        for method in ("circular", "masked"):
            other = cells[cells["method"] == method]
            if plain.empty or other.empty:
                continue
            costs = [float(c["requests"].iloc[0] * request + c["sectors"].iloc[0] * sector) for c in (plain, other)]
            if costs[1] < (1 - _CLEARLY) * costs[0]:
                said += 1
                kept += float(other["seconds"].iloc[0]) < float(plain["seconds"].iloc[0])
    return (
        f"Aligned methods are ahead of the plain one in {kept} of the {said} cells where this says so." if said else ""
    )


def _of_contiguous(rows):
    """The least that aligned rows of 128 bytes and more reach of rows in order, by the same loads."""
    in_order = best(measured(rows, "gather/distribution", "bandwidth", distribution="sequential"))
    aligned = trusted(measured(rows, "gather/zero_copy", "bandwidth", align=0))
    if in_order is None or aligned.empty:
        return ""
    whole = aligned[aligned["row_bytes"].isin([size for size in _POWERS if size >= LINE])]
    if whole.empty:
        return ""
    tops = whole.groupby("row_bytes")["value"].max()
    return (
        f"Aligned rows of {LINE} B and more reach at least {100 * float(tops.min()) / in_order['value']:.1f} % of rows "
        f"that lie in order ({amount(in_order['value'], 'B/s')})."
    )


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
    in_place = out_of_much(rows)
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
    if len(base) < 4 or (base["sectors"] / base["requests"]).round(2).nunique() < 2:
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
