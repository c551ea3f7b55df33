"""Collectives among ranks: the library's own, and ring, star and tree built from sends, over MPI."""

import itertools
from dataclasses import replace

import numpy as np

from gridstone import observed, pow2, probe, rate, seconds, values
from gridstone.collectives import BUS
from gridstone.declaration.over_ranks import PLACES, enough, libraries, memories, rank_counts, tiers
from gridstone.host import usable_cores

_LIBRARY, _RANKS, _TIER = libraries(), rank_counts(usable_cores()), tiers(device=False)
_ENOUGH = enough(lambda axes: axes["ranks"])
_MOST_ON_GPUS = 8
_PERIOD = 1021  # small whole numbers: a sum over ranks is exact in float32
_LATENESS = observed(name="lateness", unit="s")
_IMBALANCE = observed(name="imbalance", unit="s")
_BANDWIDTHS = [
    rate(unit="B/s", name="bandwidth_bus"),
    observed(name="bandwidth_algorithm", unit="B/s", better="higher"),
]
_BYTES = pow2("256", "8MiB", every=3, full=3, multiple=64 * 4)


def _values(first, count, scale):
    """float32 numbers that a rank contributes: `scale` times those of rank 0."""
    return (((np.arange(first, first + count) % _PERIOD) + 1) * scale).astype(np.float32)


def _native(rank, *, collective, bytes, memory="host"):
    comm, size, me = rank.comm, rank.size, rank.rank
    place = rank.memory(memory)
    count = bytes // 4
    part = count // size
    all_ranks = size * (size + 1) // 2
    floats = rank.MPI.FLOAT
    mine = place.holding(_values(0, count, me + 1))
    into = place.array(bytes).view(np.float32)
    if collective == "allreduce":
        call, expected = lambda: comm.Allreduce([mine, floats], [into, floats]), lambda: _values(0, count, all_ranks)
    elif collective == "reduce":
        call = lambda: comm.Reduce([mine, floats], [into, floats] if me == 0 else None, root=0)  # noqa: E731
        expected = (lambda: _values(0, count, all_ranks)) if me == 0 else None
    elif collective == "broadcast":
        buffer = mine if me == 0 else into
        call = lambda: comm.Bcast([buffer, floats], root=0)  # noqa: E731
        expected = (lambda: _values(0, count, 1)) if me else None
    elif collective == "allgather":
        call = lambda: comm.Allgather([mine[:part], floats], [into[: part * size], floats])  # noqa: E731
        expected = lambda: np.concatenate([_values(0, part, r + 1) for r in range(size)])  # noqa: E731
    elif collective == "reduce_scatter":
        call = lambda: comm.Reduce_scatter_block([mine[: part * size], floats], [into[:part], floats])  # noqa: E731
        expected = lambda: _values(me * part, part, all_ranks)  # noqa: E731
    else:
        call = lambda: comm.Alltoall([mine[: part * size], floats], [into[: part * size], floats])  # noqa: E731
        expected = lambda: np.concatenate([_values(me * part, part, r + 1) for r in range(size)])  # noqa: E731
    return _program(rank, call, into, expected, place)


def _repeated(rank, *, collective, bytes):
    """The collective behind a little work of each rank's own, which a slow core takes longer for."""
    numbers = np.zeros(4096)

    def work():
        for _ in range(8):
            np.add(numbers, 1.0, out=numbers)

    return replace(_native(rank, collective=collective, bytes=bytes), before=work)


def _program(rank, call, into, expected, place=None):
    place = place or rank.host

    def verify():
        wanted = expected()
        return np.array_equal(place.read(into[: wanted.size]), wanted)

    return rank.Program(step=call, poison=lambda: place.fill(into, 0xFF), verify=verify if expected else None)


def _measured(mpi, program, *, library, tier, ranks, bytes, bus, gpu=None, **axes):
    return mpi.work(
        program,
        library=library,
        tier=tier,
        gpu=gpu,
        ranks=ranks,
        axes={"bytes": bytes, **axes},
        work=bus * bytes,
        also={"bandwidth_algorithm": bytes},
    )


