"""Strided blocks packed: which method is fastest for which layout, and how far each is from contiguous bytes."""

import pandas

from gridstone.figure import Scale, lines
from gridstone.model.sectors import BURST, SECTOR, moved
from gridstone.report import Panel, Section, amount, best, label, measured, nearest, series
from gridstone.units import format_bytes

FAMILY = "datatype"
ORDER = 130
PROBES = ("datatype/kernel", "datatype/copies", "datatype/library", "datatype/host")

_BLOCK = Scale(label="bytes per block", unit="B", log=True)
_BANDWIDTH = Scale(label="bandwidth", unit="B/s", log=True)
_PACKING = {"direction": "pack"}
_CONTIGUOUS = 128  # bytes of a block from which on the wire moves nothing that is not wanted


def section(rows):
    kernel = measured(rows, "datatype/kernel", "bandwidth", **_PACKING)
    ours, theirs = best(kernel), best(measured(rows, "datatype/library", "bandwidth", **_PACKING))
    if ours is not None:
        heading = f"A kernel packs blocks of {int(ours['block'])} bytes at {amount(ours['value'], 'B/s')}"
    elif theirs is not None:
        heading = (
            f"MPI_Pack of {label({'l': theirs['library']})} reaches {amount(theirs['value'], 'B/s')} in host memory"
        )
    else:
        heading = "Strided blocks: what could be measured"
    return Section(heading=heading, panels=(*_device(kernel, rows), *_wire(rows), *_host(rows), *_blocks(rows)))


def _device(kernel, rows):
    if kernel.empty:
        return []
    chosen = _largest(kernel)
    copies = measured(rows, "datatype/copies", "bandwidth", **_PACKING)
    parts = [chosen.assign(way=chosen["form"].map(lambda form: f"kernel, {form} memory"))]
    if len(copies):
        same = nearest(copies, "bytes", float(chosen["bytes"].iloc[0]))
        parts.append(same.assign(way=same["method"].map(lambda method: method.replace("_", " "))))
    return [_over_blocks(pandas.concat(parts), "on the GPU; memory to memory counts bytes twice, mapped memory once")]


def _wire(rows):
    """Short blocks beside what sectors and bursts say of them, at the largest size at which long ones are known."""
    kernel = measured(rows, "datatype/kernel", "bandwidth", form="device", dims=2)
    if kernel.empty:
        return []
    kernel = kernel[kernel["stride"] == kernel["stride"].min()]
    place = ["direction", "stride", "bytes"]
    whole = kernel[kernel["block"] >= _CONTIGUOUS].groupby(place)["value"].median().rename("_whole")
    beside = kernel[kernel["block"] < _CONTIGUOUS].join(whole, on=place, how="inner")
    if beside.empty:
        return []
    largest = beside.groupby(["direction", "block"])["bytes"].transform("max")
    beside = beside[beside["bytes"] == largest]
    parts = [_shares(beside, beside["value"] / beside["_whole"], "measured")]
    for unit, where in ((SECTOR, "sectors in L2"), (BURST, "bursts of memory")):
        wire = [
            moved(int(row.block), int(row.stride), direction=row.direction, unit=unit) for row in beside.itertuples()
        ]
        parts.append(_shares(beside, 2 / (1 + pandas.Series(wire, index=beside.index)), where))
    svg = lines(
        series(pandas.concat(parts), x="block", by=["direction", "way"]),
        x=_BLOCK,
        y=Scale(label="share of long blocks' bandwidth", log=True),
        alt="Bandwidth of packing short blocks over that of long ones, measured and by sectors and bursts",
    )
    caption = (
        f"Blocks below {_CONTIGUOUS} B, {int(beside['stride'].iloc[0])} B apart, beside longer ones of the same bytes, "
        "at the largest size of each: what was measured, and what moving sectors of 32 bytes in L2 or bursts of 64 "
        "from memory would leave."
    )
    return [Panel(svg=svg, caption=caption)]


def _shares(rows, share, way):
    return rows.assign(value=share, lo=share, hi=share, way=way)


def _host(rows):
    host = _largest(measured(rows, "datatype/host", "bandwidth", **_PACKING))
    library = _largest(measured(rows, "datatype/library", "bandwidth", **_PACKING))
    parts = [host.assign(way=host["method"])] if len(host) else []
    if len(library):
        parts.append(library.assign(way="MPI_Pack of " + library["library"].astype(str)))
    return [_over_blocks(pandas.concat(parts), "in host memory, by way")] if parts else []


def _largest(rows):
    """Two dimensions, the largest size."""
    rows = rows[rows["dims"] == 2] if len(rows) else rows
    return rows[rows["bytes"] == rows["bytes"].max()] if len(rows) else rows


def _over_blocks(rows, what):
    size = format_bytes(int(rows["bytes"].iloc[0]))
    svg = lines(
        series(rows, x="block", by=["way"]),
        x=_BLOCK,
        y=_BANDWIDTH,
        alt=f"Bandwidth of packing {what}, over the bytes of a block",
    )
    return Panel(svg=svg, caption=f"{size} packed {what}. The best stride of each.")


def _blocks(rows):
    """How a copy per block grows with their number, which is what datatypes are there to avoid."""
    single = measured(rows, "datatype/copies", "time", method="per_block", **_PACKING)
    if single.empty:
        return []
    single = single.assign(count=single["bytes"].astype(float) / single["block"].astype(float))
    svg = lines(
        series(single, x="count", by=["block"]),
        x=Scale(label="blocks", log=True),
        y=Scale(label="time", unit="s", log=True),
        alt="Time of one cudaMemcpyAsync per block over the number of blocks",
    )
    return [Panel(svg=svg, caption="One cudaMemcpyAsync per block.")]
