"""Strided blocks packed: which method is fastest for which layout, and how far each is from contiguous bytes."""

from pathlib import Path

import pandas

from gridstone.content import load_module
from gridstone.figure import Scale, lines
from gridstone.report import Panel, Section, amount, best, label, measured, nearest, series
from gridstone.units import format_bytes

FAMILY = "datatype"
ORDER = 130
PROBES = (
    "datatype/kernel",
    "datatype/contiguous",
    "datatype/side",
    "datatype/copies",
    "datatype/library",
    "datatype/host",
)

_BLOCK = Scale(label="bytes per block", unit="B", log=True)
_BANDWIDTH = Scale(label="bandwidth", unit="B/s", log=True)
_PACKING = {"direction": "pack"}
_wire = load_module(Path(__file__).with_name("_packing_wire.py"))


def section(rows):
    kernel = measured(rows, "datatype/kernel", "bandwidth", **_PACKING)
    ours, theirs = best(kernel), best(measured(rows, "datatype/library", "bandwidth", **_PACKING))
    if ours is not None:
        heading = (
            f"A kernel packs {format_bytes(int(ours['bytes']))} in blocks of {format_bytes(int(ours['block']))} at "
            f"{amount(ours['value'], 'B/s')}, read and written"
        )
    elif theirs is not None:
        heading = (
            f"MPI_Pack of {label({'l': theirs['library']})} reaches {amount(theirs['value'], 'B/s')} in host memory"
        )
    else:
        heading = "Strided blocks: what could be measured"
    short = _wire.beside(rows)
    lead = " ".join(filter(None, (_touched(ours), _wire.claim(short))))
    panels = (*_device(kernel, rows), *_sides(rows), *_wire.panels(short), *_host(rows), *_blocks(rows))
    return Section(heading=heading, lead=lead, panels=panels)


def _touched(ours):
    """Why the rate of the heading may be beyond that of DRAM."""
    if ours is None or ours["form"] != "device":
        return ""
    touched = amount(2 * ours["bytes"], "B")
    return f"{touched} are read and written in all: where L2 holds them, this is L2 and not DRAM."


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


def _sides(rows):
    """What a burst costs where its neighbours are not wanted."""
    side = measured(rows, "datatype/side", "rate", tier="dram")
    if side.empty:
        return []
    kinds = {("read", 16): "read", ("write", 16): "part of a sector written", ("write", 32): "a sector written"}
    apart = side.assign(way=[kinds.get((row.pattern, int(row.block))) for row in side.itertuples()])
    apart = apart[apart["way"].notna()]
    if apart.empty:
        return []
    svg = lines(
        series(apart, x="stride", by=["way"], first=list(kinds.values())),
        x=Scale(label="bytes from block to block", unit="B", log=True),
        y=Scale(label="blocks per second", unit="block/s"),
        alt="Blocks per second that are read or written alone, over their stride",
    )
    caption = (
        "Blocks in a GiB of device memory, each in a burst of 64 bytes, read or written and not packed. A sector of "
        "which a part is written is read first. The further apart, the fewer bursts of an open row of memory are used."
    )
    return [Panel(svg=svg, caption=caption)]


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
