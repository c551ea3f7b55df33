"""Both ways over the link at once, by copy engines and by SMs; atomics over it, and the smallest message."""

import functools

import numpy as np

from gridstone import bandwidth, content, cycles, gpu_memory, loop, observed, package, probe, rate, seconds, values
from gridstone.declaration import Limit, pcie

_UNIT = 16 << 20  # bytes of one copy: 0.3 ms
_SPAN = 5e-3
_SMS = 16
_ROUNDS = 500


@functools.cache
def _runner(name):
    return content.load_module(content.folder("runners") / f"{name}.py")


def _both(machine, axes, samples):
    one_way = pcie(machine, axes, samples)
    ways = sum(axes[way] != "none" for way in ("h2d", "d2h"))
    return one_way and Limit(value=ways * one_way.value, kind=one_way.kind + (", both ways" if ways > 1 else ""))


@probe(
    "scatter/blocks.cu",
    h2d=["none", "engine", "sm"],
    d2h=["none", "engine", "sm"],
    measures=[
        observed(name="bandwidth", unit="B/s", better="higher"),
        observed(name="bandwidth_h2d", unit="B/s", better="higher"),
        observed(name="bandwidth_d2h", unit="B/s", better="higher"),
    ],
    limit={"bandwidth": _both, "bandwidth_h2d": pcie, "bandwidth_d2h": pcie},
    sass={"sm_80+": [loop(r"LDG\.E\.128\S*", count=4), loop(r"STG\.E\.128\S*", count=4)]},
    needs=[gpu_memory(lambda axes: 1 << 30)],
    where=lambda h2d, d2h: (h2d, d2h) != ("none", "none"),
    budget=2.0,
)
def link(gpu, *, h2d, d2h):
    """Each way by a copy engine or by 16 SMs, alone and while the other way is busy; copies of 16 MiB on end.

    A way that is not used counts 0 B/s.
    """
    return _runner("both_ways").both_ways(gpu, h2d=h2d, d2h=d2h, unit=_UNIT, sms=_SMS, span_s=_SPAN)


@probe(
    "duplex/atomic_chain.cu",
    source=["host", "device"],
    measures=[cycles(per="operation"), seconds()],
    sass={"sm_80+": loop(r"ATOMG\.E\.ADD\.64\.STRONG\.SYS\S*", count=8, clocked=True)},
)
def atomic_latency(gpu, *, source):
    """Dependent atomic additions of 8 bytes by one thread, to page-locked host memory or to the GPU's own."""
    word = gpu.pinned(64).view(np.uint64) if source == "host" else gpu.alloc(64).view(np.uint64)
    held, results = 0, []
    if source == "host":
        word.fill(0)
    else:
        gpu.memset(word, 0)

    def args(length):
        nonlocal held
        found = 1
        for _ in range(length):
            held, found = (held + (found | 1)) % 2**64, held
        results.append(found)
        return [word, np.uint64(1)]

    def expect():
        due = list(results)
        results.clear()
        return due

    return gpu.chain(args=args, lengths=(32, 160), expect=expect)


@probe(
    "duplex/atomics.cu",
    source=["host", "device"],
    form=["atom", "red"],
    stride=values([8, 128], full=[8, 32, 128], open=True, unit="B", low=8, multiple=8),
    knobs=["form"],
    measures=rate(unit="operation/s"),
    sass={
        "sm_80+": [
            loop(r"ATOMG\.E\.ADD\.64\.STRONG\.SYS\S*", count=lambda axes: 4 * (axes["form"] == "atom")),
            loop(r"RED(G)?\.E\.ADD\.64\.STRONG\.SYS\S*", count=lambda axes: 4 * (axes["form"] == "red")),
        ]
    },
)
def atomics(gpu, *, source, form, stride):
    """Atomic additions of 8 bytes of 16,384 threads, each to a word of its own, `stride` bytes apart."""
    grid, block, rounds = 64, 256, 1 if source == "host" else 256
    threads = grid * block
    size = threads * stride
    words = gpu.pinned(size).view(np.uint64) if source == "host" else gpu.alloc(size).view(np.uint64)
    sink, launches = gpu.alloc(8), 0

    def enqueue():
        nonlocal launches
        launches += 1
        gpu.enqueue(gpu.kernel, grid, block, [words, np.uint32(stride), np.uint32(rounds), sink])

    def poison():
        nonlocal launches
        launches = 0
        if source == "host":
            words.fill(0)
        else:
            gpu.memset(words, 0)

    def verify():
        gpu.synchronize()
        found = words if source == "host" else words.get()
        return bool((found[:: stride // 8] == launches * rounds * 4).all())

    return gpu.call(enqueue, work=threads * rounds * 4, poison=poison, verify=verify, keep=[words, sink])


@probe(
    "duplex/flag.cu",
    method=["flag"],
    measures=observed(name="latency", unit="s"),
    sass={"sm_80+": loop(r"LDG\.E\.STRONG\.SYS\S*")},
    needs=[package(lambda axes: "numba")],
    budget=4.0,  # the first visit of each process compiles the host's loop
)
def message(gpu, *, method):
    """The smallest message: a flag that the host writes, the GPU sees and answers, and the host sees again."""
    return _runner("flags").round_trips(gpu, _ROUNDS)


@probe(
    None,
    direction=["h2d", "d2h"],
    count=values([1, 2, 4], full=[1, 2, 3, 4, 8], open=True),
    bytes=values([64 << 20], open=True, unit="B", low=1 << 20, multiple=1 << 20),
    measures=[bandwidth(), seconds()],
    limit=pcie,
    needs=[gpu_memory(lambda axes: 2 * axes["bytes"])],
)
def streams(gpu, *, direction, count, bytes):
    """One copy of `bytes` in `count` equal parts on as many streams: whether more copies at once carry more."""
    return _runner("both_ways").parted(gpu, direction=direction, count=count, size=bytes)
