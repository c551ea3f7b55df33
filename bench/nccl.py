"""NCCL on one GPU per rank: collectives, messages and rings, what they cost beside a GEMM, and what overlap saves."""

import functools

from gridstone import content, gpu_memory, loop, nccl, observed, probe, rate, seconds, values
from gridstone.collectives import BUS
from gridstone.ranks import elsewhere
from gridstone.topology import gpu_count, joint_tiers

_limits = content.load_module(content.folder("runners") / "nccl_limits.py")
_COUNT = max(2, gpu_count())
_RANKS = values(
    sorted({n for n in (2, 4, 8) if n <= _COUNT} | {_COUNT}),
    quick=[2],
    full=sorted({n for n in (2, 3, 4, 6, 8, 16) if n <= _COUNT} | {_COUNT}),
    open=True,
    low=2,
    high=1024,
)
_NEAR = joint_tiers()
_TIER = values(["network"] if elsewhere() else _NEAR, full=[*_NEAR, "network"])
_ALL = nccl(lambda axes: axes["ranks"], lambda axes: axes["tier"])
_PAIR = nccl(lambda _: 2, lambda axes: axes["tier"])
_LADDER = [1 << power for power in range(3, 32)]
_BYTES = values(_LADDER, quick=_LADDER[::4], open=True, unit="B", low=4, multiple=4)
_TIMES = [
    observed(name="time_host", unit="s"),
    observed(name="time_rank", unit="s"),
    observed(name="imbalance", unit="s"),
    observed(name="lateness", unit="s"),
]
_MEASURES = [
    seconds(),
    rate(unit="B/s", name="bandwidth_bus"),
    observed(name="bandwidth_algorithm", unit="B/s", better="higher"),
    *_TIMES,
]
_WHOLE = ("allreduce", "reduce", "broadcast")  # of arrays that are not divided among the ranks
_FORCED = [(algorithm, protocol) for algorithm in ("ring", "tree") for protocol in ("LL", "LL128", "Simple")]


@functools.cache
def _runner(name):
    return content.load_module(content.folder("runners") / f"{name}.py")


def _measured(nccl, program, *, tier, ranks, bytes, bus, algorithm="default", protocol="default", **axes):
    return nccl.work(
        getattr(_runner("nccl_programs"), program),
        tier=tier,
        ranks=ranks,
        algorithm=algorithm,
        protocol=protocol,
        axes={"bytes": bytes, **axes},
        work=bus * bytes,
        also={"bandwidth_algorithm": bytes},
    )


@probe(
    None,
    runner="on_nccl",
    tier=_TIER,
    collective=values(list(BUS), quick=["allreduce", "alltoall"]),
    ranks=_RANKS,
    bytes=_BYTES,
    measures=_MEASURES,
    limit={"bandwidth_bus": _limits.of_own_links},
    needs=[_ALL, gpu_memory(lambda axes: 2 * axes["bytes"])],
    where=lambda tier, collective, ranks, bytes: collective in _WHOLE or bytes >= 4 * ranks,
    budget=0.6,
    fits="collective",
)
def collective(nccl, *, tier, collective, ranks, bytes):
    """A collective over `bytes` per rank as NCCL chooses to do it: the slowest rank's time, many in a row.

    `bytes` is the larger of what a rank gives and gets; an all-to-all is sends and receives in one group. The bus
    bandwidth is that of the busiest link, were it a ring.
    """
    return _measured(
        nccl, "collective", tier=tier, ranks=ranks, bytes=bytes, bus=BUS[collective](ranks), collective=collective
    )


@probe(
    None,
    runner="on_nccl",
    tier=_TIER,
    collective=values(["allreduce"], full=[name for name in BUS if name != "alltoall"]),
    algorithm=["ring", "tree"],
    protocol=["LL", "LL128", "Simple"],
    together={("algorithm", "protocol"): _FORCED},
    ranks=_RANKS,
    bytes=values(_LADDER[::2], quick=_LADDER[::7], open=True, unit="B", low=4, multiple=4),
    measures=_MEASURES,
    limit={"bandwidth_bus": _limits.of_own_links},
    needs=[_ALL, gpu_memory(lambda axes: 2 * axes["bytes"])],
    where=lambda tier, collective, algorithm, protocol, ranks, bytes: collective in _WHOLE or bytes >= 4 * ranks,
    budget=0.5,
    fits="collective",
)
def forced(nccl, *, tier, collective, algorithm, protocol, ranks, bytes):
    """The same with the algorithm and the protocol that NCCL is told to use; what it refuses is skipped."""
    return _measured(
        nccl,
        "collective",
        tier=tier,
        ranks=ranks,
        bytes=bytes,
        bus=BUS[collective](ranks),
        algorithm=algorithm,
        protocol=protocol,
        collective=collective,
    )


