"""Which cells the probes of bench/tma.py have, and what each claims of its machine code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gridstone import loop

BY_THREADS = ("plain", "staged", "cp_async")
SHARED = 220 << 10  # bytes of shared memory that the blocks of an SM may share
Axes = Mapping[str, Any]

# Latency


def issued(axes):
    return {
        "plain": r"LDG\.E\.64\.STRONG\.GPU",
        "staged": r"LDG\.E\.64\.STRONG\.GPU",
        "cp_async": r"LDGSTS\.E\.BYPASS\.128",
        "tensor": rf"UTMALDG\.{axes['dims']}D",
    }.get(axes["method"], r"UBLKCP\.S\.G")


def awaited(axes):
    if axes["method"] == "tensor":  # of the 64 bits behind a coordinate the compiler loads those that it needs
        return r"LDS(\.64)?"
    return issued(axes) if axes["method"] == "plain" else r"LDS\.64"


def chased(methods):
    def four(axes):
        return 4 if axes["method"] in methods else 0

    return [loop(issued, count=four), loop(awaited, count=four, clocked=True)]


def latency_cell(method, tier, bytes, dims):
    if method == "tensor":
        return bytes == 128 or (dims == 2 and bytes >= 1024)
    if dims != 1 or (method == "prefetched" and tier != "dram"):
        return False
    return method == "bulk" or bytes == (16 if method in BY_THREADS else 128)


# Rounds

ROUNDS = {
    "mbarrier": r"SYNCS\.ARRIVE\.TRANS64\.A1T0",
    "store_read": r"UBLKCP\.G\.S",
    "store_done": r"UBLKCP\.G\.S",
    "reduce_read": r"UBLKRED\.G\.S\.ADD",
    "reduce_done": r"UBLKRED\.G\.S\.ADD",
    "prefetch": r"UBLKPF\.L2",
}


def rounds_waited(axes):
    return 0 if axes["function"] in ("mbarrier", "prefetch") else 4


# Throughput


def moved(axes):
    if axes["form"] == "im2col":
        return rf"UTMALDG\.{axes['dims']}D\.IM2COL"
    if axes["form"] == "tensor":
        operation = {"store": "UTMASTG", "reduce": "UTMAREDG"}.get(axes["pattern"], "UTMALDG")
        kind = {"reduce": r"\.ADD", "multicast": r"\.MULTICAST"}.get(axes["pattern"], "")
        return rf"{operation}\.{axes['dims']}D{kind}"
    return {
        "load": r"UBLKCP\.S\.G",
        "store": r"UBLKCP\.G\.S",
        "reduce": r"UBLKRED\.G\.S\.ADD",
        "multicast": r"UBLKCP\.S\.G\.MULTICAST",
    }[axes["pattern"]]


def not_multicast(axes):
    return 0 if axes["pattern"] == "multicast" else 1  # sm_120 has no instruction for it


# pattern, form, cluster_size, dims, swizzle
MOVES = [
    *((pattern, "bulk", 1, 1, 0) for pattern in ("load", "store", "reduce")),
    *(("multicast", "bulk", size, 1, 0) for size in (2, 4)),
    *(("load", "tensor", 1, dims, 0) for dims in (1, 2, 3, 4, 5)),
    *(("load", "tensor", 1, 3, swizzle) for swizzle in (32, 64, 128)),
    *((pattern, "tensor", 1, dims, 0) for pattern in ("store", "reduce") for dims in (2, 3, 4, 5)),
    *(("multicast", "tensor", size, 2, 0) for size in (2, 4)),
    *(("load", "im2col", 1, dims, 0) for dims in (3, 4, 5)),
]


def throughput_cell(pattern, form, tier, bytes, stages, blocks, cluster_size, dims, swizzle):
    """Loads over box, stages and blocks; every other pattern and form at a few points of that map."""
    if blocks * (stages * (bytes + 16) + 1024) > SHARED:
        return False
    if pattern == "multicast":
        return blocks == 1 and stages == 4 and bytes in (4096, 16384)
    if form == "im2col":
        return (bytes, stages, blocks) == (16384, 4, 1)
    if form == "tensor":
        usual = (stages, blocks) == (4, 1) and (dims > 1 or bytes <= 1024)
        if pattern != "load":
            return usual and bytes == 16384 and tier == "dram"
        return usual and (bytes == 16384 or (not swizzle and bytes == 1024 and dims <= 2))
    if pattern == "load" and tier == "dram":
        return blocks == 1 or (bytes in (1024, 4096, 16384) and stages in (2, 4))
    if pattern == "load":
        return bytes in (1024, 4096, 16384, 65536) and (blocks == 1 or stages == 4)
    return blocks == 1 and stages == 4 and bytes in (1024, 4096, 16384, 32768)


# Little's law


def loaded(methods):
    opcodes = {
        "plain": r"LDG\.E{}\.STRONG\.GPU",
        "cp_async": r"LDGSTS\.E\.BYPASS\.128",
        "bulk": r"UBLKCP\.S\.G",
        "tensor": r"UTMALDG\.2D",
    }
    widths = {4: "", 8: r"\.64", 16: r"\.128"}

    def count(axes):
        if axes["method"] not in methods:
            return 0
        return axes["unroll"] if axes["method"] in BY_THREADS else 1

    return loop(lambda axes: opcodes[axes["method"]].format(widths[axes["vector"]]), count=count)


def in_flight_cell(method, tier, in_flight, unroll, vector):
    if method not in BY_THREADS:
        return unroll == 4 and vector == 16 and in_flight >= 1024
    warps, rest = divmod(in_flight, 32 * vector * unroll)
    return 1 <= warps <= 64 and rest == 0 and (method == "plain" or (unroll, vector) == (4, 16))