@probe(
    None,
    runner="on_mpi",
    budget=0.5,
    library=_LIBRARY,
    memory=memories(),
    tier=tiers(),
    collective=values(list(BUS), quick=["allreduce"]),
    ranks=_RANKS,
    bytes=_BYTES,
    measures=[seconds(), *_BANDWIDTHS, _IMBALANCE, _LATENESS],
    needs=enough(lambda axes: axes["ranks"], "collectives"),
    together=PLACES,
    where=lambda library, memory, tier, collective, ranks, bytes: (
        bytes >= 4 * ranks and (memory == "host" or ranks <= _MOST_ON_GPUS)
    ),
    fits="collective",
)
def native(mpi, *, library, memory, tier, collective, ranks, bytes):
    """One collective of the MPI library over `bytes` per rank, each after a barrier; the slowest rank's time.

    `bytes` is the larger of what a rank gives and gets. The bus bandwidth is that of the busiest link, were it a ring.
    """
    bus = BUS[collective](ranks)
    axes = {"collective": collective, "memory": memory}
    gpu = "aware" if memory == "device" else None
    return _measured(mpi, _native, library=library, tier=tier, ranks=ranks, bytes=bytes, bus=bus, gpu=gpu, **axes)


def _barrier(rank):
    return rank.Program(step=rank.comm.Barrier)


@probe(
    None,
    runner="on_mpi",
    budget=0.5,
    library=_LIBRARY,
    tier=_TIER,
    ranks=_RANKS,
    measures=[seconds(), _IMBALANCE, _LATENESS],
    needs=_ENOUGH,
)
def barrier(mpi, *, library, tier, ranks):
    """One barrier, after another one."""
    return mpi.work(_barrier, library=library, tier=tier, ranks=ranks, axes={}, work=1)


