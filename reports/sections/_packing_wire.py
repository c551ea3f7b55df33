"""Short blocks packed by the GPU: each cell beside what its sectors and bursts take."""

from pathlib import Path

from gridstone.content import load_module
from gridstone.fit.sectors import memory
from gridstone.model.sectors import LINE, packing_time
from gridstone.report import Panel, measured, percent, trusted
from gridstone.units import format_bytes

_html = load_module(Path(__file__).with_name("_table.py"))

_NEAR = 0.1  # how far off a prediction may be to count as met
_LAYOUT = ["direction", "dims", "block", "stride"]


def beside(rows):
    """The ok cells of blocks shorter than a line, packed or unpacked within device memory, with the seconds `predicted`
    and `ratio`, measured over predicted; none where the wire itself was not measured."""
    kernel = trusted(measured(rows, "datatype/kernel", "time", form="device"))
    wire = memory(rows.assign(site=rows["host"])) if len(kernel) else None
    if wire is None:
        return kernel[:0].assign(predicted=[], ratio=[])
    kernel = kernel[(kernel["block"] < LINE) & (kernel["dims"] > 1)]
    predicted = [
        packing_time(float(row.bytes), int(row.block), int(row.stride), direction=row.direction, memory=wire)
        for row in kernel.itertuples()
    ]
    return kernel.assign(predicted=predicted, ratio=kernel["value"] / predicted)


def claim(cells):
    """How many of the cells are within a tenth of their prediction, in words; nothing where there are none."""
    if cells.empty:
        return ""
    off = (cells["ratio"] - 1).abs()
    return (
        f"{int((off <= _NEAR).sum())} of {len(cells)} cells with blocks shorter than {LINE} B ({percent(met(cells))}) "
        f"take what their sectors and bursts take within {percent(_NEAR)}; the median is {100 * off.median():.1f} % "
        f"off, the worst {percent(off.max())}."
    )


def met(cells):
    """The share of the cells within a tenth of their prediction."""
    return float(((cells["ratio"] - 1).abs() <= _NEAR).mean())


def panels(cells):
    """One table: measured over predicted seconds of every layout, by bytes."""
    if cells.empty:
        return []
    sizes = sorted(cells["bytes"].unique())
    rows = []
    for layout, these in cells.groupby(_LAYOUT, sort=True):
        direction, dims, block, stride = layout
        by_size = these.groupby("bytes")["ratio"].median()
        rows.append(
            [direction, int(dims), format_bytes(int(block)), format_bytes(int(stride))]
            + [_ratio(by_size[size]) if size in by_size.index else "" for size in sizes]
        )
    caption = (
        "Seconds measured over seconds predicted, per layout and bytes packed; more than 1 is slower than predicted, "
        f"and ! marks what is more than {percent(_NEAR)} off. Predicted is what the bursts of 64 bytes that a block is "
        "read from, or the sectors of 32 that it is written to, take by datatype/side at that stride, and what the "
        "packed side takes as a stream; where the lines of both sides stay in L2, what contiguous packing takes of "
        "which the busier side takes as long (datatype/contiguous)."
    )
    heads = [*_LAYOUT, *(format_bytes(int(size)) for size in sizes)]
    return [Panel(svg=_html.table(heads, rows, words=1), caption=caption, wide=True)]


def _ratio(value):
    return f"{value:.2f}{'' if abs(value - 1) <= _NEAR else ' !'}"
