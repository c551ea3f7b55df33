"""Collectives among ranks: the library's own, and ring, star and tree built from sends, over MPI."""

import functools

from gridstone import content, observed, pow2, probe, rate, seconds, values
from gridstone.collectives import BUS
from gridstone.declaration.over_ranks import PLACES, enough, is_first, libraries, memories, rank_counts, tiers
from gridstone.host import usable_cores

_LIBRARY, _RANKS, _TIER = libraries(), rank_counts(usable_cores()), tiers(device=False)
_ENOUGH = enough(lambda axes: axes["ranks"])
_MOST_ON_GPUS = 8
_LATENESS = observed(name="lateness", unit="s")
_IMBALANCE = observed(name="imbalance", unit="s")
_BANDWIDTHS = [
    rate(unit="B/s", name="bandwidth_bus"),
    observed(name="bandwidth_algorithm", unit="B/s", better="higher"),
]
_BYTES = pow2("256", "8MiB", every=3, full=3, multiple=64 * 4)
_FEW = 4  # ranks: with more, and with a second library beyond two, the standard profile has every other size
_THINNED = (256, 16 << 10, 1 << 20)


@functools.cache
def _program(file, name):
    return getattr(content.load_module(content.folder("runners") / f"{file}.py"), name)


def _sparse(library, ranks, bytes, **_):
    return ranks <= (_FEW if is_first(library, _LIBRARY) else 2) or (
        bytes in _THINNED and (ranks <= _FEW or is_first(library, _LIBRARY))
    )


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
    budget=0.2,
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
    standard=_sparse,
    fits="collective",
)
def native(mpi, *, library, memory, tier, collective, ranks, bytes):
    """One collective of the MPI library over `bytes` per rank, each after a barrier; the slowest rank's time.

    `bytes` is the larger of what a rank gives and gets. The bus bandwidth is that of the busiest link, were it a ring.
    """
    bus = BUS[collective](ranks)
    axes = {"collective": collective, "memory": memory, "bytes": bytes}
    program, gpu = _program("mpi_collectives", "native"), "aware" if memory == "device" else None
    return _measured(mpi, program, library=library, tier=tier, ranks=ranks, bus=bus, gpu=gpu, **axes)


@probe(
    None,
    runner="on_mpi",
    budget=0.2,
    library=_LIBRARY,
    tier=_TIER,
    ranks=_RANKS,
    measures=[seconds(), _IMBALANCE, _LATENESS],
    needs=_ENOUGH,
)
def barrier(mpi, *, library, tier, ranks):
    """One barrier, after another one."""
    return mpi.work(_program("mpi_collectives", "barrier"), library=library, tier=tier, ranks=ranks, axes={}, work=1)


@probe(
    None,
    runner="on_mpi",
    budget=0.2,
    library=_LIBRARY,
    tier=_TIER,
    algorithm=["ring", "star", "tree"],
    ranks=_RANKS,
    bytes=_BYTES,
    measures=[seconds(), *_BANDWIDTHS, _IMBALANCE, _LATENESS],
    needs=_ENOUGH,
    where=lambda library, tier, algorithm, ranks, bytes: bytes >= 4 * ranks,
    standard=_sparse,
    fits="collective",
)
def allreduce(mpi, *, library, tier, algorithm, ranks, bytes):
    """An all-reduce built from sends and NumPy additions: a ring, a star around rank 0, or a binomial tree."""
    program, bus = _program("mpi_sends", "allreduce"), BUS["allreduce"](ranks)
    axes = {"bytes": bytes, "algorithm": algorithm}
    return _measured(mpi, program, library=library, tier=tier, ranks=ranks, bus=bus, **axes)


@probe(
    None,
    runner="on_mpi",
    budget=0.2,
    library=_LIBRARY,
    tier=_TIER,
    direction=["one", "both"],
    ranks=_RANKS,
    bytes=_BYTES,
    measures=[seconds(), *_BANDWIDTHS, _IMBALANCE, _LATENESS],
    needs=_ENOUGH,
    standard=_sparse,
)
def ring(mpi, *, library, tier, direction, ranks, bytes):
    """Each rank sends `bytes` to the next and gets as many from the one before; `both` goes round both ways at once."""
    program, ways = _program("mpi_collectives", "neighbours"), 2 if direction == "both" else 1
    axes = {"bytes": bytes, "direction": direction}
    return _measured(mpi, program, library=library, tier=tier, ranks=ranks, bus=ways, **axes)


@probe(
    None,
    runner="on_mpi",
    budget=0.4,
    library=_LIBRARY,
    tier=_TIER,
    collective=values(["allreduce"], full=list(BUS)),
    ranks=_RANKS,
    bytes=values([8192], quick=[8192], full=[256, 8192, 1 << 20], open=True, unit="B"),
    delay=values([0.0, 20e-6], quick=[0.0], full=[0.0, 5e-6, 20e-6, 100e-6], open=True, low=0.0, high=0.1),
    measures=[seconds(), _IMBALANCE, _LATENESS],
    needs=_ENOUGH,
    where=lambda library, tier, collective, ranks, bytes, delay: bytes >= 4 * ranks,
    standard=lambda library, ranks, delay, **_: is_first(library, _LIBRARY) or ranks <= (2 if delay else _FEW),
)
def variability(mpi, *, library, tier, collective, ranks, bytes, delay):
    """A little work and a collective again and again: every single one is a sample, of `lateness` one per rank.

    The lateness of a rank is by how much it began after the median rank; the samples hold one collective after
    the other, rank by rank. `delay`: seconds that the last rank is held up for on purpose, in one collective of five.
    """
    axes = {"collective": collective, "bytes": bytes, "delay": delay}
    program = _program("mpi_collectives", "repeated")
    return mpi.work(program, library=library, tier=tier, ranks=ranks, axes=axes, work=bytes, each=True)
