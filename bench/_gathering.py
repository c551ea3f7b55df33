"""What the declarations of gathers have in common: methods, metrics, machine code, needs, and the work of one cell."""

import functools

from gridstone import Metric, bandwidth, compute_capability, content, loop, pcie
from gridstone import host_memory as needs_host_memory
from gridstone.declaration import Need

GIB = 1 << 30
NEAR = 256 << 20  # a table whose addresses the GPU translates without delay; of larger ones see gather/distribution
FAR = 4 * GIB
POWERS = tuple(1 << power for power in range(2, 15))
BETWEEN = (96, 160, 192, 384, 768, 1536, 3072, 6144, 12288)
METHODS = ["plain", "circular", "masked", "warp_per_row", "bulk"]
WIRE = 48 << 20  # bytes that a launch moves over the link: 1 ms at 50 GB/s, beside which its start is short
_SMS, _WARPS = 64, 16  # what the gathers by row use, where a link's worth of loads is under way many times over
_BULK_BYTES = 64 << 10  # under way per SM
_PROCESSES = 3  # of a run on one GPU
_SLACK = 12 << 30  # for tables of other probes that processes still hold, staging memory and the processes
_LOADS = {1: r"LDG\.E\.U8", 2: r"LDG\.E\.U16", 4: r"LDG\.E", 8: r"LDG\.E\.64", 16: r"LDG\.E\.128"}


@functools.cache
def runner(name):
    return content.load_module(content.folder("runners") / f"{name}.py")


def _per_second(name, amount):
    """Bytes per second that the runner counted under `amount`."""
    return Metric(name=name, unit="B/s", better="higher", reduce=lambda s: s.observed[amount] / s.seconds)


def _in_bulk(method):
    return method in ("bulk", "bulk_lines")


MEASURES = [bandwidth(), _per_second("bandwidth_wire", "wire"), _per_second("bandwidth_lines", "lines")]
SASS = {
    "sm_80+": loop(
        lambda axes: _LOADS[axes["vector"]],
        count=lambda axes: {"masked": 1, "warp_per_row": 1, "bulk": 0, "bulk_lines": 0}.get(
            axes["method"], axes["unroll"]
        ),
    ),
    "sm_90+": [
        loop(r"UBLKCP\.S\.G\S*", count=lambda axes: _in_bulk(axes["method"])),
        loop(r"UBLKCP\.G\.S\S*", count=lambda axes: _in_bulk(axes["method"])),
    ],
}


def link(machine, axes, samples):
    """What the link carries, where no row is taken twice within reach of a cache."""
    repeats = axes.get("distribution", "uniform") in ("zipf", "neighbours") or axes.get("footprint", GIB) < GIB
    return None if repeats else pcie(machine, axes, samples)


def tables(size):
    """Host memory for a shared table of so many bytes."""
    return tables_by(lambda axes: size)


def tables_by(size):
    """Host memory for a shared table whose bytes `size(axes)` says."""
    return needs_host_memory(lambda axes: size(axes) + _SLACK)


def tables_of_each_process():
    """Host memory for tables of the kinds that processes cannot share."""
    return needs_host_memory(
        lambda axes: (1 if axes["memory"] == "shared" else _PROCESSES) * axes["footprint"] + _SLACK
    )


def bulk_needs():
    """What bulk copies need; the other methods need nothing."""
    wanted = compute_capability(9.0)
    return Need(
        name=wanted.name,
        missing=lambda machine, axes: wanted.missing(machine, axes) if _in_bulk(axes["method"]) else None,
    )


def fits(method, row_bytes, align, vector):
    """Whether rows can be loaded so; short rows leave most lanes of a method that gives them a warp idle."""
    if row_bytes % vector or align % vector or (_in_bulk(method) and vector != 16):
        return False
    return method == "plain" or _in_bulk(method) or row_bytes >= 128


def _shape(method, row_bytes, warps):
    """Rows under way per warp, for bulk copies."""
    return max(1, min(32, _BULK_BYTES // (warps * -(-row_bytes // 128) * 128))) if _in_bulk(method) else 1


def from_table(
    gpu, *, method, row_bytes, align=0, vector, footprint, distribution="uniform", memory="shared", grid=_SMS,
    warps=_WARPS, stages=None, wire=WIRE,
):  # fmt: skip
    """The work of a cell that reads rows of a table of `footprint` bytes in place."""
    gathers = runner("gathers")
    if _in_bulk(method) and stages is None:
        warps = max(1, min(warps, _BULK_BYTES // (2 * row_bytes)))
    count = max(grid * warps, wire // max(32, row_bytes))
    table = runner("host_table").table(gpu, footprint, memory)
    listed = gathers.rows(
        gpu, footprint=footprint, row_bytes=row_bytes, align=align, count=count, distribution=distribution
    )
    return gathers.gathering(
        gpu,
        listed,
        table=table.device,
        method=method,
        vector=vector,
        grid=grid,
        warps=warps,
        stages=stages or _shape(method, row_bytes, warps),
    )
