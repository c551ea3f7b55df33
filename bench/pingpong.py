"""Messages between two ranks: latency, bandwidth, message rate and overlap."""

import time

import numpy as np

from gridstone import bandwidth, observed, pow2, probe, rate, seconds, values
from gridstone.declaration.over_ranks import PLACES, enough, is_first, libraries, memories, tiers

_LIBRARY, _MEMORY, _TIER, _ON_HOSTS = libraries(), memories(), tiers(), tiers(device=False)
_PAIR = enough(2, "messages")
_WINDOW, _WINDOW_ON_GPUS = 64, 16  # messages under way
_LATENESS = observed(name="lateness", unit="s")


def _aware(memory):
    return "aware" if memory == "device" else None


def _send_both_ways(rank, *, bytes, memory):
    comm, peer, place = rank.comm, 1 - rank.rank, rank.memory(memory)
    out, into = place.holding(rank.pattern(bytes, rank.rank)), place.array(bytes)
    sent, received = [out, rank.MPI.BYTE], [into, rank.MPI.BYTE]

    def first():
        comm.Send(sent, peer)
        comm.Recv(received, peer)

    def second():
        comm.Recv(received, peer)
        comm.Send(sent, peer)

    return rank.Program(
        step=second if rank.rank else first,
        aligned=False,
        operations=2,
        poison=lambda: place.fill(into, 0xEE),
        verify=lambda: np.array_equal(place.read(into), rank.pattern(bytes, peer)),
    )


@probe(
    None,
    runner="on_mpi",
    library=_LIBRARY,
    memory=_MEMORY,
    tier=_TIER,
    bytes=pow2("1", "16MiB", per_octave=1, quick=1, full=4),
    measures=[seconds(), bandwidth(), _LATENESS],
    needs=_PAIR,
    together=PLACES,
    standard=lambda library, memory, tier, bytes: memory == "host" or bytes.bit_length() % 2 == 1,
    fits="piecewise",
    budget=0.4,
)
def latency(mpi, *, library, memory, tier, bytes):
    """Half a round trip of blocking sends and receives between two ranks, in host or in device memory."""
    axes = {"bytes": bytes, "memory": memory}
    return mpi.work(_send_both_ways, library=library, tier=tier, gpu=_aware(memory), ranks=2, axes=axes, work=bytes)


def _windows(rank, *, bytes, direction, count, memory="host"):
    comm, peer, request = rank.comm, 1 - rank.rank, rank.MPI.Request
    sends, receives = direction == "both" or rank.rank == 0, direction == "both" or rank.rank == 1
    place = rank.memory(memory)
    out = [[place.holding(rank.pattern(bytes, rank.rank)), rank.MPI.BYTE]] * count
    into = place.array(bytes * count)
    slots = [[into[i * bytes : (i + 1) * bytes], rank.MPI.BYTE] for i in range(count)]
    nothing = np.zeros(0, dtype=np.uint8)

    def step():
        waiting = [comm.Irecv(slot, peer, 1) for slot in slots] if receives else []
        waiting += [comm.Isend(message, peer, 1) for message in out] if sends else []
        request.Waitall(waiting)
        comm.Sendrecv(nothing, peer, 2, nothing, peer, 2)  # all have arrived

    def verify():
        arrived = place.read(into).reshape(count, bytes)
        return bool((arrived == rank.pattern(bytes, peer)).all())

    return rank.Program(
        step=step,
        aligned=False,
        operations=count,
        poison=lambda: place.fill(into, 0xEE),
        verify=verify if receives else None,
    )


@probe(
    None,
    runner="on_mpi",
    library=_LIBRARY,
    memory=_MEMORY,
    tier=_TIER,
    direction=["one", "both"],
    bytes=pow2("1KiB", "4MiB", per_octave=1, every=2, quick=1, full=2),
    measures=[bandwidth(), seconds()],
    needs=_PAIR,
    together=PLACES,
    standard=lambda library, memory, direction, **_: (
        memory == "host" or direction == "one" or is_first(library, _LIBRARY)
    ),
    budget=0.3,
)
def stream(mpi, *, library, memory, tier, direction, bytes):
    """Bandwidth of messages of `bytes` with many under way, one way or both; both ways count the bytes of both."""
    count = max(2, min(_WINDOW if memory == "host" else _WINDOW_ON_GPUS, (16 << 20) // bytes))
    ways = 2 if direction == "both" else 1
    axes = {"bytes": bytes, "direction": direction, "count": count, "memory": memory}
    return mpi.work(_windows, library=library, tier=tier, gpu=_aware(memory), ranks=2, axes=axes, work=ways * bytes)


@probe(
    None,
    runner="on_mpi",
    library=_LIBRARY,
    tier=_ON_HOSTS,
    bytes=values([8, 64, 512, 4096], quick=[8], full=[1, 8, 64, 256, 512, 1024, 4096, 16384], open=True, unit="B"),
    measures=rate(unit="message/s"),
    needs=_PAIR,
    budget=0.6,
)
def message_rate(mpi, *, library, tier, bytes):
    """Messages per second one way, 64 under way at a time."""
    axes = {"bytes": bytes, "direction": "one", "count": _WINDOW}
    return mpi.work(_windows, library=library, tier=tier, ranks=2, axes=axes, work=1)


def _hidden(rank, *, bytes):
    comm, peer, request, now = rank.comm, 1 - rank.rank, rank.MPI.Request, time.perf_counter
    out, into = rank.pattern(bytes, rank.rank), rank.array(bytes)

    def exchange(compute_s):
        comm.Barrier()
        start = now()
        waiting = [comm.Irecv([into, rank.MPI.BYTE], peer), comm.Isend([out, rank.MPI.BYTE], peer)]
        until = now() + compute_s
        while now() < until:
            pass
        request.Waitall(waiting)
        return now() - start

    def step():
        alone = min(exchange(0.0) for _ in range(3))
        together = min(exchange(alone) for _ in range(3))
        return {"overlap": 1.0 - (together - alone) / alone, "time": alone}

    return rank.Program(
        step=step,
        aligned=False,
        poison=lambda: into.fill(0xEE),
        verify=lambda: np.array_equal(into, rank.pattern(bytes, peer)),
    )


@probe(
    None,
    runner="on_mpi",
    library=_LIBRARY,
    tier=_ON_HOSTS,
    bytes=values([4 << 10, 64 << 10, 1 << 20, 4 << 20], quick=[1 << 20], open=True, unit="B"),
    measures=[
        observed(name="overlap", unit="1", better="higher"),
        observed(name="time", unit="s"),
    ],
    needs=_PAIR,
    budget=0.6,
)
def overlap(mpi, *, library, tier, bytes):
    """The share of an exchange that goes on while the rank computes without calling MPI: 1 all of it, 0 none.

    Two ranks exchange `bytes`, alone and then with a computation that lasts as long between start and wait; `time`
    is the exchange alone.
    """
    return mpi.work(_hidden, library=library, tier=tier, ranks=2, axes={"bytes": bytes}, work=bytes, least_s=0.0)
