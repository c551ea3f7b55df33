"""Rows out of host memory: read in place by the GPU, gathered by the host, copied one by one; and the line model."""

import numpy as np
import pandas

from gridstone.figure import Dot, Limit, Scale, dots, lines
from gridstone.report import Panel, Section, amount, best, label, listing, measured, percent, series, trusted
from gridstone.units import format_bytes, format_value

FAMILY = "gather"
ORDER = 60
PROBES = tuple(f"gather/{name}" for name in "zero_copy in_flight distribution memory device staged copies cpu".split())

_METHODS = ("plain", "circular", "masked", "warp_per_row", "bulk")
_ROW = Scale(label="bytes per row", unit="B", log=True)
_BANDWIDTH = Scale(label="bandwidth", unit="B/s", start=0)
_LOG_BANDWIDTH = Scale(label="bandwidth", unit="B/s", log=True)
_ENOUGH = 0.99
_CLAIMED_ROW = 2048


def section(rows):
    in_place = measured(rows, "gather/zero_copy", "bandwidth")
    model = line_model(rows)
    panels = [
        *_by_row(rows, in_place),
        *_sawtooth(in_place),
        *_alignment(in_place),
        *_in_flight(rows),
        *_dots(rows, "distribution", ("distribution", "row_bytes", "footprint"), "Rows chosen in several ways"),
        *_dots(rows, "memory", ("memory", "row_bytes"), "Rows out of 512 MiB of each kind of host memory"),
        *_staged(rows),
        *_copies(rows),
        *_host(rows),
    ]
    return Section(heading=_heading(rows, in_place), lead=_lead(rows, model), panels=tuple(panels))


def line_model(rows):
    """Seconds per request and per sector, and how far each cell lies off their sum: a frame with `method` and `error`.

    None where too few cells are ok. Fitted to the aligned rows of the plain method, by least squares of the ratio.
    """
    wide = _wide(rows)
    base = wide[
        (wide["method"] == "plain") & (wide["align"] == 0) & wide["row_bytes"].isin([1 << p for p in range(15)])
    ]
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
            "requests": parts["lines"]["value"] * seconds / 128,
            "sectors": parts["wire"]["value"] * seconds / 32,
        }
    ).dropna()


def _heading(rows, in_place):
    top = best(in_place[in_place["row_bytes"] == _CLAIMED_ROW]) if len(in_place) else None
    conventional = _conventional(rows, _CLAIMED_ROW)
    if top is None:
        host = best(measured(rows, "gather/cpu", "bandwidth"))
        if host is None:
            return "No gather of this run is ok"
        size = format_bytes(int(host["row_bytes"]))
        return f"The host's threads gather rows of {size} at {amount(host['value'], 'B/s')}"
    claim = f"The GPU reads rows of {format_bytes(_CLAIMED_ROW)} in place at {amount(top['value'], 'B/s')}"
    if conventional is None:
        return claim
    return f"{claim}, {top['value'] / conventional['value']:.2f} times the host's gather and copy"


def _conventional(rows, row_bytes):
    staged = measured(rows, "gather/staged", "bandwidth")
    return best(staged[staged["row_bytes"] == row_bytes]) if len(staged) else None


def _lead(rows, model):
    words = []
    ratios = _ratios(rows)
    if ratios:
        words.append(f"In place over gathered by the host and copied: {listing(ratios)}.")
    if model is not None:
        request, sector, frame = model
        header = 32 * request / sector if sector > 0 else float("nan")
        words.append(
            f"Line model: {amount(request, 's')} per request of a line and {amount(sector, 's')} per sector of 32 B; "
            f"a request costs as much as {header:.0f} B."
        )
        rest = frame[frame["row_bytes"] >= 128]
        errors = rest.groupby("method")["error"].agg(lambda e: float(e.abs().median()))
        said = [f"{label({'method': m})} {percent(errors[m])}" for m in _METHODS if m in errors]
        if said:
            words.append(f"Off it by, at the median over rows of 128 B and more: {listing(said)}.")
    few = _fewest(rows)
    if few is not None:
        words.append(
            f"{percent(_ENOUGH)} of the most that plain loads of 16 bytes reach need {_counted(int(few['sms']), 'SM')} of "
            f"{_counted(int(few['warps']), 'warp')}, {format_bytes(_under_way(few))} under way."
        )
    return " ".join(words)


