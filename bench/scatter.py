"""Blocks at scattered places moved between host and device, as the caches of a serving system are."""

import functools

from gridstone import Metric, bandwidth, content, gpu_memory, loop, package, probe, seconds, values
from gridstone import host_memory as needs_host_memory
from gridstone.declaration import Limit, pcie

_MOST = 128 << 20  # bytes of all blocks of one way
_FEW, _MANY = 16, 256
_PER_BLOCK = Metric(name="time_block", unit="s", better="lower", reduce=lambda s: s.seconds / s.observed["blocks"])
_SASS = {"sm_80+": [loop(r"LDG\.E\.128\S*", count=4), loop(r"STG\.E\.128\S*", count=4)]}
_NEEDS = [package(lambda axes: "numba"), gpu_memory(lambda axes: 2 << 30), needs_host_memory(lambda axes: 8 << 30)]


@functools.cache
def _runner(name):
    return content.load_module(content.folder("runners") / f"{name}.py")


def _link(machine, axes, samples):
    one_way = pcie(machine, axes, samples)
    if one_way is None or axes["direction"] != "both":
        return one_way
    return Limit(value=2 * one_way.value, kind=one_way.kind + ", both ways")


def _chosen(method, direction, threads, block, count):
    """One thread but for copies block by block; as many blocks as stay within 128 MiB, few where they are large."""
    if threads > 1 and (method != "per_block" or (direction != "h2d" and threads not in (1, 4))):
        return False
    return block * count <= _MOST


@probe(
    "scatter/blocks.cu",
    method=["per_block", "batch", "packed", "kernel"],
    direction=values(["h2d", "d2h", "both"], quick=["h2d"]),
    threads=values([1, 2, 4, 8], quick=[1, 4], open=True),
    block=values(
        [4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10, 128 << 10, 256 << 10, 512 << 10],
        quick=[4 << 10, 256 << 10],
        full=[1 << power for power in range(12, 23)],
        open=True,
        unit="B",
        low=2048,
        multiple=2048,
    ),
    count=values([_MANY], full=[_FEW, 64, _MANY, 1024], open=True),
    measures=[bandwidth(), seconds(), _PER_BLOCK],
    limit={"bandwidth": _link},
    sass=_SASS,
    needs=_NEEDS,
    where=_chosen,
    budget=0.5,
    fits="transfer",
)
def blocks(gpu, *, method, direction, threads, block, count):
    """`count` blocks at random places of one memory moved to random places of the other, until all are there.

    per_block: one copy of the driver for each, from `threads` threads with a stream each. batch: one batched copy.
    packed: the blocks lie together on the host; one copy, and a kernel between a staging area and their places on the
    device. kernel: the SMs read or write the blocks in host memory. Both ways at once, bytes and blocks add up.
    """
    return _runner("blocks").moved(gpu, method=method, direction=direction, threads=threads, block=block, count=count)


@probe(
    "scatter/blocks.cu",
    method=values(["per_block", "batch"], full=["per_block", "batch", "packed", "kernel"]),
    direction=values(["h2d", "d2h"], quick=["h2d"]),
    group=values([4, 16], quick=[16], full=[2, 4, 8, 16, 32, 64], open=True, low=1, high=_MANY),
    block=values(
        [4 << 10, 16 << 10, 64 << 10],
        quick=[4 << 10],
        full=[1 << power for power in range(12, 20)],
        open=True,
        unit="B",
        low=2048,
        high=512 << 10,
        multiple=2048,
    ),
    measures=[bandwidth(), seconds(), _PER_BLOCK],
    limit={"bandwidth": _link},
    sass=_SASS,
    needs=_NEEDS,
    where=lambda method, direction, group, block: _MANY % group == 0,
    budget=0.5,
)
def grouped(gpu, *, method, direction, group, block):
    """256 blocks of which `group` at a time lie one behind the other in both memories, as a cache's pages may.

    A copy of the driver takes a whole group; the kernels take the blocks as they do where these lie alone.
    """
    return _runner("blocks").moved(
        gpu, method=method, direction=direction, threads=1, block=block, count=_MANY, group=group
    )


@probe(
    "scatter/blocks.cu",
    method=["per_block", "batch", "packed", "kernel"],
    direction=["h2d", "d2h"],
    block=values([1 << 20, 4 << 20], quick=[4 << 20], open=True, unit="B", low=2048, multiple=2048),
    count=[_FEW],
    measures=[bandwidth(), seconds()],
    limit={"bandwidth": _link},
    sass=_SASS,
    needs=_NEEDS,
    where=lambda method, direction, block, count: block * count <= _MOST,
    budget=0.5,
    fits="transfer",
)
def large(gpu, *, method, direction, block, count):
    """The same of a few large blocks, from one thread."""
    return _runner("blocks").moved(gpu, method=method, direction=direction, threads=1, block=block, count=count)