@probe(
    None,
    runner="on_nccl",
    tier=_TIER,
    bytes=_BYTES,
    measures=_MEASURES,
    limit={"bandwidth_bus": _limits.of_own_links},
    needs=[_PAIR, gpu_memory(lambda axes: 2 * axes["bytes"])],
    budget=0.6,
    fits="collective",
)
def send(nccl, *, tier, bytes):
    """A message between two ranks: half a round trip of a send and a receive."""
    return _measured(nccl, "message", tier=tier, ranks=2, bytes=bytes, bus=1)


@probe(
    None,
    runner="on_nccl",
    tier=_TIER,
    direction=["one", "both"],
    ranks=_RANKS,
    bytes=values(_LADDER[:-1], quick=_LADDER[1:-1:9], open=True, unit="B", low=4, multiple=4),
    measures=_MEASURES,
    limit={"bandwidth_bus": _limits.of_own_links},
    needs=[_ALL, gpu_memory(lambda axes: 3 * axes["bytes"])],
    budget=0.5,
    fits="collective",
)
def ring(nccl, *, tier, direction, ranks, bytes):
    """Each rank sends `bytes` to the next and gets as many from the one before; `both` goes round both ways at once."""
    ways = 2 if direction == "both" else 1
    return _measured(nccl, "neighbours", tier=tier, ranks=ranks, bytes=bytes, bus=ways, direction=direction)


@probe(
    None,
    runner="on_nccl",
    tier=_TIER,
    collective=values(["allreduce"], full=list(BUS)),
    ranks=_RANKS,
    bytes=values([8192], full=[256, 8192, 1 << 20, 64 << 20], open=True, unit="B", low=4, multiple=4),
    delay=values([0.0, 50e-6], quick=[0.0], full=[0.0, 20e-6, 50e-6, 200e-6], open=True, low=0.0, high=0.1),
    measures=[seconds(), *_TIMES[2:]],
    needs=[_ALL, gpu_memory(lambda axes: 2 * axes["bytes"])],
    where=lambda tier, collective, ranks, bytes, delay: collective in _WHOLE or bytes >= 4 * ranks,
    budget=1.5,
)
def variability(nccl, *, tier, collective, ranks, bytes, delay):
    """A little work of each host and a collective again and again: every one is a sample, of `lateness` one per rank.

    The lateness of a rank is by how much its host began after the median one; the samples hold one collective after
    the other, rank by rank. `delay`: seconds that the last rank's host is held up for, in one collective of five.
    """
    program = _runner("nccl_programs").repeated
    axes = {"collective": collective, "bytes": bytes, "delay": delay}
    return nccl.work(program, tier=tier, ranks=ranks, axes=axes, work=bytes, each=True)


_GEMM = {"sm_80+": [loop(r"HMMA\.16816\.F32\.BF16", count=64), loop(r"LDSM\.16\.M88\.4", count=24)]}


@probe(
    "corun/load.cu",
    runner="on_nccl",
    tier=_TIER,
    split=values(
        [25, 50, 75, 88, 100], quick=[50, 100], full=[12, 25, 37, 50, 63, 75, 88, 94, 100], open=True, high=100
    ),
    blocks=values([0, 8], quick=[0], full=[0, 4, 8, 16], open=True, low=0, high=64),
    ranks=_RANKS,
    bytes=values([64 << 20], full=[1 << 20, 16 << 20, 256 << 20], open=True, unit="B", low=1024, multiple=16),
    measures=[observed(name="slowdown", unit="1"), observed(name="slowdown_beside", unit="1")],
    sass=_GEMM,
    needs=[_ALL, gpu_memory(lambda axes: 2 * axes["bytes"] + (1 << 30))],
    budget=1.5,
)
def beside(nccl, *, tier, split, blocks, ranks, bytes):
    """A bf16 multiplication on `split` per cent of the SMs beside all-reduces: how much slower it goes, and they go.

    blocks: the most thread blocks, and with them SMs, that NCCL may take; 0 leaves that to NCCL.
    """
    axes = {"bytes": bytes, "share": split}
    return nccl.observe(_runner("nccl_beside").beside, tier=tier, ranks=ranks, blocks=blocks, axes=axes)


@probe(
    "corun/load.cu",
    runner="on_nccl",
    tier=_TIER,
    chunks=values([1, 2, 4, 8], full=[1, 2, 3, 4, 6, 8, 16], open=True, high=64),
    ranks=_RANKS,
    bytes=values([64 << 20, 256 << 20], quick=[256 << 20], open=True, unit="B", low=4096, multiple=1024),
    measures=[
        observed(name="overlap", unit="1"),
        observed(name="time", unit="s"),
        observed(name="time_sum", unit="s"),
    ],
    sass=_GEMM,
    needs=[_ALL, gpu_memory(lambda axes: 2 * axes["bytes"] + (1 << 30))],
    budget=1.5,
)
def overlap(nccl, *, tier, chunks, ranks, bytes):
    """A multiplication and the all-reduce of its result in `chunks` parts: their time together over the sum of both.

    The multiplication has 88 % of the SMs; NCCL takes what it wants, so that the two contend for some.
    """
    return nccl.observe(
        _runner("nccl_beside").overlapped, tier=tier, ranks=ranks, axes={"bytes": bytes, "chunks": chunks}
    )