def _counted(count, thing):
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _ratios(rows):
    in_place = measured(rows, "gather/zero_copy", "bandwidth")
    found = []
    for row_bytes in (32, 128, 512, 2048, 8192):
        top, other = (
            best(in_place[in_place["row_bytes"] == row_bytes]) if len(in_place) else None,
            _conventional(rows, row_bytes),
        )
        if top is not None and other is not None:
            found.append(f"{top['value'] / other['value']:.2f} at {format_bytes(row_bytes)}")
    return found


def _by_row(rows, in_place):
    """The best of each method over the row's bytes, beside the host's gather and copy and the GPU's own memory."""
    parts = [in_place[in_place["align"] == 0]] if len(in_place) else []
    staged = measured(rows, "gather/staged", "bandwidth")
    if len(staged):
        parts.append(staged.assign(method="by the host, then copied"))
    copies = measured(rows, "gather/copies", "bandwidth", method="per_row")
    if len(copies):
        parts.append(copies.assign(method="a copy per row"))
    if not parts:
        return []
    chosen = pandas.concat(parts)
    chosen = chosen[chosen["row_bytes"].astype(int).map(lambda size: size & (size - 1) == 0)]
    if chosen.empty:
        return []
    svg = lines(
        series(chosen, x="row_bytes", by=["method"], first=_METHODS),
        x=_ROW,
        y=_LOG_BANDWIDTH,
        limits=_limit(chosen),
        alt="Bandwidth of gathers from host memory over the bytes per row",
        wide=True,
    )
    caption = "Rows in random order out of 4 GiB of page-locked memory, aligned; bytes of the rows."
    upper = best(measured(rows, "gather/device", "bandwidth"))
    if upper is not None:
        caption += f" Out of the GPU's own memory the best is {amount(upper['value'], 'B/s')}."
    return [Panel(svg=svg, caption=caption, wide=True)]


def _limit(rows):
    known = rows["limit"].dropna().unique()
    return [Limit(label=f"limit {format_value(float(known[0]), 'B/s')}", y=float(known[0]))] if len(known) else []


def _sawtooth(in_place):
    near = in_place[in_place["row_bytes"].between(2048, 2176) & (in_place["align"] == 0)] if len(in_place) else in_place
    if len(near) == 0 or near["row_bytes"].nunique() < 3:
        return []
    svg = lines(
        series(near, x="row_bytes", by=["method"], first=_METHODS),
        x=Scale(label="bytes per row"),
        y=Scale(label="bandwidth", unit="B/s"),
        alt="Bandwidth of gathers over rows of 2,048 to 2,176 bytes",
    )
    caption = "Rows of 2,048 to 2,176 bytes, one behind the other: but for the ends, they begin anywhere in a line."
    return [Panel(svg=svg, caption=caption)]


def _alignment(in_place):
    panels = []
    for row_bytes in sorted(in_place["row_bytes"].unique()) if len(in_place) else []:
        chosen = in_place[(in_place["row_bytes"] == row_bytes)]
        if chosen["align"].nunique() < 3:
            continue
        svg = lines(
            series(chosen, x="align", by=["method"], first=_METHODS),
            x=Scale(label="bytes behind a boundary of 128"),
            y=Scale(label="bandwidth", unit="B/s"),
            alt=f"Bandwidth of gathers of {row_bytes} bytes over their alignment",
        )
        panels.append(Panel(svg=svg, caption=f"Rows of {format_bytes(int(row_bytes))} by their alignment."))
    return panels


