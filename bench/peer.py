"""GPUs beside each other: copies, loads and atomics to the memory of a peer, and host memory read by all at once."""

import functools

from gridstone import (
    Limit,
    bandwidth,
    content,
    cycles,
    gpu_memory,
    gpus,
    loop,
    observed,
    peer_link,
    peers,
    probe,
    seconds,
    values,
)
from gridstone import host_memory as needs_host_memory
from gridstone.topology import gpu_count

_COUNT = max(2, gpu_count())
_EVERY = values(range(_COUNT), open=True, low=0, high=63)
_FIRST = values(range(2), full=range(_COUNT), open=True, low=0, high=63)
_LADDER = [1 << power for power in range(3, 31)]
_BYTES = values(_LADDER, quick=_LADDER[::3], open=True, unit="B", low=4, multiple=4)


@functools.cache
def _runner(name):
    return content.load_module(content.folder("runners") / f"{name}.py")


def _both_links(machine, axes, samples):
    """What the link carries one way, or both ways together."""
    one_way = peer_link(machine, axes, samples)
    if one_way is None or axes["direction"] != "both":
        return one_way
    return Limit(value=2 * one_way.value, kind=one_way.kind + ", both ways")


@probe(
    "peer/copy.cu",
    runner="on_peers",
    method=values(["engine", "read", "write"]),
    direction=["one", "both"],
    src=_FIRST,
    dst=_FIRST,
    bytes=_BYTES,
    measures=[bandwidth(), seconds()],
    limit=_both_links,
    sass={"sm_80+": [loop(r"LDG\.E\.128\S*", count=4), loop(r"STG\.E\.128\S*", count=4)]},
    needs=[peers(), gpu_memory(lambda axes: 2 * axes["bytes"])],
    where=lambda method, direction, src, dst, bytes: src < dst or (src > dst and direction == "one"),
    budget=0.5,
    fits="transfer",
)
def copy(peers, *, method, direction, src, dst, bytes):
    """A copy from the memory of GPU `src` to that of GPU `dst`: by a copy engine, or by SMs that read or write a peer.

    Both ways at once count the bytes of both, and the pair once: the time is that until both are done,
    with the waits of one GPU for the other in it, some 10 us, which rule small copies.
    """
    return _runner("peer_copies").copies(peers, src=src, dst=dst, method=method, direction=direction, size=bytes)


@probe(
    None,
    runner="on_peers",
    src=_EVERY,
    dst=_EVERY,
    bytes=values([8, 256 << 20], open=True, unit="B", low=8, multiple=4),
    measures=[bandwidth(), seconds()],
    limit=peer_link,
    needs=[peers(), gpu_memory(lambda axes: 2 * axes["bytes"])],
    where=lambda src, dst, bytes: src != dst,
)
def pairs(peers, *, src, dst, bytes):
    """Every ordered pair of GPUs: one copy by a copy engine, of the smallest size and of a large one."""
    return _runner("peer_copies").copies(peers, src=src, dst=dst, method="engine", direction="one", size=bytes)


@probe(
    "latency/pointer_chase.cu",
    runner="on_peers",
    src=_EVERY,
    dst=_EVERY,
    footprint=values([2 << 20, 256 << 20], quick=[2 << 20], open=True, unit="B", low=64 << 10, multiple=128),
    measures=[cycles(per="hop"), seconds()],
    sass={"sm_80+": loop(r"LDG\.E\.64(\.STRONG\.SM)?", count=16, clocked=True)},
    needs=[peers(), gpu_memory(lambda axes: axes["footprint"])],
    where=lambda src, dst, footprint: src != dst,
)
def latency(peers, *, src, dst, footprint):
    """Dependent loads of GPU `dst` from the memory of GPU `src`: from its L2, or from its DRAM."""
    return _runner("peer_copies").chase(peers, src=src, dst=dst, footprint=footprint, stride=128, lengths=(64, 320))


@probe(
    "duplex/atomic_chain.cu",
    runner="on_peers",
    src=_EVERY,
    dst=_EVERY,
    measures=[cycles(per="operation"), seconds()],
    sass={"sm_80+": loop(r"ATOMG\.E\.ADD\.64\.STRONG\.SYS\S*", count=8, clocked=True)},
    needs=[peers()],
    where=lambda src, dst: src != dst,
)
def atomic(peers, *, src, dst):
    """Dependent atomic additions of 8 bytes by GPU `dst` to a word of GPU `src`."""
    return _runner("peer_copies").atomics(peers, src=src, dst=dst, lengths=(32, 160))


@probe(
    "gather/zero_copy.cu",
    runner="on_peers",
    ranks=values(
        sorted({n for n in (1, 2, 4) if n <= _COUNT} | {_COUNT}),
        full=sorted({n for n in (1, 2, 3, 4, 6, 8, 16) if n <= _COUNT} | {_COUNT}),
        open=True,
        high=64,
    ),
    row_bytes=values([512, 2048], quick=[2048], full=[128, 512, 2048, 8192], open=True, unit="B", low=16, multiple=16),
    method=["plain"],
    vector=[16],
    unroll=[4],
    knobs=["method", "vector", "unroll"],
    measures=[bandwidth(), observed(name="bandwidth_gpu", unit="B/s", better="higher"), seconds()],
    sass={"sm_80+": loop(r"LDG\.E\.128", count=4)},
    needs=[
        gpus(lambda axes: max(2, axes["ranks"])),
        gpu_memory(lambda axes: 1 << 30),
        needs_host_memory(lambda axes: 8 << 30),
    ],
)
def gather(peers, *, ranks, row_bytes, method, vector, unroll):
    """Rows of one page-locked table that `ranks` GPUs read in place at the same time: all of them, and each by itself.

    The total counts the bytes of all GPUs until the slowest is done; `bandwidth_gpu` has a value per GPU and sample.
    """
    return _runner("gathers_at_once").at_once(
        peers, ranks=ranks, footprint=256 << 20, row_bytes=row_bytes, vector=vector
    )