def _ring(rank, mine, into, spare):
    """Reduce-scatter, then all-gather, each in as many steps as there are neighbours to pass parts on to."""
    comm, size, me = rank.comm, rank.size, rank.rank
    right, left = (me + 1) % size, (me - 1) % size
    edges = [len(mine) * i // size for i in range(size + 1)]
    parts = [into[a:b] for a, b in itertools.pairwise(edges)]

    def call():
        into[:] = mine
        for step in range(size - 1):
            out, part = parts[(me - step) % size], parts[(me - step - 1) % size]
            comm.Sendrecv(out, right, 0, spare[: len(part)], left, 0)
            part += spare[: len(part)]
        for step in range(size - 1):
            comm.Sendrecv(parts[(me + 1 - step) % size], right, 1, parts[(me - step) % size], left, 1)

    return call


def _star(rank, mine, into, spare):
    """Everyone sends to rank 0, which adds up and sends back."""
    comm, size, me = rank.comm, rank.size, rank.rank

    def call():
        if me:
            comm.Send(mine, 0, 0)
            comm.Recv(into, 0, 1)
            return
        into[:] = mine
        for other in range(1, size):
            comm.Recv(spare, other, 0)
            np.add(into, spare, out=into)
        for other in range(1, size):
            comm.Send(into, other, 1)

    return call


def _tree(rank, mine, into, spare):
    """Up a binomial tree to rank 0, and down again."""
    comm, size, me = rank.comm, rank.size, rank.rank
    lowest = me & -me if me else 1 << (size - 1).bit_length()
    steps = [1 << i for i in range(lowest.bit_length() - 1) if me + (1 << i) < size]

    def call():
        into[:] = mine
        for step in steps:
            comm.Recv(spare, me + step, 0)
            np.add(into, spare, out=into)
        if me:
            comm.Send(into, me - lowest, 0)
            comm.Recv(into, me - lowest, 1)
        for step in reversed(steps):
            comm.Send(into, me + step, 1)

    return call


_BUILT = {"ring": _ring, "star": _star, "tree": _tree}


def _from_sends(rank, *, algorithm, bytes):
    mine = _values(0, bytes // 4, rank.rank + 1)
    into, spare = rank.array(bytes).view(np.float32), rank.array(bytes).view(np.float32)
    total = rank.size * (rank.size + 1) // 2
    return _program(rank, _BUILT[algorithm](rank, mine, into, spare), into, lambda: _values(0, len(mine), total))


@probe(
    None,
    runner="on_mpi",
    budget=0.5,
    library=_LIBRARY,
    tier=_TIER,
    algorithm=list(_BUILT),
    ranks=_RANKS,
    bytes=_BYTES,
    measures=[seconds(), *_BANDWIDTHS, _IMBALANCE, _LATENESS],
    needs=_ENOUGH,
    where=lambda library, tier, algorithm, ranks, bytes: bytes >= 4 * ranks,
    fits="collective",
)
def allreduce(mpi, *, library, tier, algorithm, ranks, bytes):
    """An all-reduce built from sends and NumPy additions: a ring, a star around rank 0, or a binomial tree."""
    bus = BUS["allreduce"](ranks)
    return _measured(
        mpi, _from_sends, library=library, tier=tier, ranks=ranks, bytes=bytes, bus=bus, algorithm=algorithm
    )


def _neighbours(rank, *, direction, bytes):
    comm, size, me = rank.comm, rank.size, rank.rank
    right, left = (me + 1) % size, (me - 1) % size
    out = rank.pattern(bytes, me)
    from_left, from_right = rank.array(bytes), rank.array(bytes)
    request = rank.MPI.Request

    def one():
        comm.Sendrecv(out, right, 0, from_left, left, 0)

    def both():
        waiting = [comm.Irecv(from_left, left, 0), comm.Irecv(from_right, right, 1)]
        waiting += [comm.Isend(out, right, 0), comm.Isend(out, left, 1)]
        request.Waitall(waiting)

    def poison():
        from_left.fill(0xEE)
        from_right.fill(0xEE)

    def verify():
        sound = np.array_equal(from_left, rank.pattern(bytes, left))
        return sound and (direction == "one" or np.array_equal(from_right, rank.pattern(bytes, right)))

    return rank.Program(step=one if direction == "one" else both, poison=poison, verify=verify)


@probe(
    None,
    runner="on_mpi",
    budget=0.5,
    library=_LIBRARY,
    tier=_TIER,
    direction=["one", "both"],
    ranks=_RANKS,
    bytes=_BYTES,
    measures=[seconds(), *_BANDWIDTHS, _IMBALANCE, _LATENESS],
    needs=_ENOUGH,
)
def ring(mpi, *, library, tier, direction, ranks, bytes):
    """Each rank sends `bytes` to the next and gets as many from the one before; `both` goes round both ways at once."""
    ways = 2 if direction == "both" else 1
    return _measured(
        mpi, _neighbours, library=library, tier=tier, ranks=ranks, bytes=bytes, bus=ways, direction=direction
    )


@probe(
    None,
    runner="on_mpi",
    budget=2.0,
    library=_LIBRARY,
    tier=_TIER,
    collective=values(["allreduce"], full=list(BUS)),
    ranks=_RANKS,
    bytes=values([8192], quick=[8192], full=[256, 8192, 1 << 20], open=True, unit="B"),
    measures=[seconds(), _IMBALANCE, _LATENESS],
    needs=_ENOUGH,
    where=lambda library, tier, collective, ranks, bytes: bytes >= 4 * ranks,
)
def variability(mpi, *, library, tier, collective, ranks, bytes):
    """A little work and a collective again and again: every single one is a sample, of `lateness` one per rank.

    The lateness of a rank is by how much it began after the median rank; the samples hold one collective after
    the other, rank by rank.
    """
    axes = {"collective": collective, "bytes": bytes}
    return mpi.work(_repeated, library=library, tier=tier, ranks=ranks, axes=axes, work=bytes, each=True)