def _in_flight(rows):
    chosen = measured(rows, "gather/in_flight", "bandwidth")
    if chosen.empty or chosen["sms"].nunique() < 2:
        return []
    plain = chosen[(chosen["method"] == "plain") & (chosen["vector"] == 16)]
    panels = []
    for part, by, what in (
        (plain, ["warps", "unroll"], "by plain loads of 16 bytes"),
        (chosen[chosen["method"] == "bulk"], ["unroll"], "by bulk copies of four warps per SM"),
    ):
        if len(part):
            named = part.rename(columns={"unroll": "under_way"})
            svg = lines(
                series(named, x="sms", by=["under_way" if name == "unroll" else name for name in by]),
                x=Scale(label="SMs", log=True),
                y=_BANDWIDTH,
                limits=_limit(part),
                alt=f"Bandwidth of gathers {what} over the SMs used",
            )
            panels.append(
                Panel(svg=svg, caption=f"Rows of 4 KiB {what}; under way: loads per thread, or rows per warp.")
            )
    return panels


def _fewest(rows):
    """The cell of plain loads with the fewest bytes under way that is as good as the best."""
    chosen = trusted(measured(rows, "gather/in_flight", "bandwidth", method="plain", vector=16))
    if chosen.empty:
        return None
    enough = chosen[chosen["value"] >= _ENOUGH * chosen["value"].max()]
    return enough.loc[_under_way(enough).idxmin()]


def _under_way(cells):
    return cells["sms"] * cells["warps"] * cells["unroll"] * 32 * cells["vector"]


def _dots(rows, name, axes, what):
    chosen = measured(rows, f"gather/{name}", "bandwidth")
    if chosen.empty:
        return []
    varied = [axis for axis in axes if chosen[axis].nunique() > 1] or [axes[0]]
    found = chosen.sort_values("value", ascending=False).drop_duplicates(varied).sort_values(varied)
    entries = [
        Dot(
            label=label({axis: _plain(row[axis]) for axis in varied}),
            value=row["value"],
            lo=row["lo"],
            hi=row["hi"],
            group=str(row[varied[0]]),
            flawed=row["status"] != "ok",
        )
        for row in found.to_dict("records")
    ]
    return [
        Panel(svg=dots(entries, x=_BANDWIDTH, alt=f"{what}: bandwidth"), caption=f"{what}, by plain loads of 16 bytes.")
    ]


def _plain(value):
    return value if isinstance(value, str) else int(value)


def _staged(rows):
    chosen = measured(rows, "gather/staged", "bandwidth")
    if chosen.empty or chosen["row_bytes"].nunique() < 2:
        return []
    pinned = chosen[chosen["memory"] == "pinned"]
    svg = lines(
        series(pinned, x="row_bytes", by=["method", "threads"], first=("single", "double")),
        x=_ROW,
        y=_LOG_BANDWIDTH,
        alt="Bandwidth of gathers by the host's threads and a copy over the bytes per row",
    )
    caption = "Gathered by threads of the host into page-locked memory and copied; double: two buffers take turns."
    return [Panel(svg=svg, caption=caption)]


def _copies(rows):
    chosen = measured(rows, "gather/copies", "bandwidth")
    if chosen.empty or chosen["row_bytes"].nunique() < 2:
        return []
    svg = lines(
        series(chosen, x="row_bytes", by=["method"], first=("per_row", "batch", "strided")),
        x=_ROW,
        y=_LOG_BANDWIDTH,
        limits=_limit(chosen),
        alt="Bandwidth of 1,024 rows copied by the driver over the bytes per row",
    )
    caption = "1,024 rows copied by the driver: a call for each, one batched call, or every second row by one 2-D copy."
    return [Panel(svg=svg, caption=caption)]


def _host(rows):
    chosen = measured(rows, "gather/cpu", "bandwidth")
    if chosen.empty:
        return []
    entries = [
        Dot(
            label=label({"row_bytes": int(row["row_bytes"]), "threads": int(row["threads"])}),
            value=row["value"],
            lo=row["lo"],
            hi=row["hi"],
            group=str(row["threads"]),
            flawed=row["status"] != "ok",
        )
        for row in chosen.sort_values(["threads", "row_bytes"]).to_dict("records")
    ]
    svg = dots(entries, x=_BANDWIDTH, alt="Bandwidth of the host's part of a gather")
    return [Panel(svg=svg, caption="The host's part alone: random rows of 256 MiB into 4 MiB of staging memory.")]
