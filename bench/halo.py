"""Halo exchange of a cube with all 26 neighbours, as stencil codes do it: by datatypes, packed by hand, or on a GPU."""

import itertools
import time

import numpy as np

from gridstone import Metric, Unavailable, bandwidth, content, datatypes, host_memory, probe, seconds, values
from gridstone.declaration.over_ranks import PLACES, enough, is_first, libraries, rank_counts, tiers
from gridstone.host import usable_cores

_LIBRARY = libraries()
_RADIUS, _QUANTITIES = 3, 8
_ON_HOST, _ON_GPU = ("datatypes", "packed"), ("one_shot", "device", "staged")
_MOST_ON_GPUS = 8
_NOT_SENT = 0xEE  # what buffers hold that nothing has arrived in
_DIRECTIONS = [d for d in itertools.product((-1, 0, 1), repeat=3) if any(d)]


def bytes_sent(count):
    """What one rank sends: uint32 values of all quantities, in the shells that its 26 neighbours need."""
    sides = (_RADIUS if d else count for direction in _DIRECTIONS for d in direction)
    return 4 * _QUANTITIES * sum(a * b * c for a, b, c in zip(*[sides] * 3, strict=True))


_WITHOUT = dict.fromkeys(("pack", "unpack"), "MPI packs and unpacks within the exchange") | {
    "copy": "nothing is copied between host and device"
}


def _phase(name):
    """Seconds of one phase, where the method has it."""

    def reduce(samples):
        if f"time_{name}" not in samples.observed:
            raise Unavailable(_WITHOUT[name])
        return samples.observed[f"time_{name}"]

    return Metric(name=f"time_{name}", unit="s", better="lower", reduce=reduce)


def _region(direction, count, inside):
    """Start and size of what goes to the neighbour in a direction (`inside`), or comes from it, along each axis."""
    near, far = (_RADIUS, count) if inside else (0, _RADIUS + count)
    starts = [_RADIUS if d == 0 else near if d < 0 else far for d in direction]
    return starts, [_RADIUS if d else count for d in direction]


def _exchange(rank, *, count, method):
    comm, mpi4, now = rank.comm, rank.MPI, time.perf_counter
    grid = np.array(mpi4.Compute_dims(rank.size, 3))
    here = np.array(np.unravel_index(rank.rank, grid))
    edge = count + 2 * _RADIUS
    shape = (_QUANTITIES, edge, edge, edge)
    along = [(np.arange(edge) - _RADIUS + count * h) % (count * g) for h, g in zip(here, grid, strict=True)]
    x, y, z = np.ix_(*along)
    everywhere = (((x * count * grid[1] + y) * count * grid[2] + z) * _QUANTITIES).astype(np.uint32)
    expected = everywhere + np.arange(_QUANTITIES, dtype=np.uint32)[:, None, None, None]
    inner = (slice(None), *[slice(_RADIUS, _RADIUS + count)] * 3)

    fresh = np.full(shape, 0xFFFFFFFF, dtype=np.uint32)
    fresh[inner] = expected[inner]

    def datatype(direction, inside):
        starts, sizes = _region(direction, count, inside)
        return mpi4.UINT32_T.Create_subarray(list(shape), [_QUANTITIES, *sizes], [0, *starts]).Commit()

    ways = []
    for tag, direction in enumerate(_DIRECTIONS):
        peer = int(np.ravel_multi_index((here + direction) % grid, grid))
        ways.append((peer, tag, datatype(direction, True), datatype(direction, False)))
    back = len(_DIRECTIONS) - 1  # the opposite direction comes as far from the end of the list

    forms = [(datatypes.canonical(out), datatypes.canonical(into)) for _, _, out, into in ways]
    if method in _ON_GPU:
        gpu = content.load_module(content.folder("runners") / "mpi_halo.py")
        peers = [peer for peer, *_ in ways]
        return gpu.exchange(rank, forms=forms, peers=peers, fresh=fresh, expected=expected, method=method)
    field = rank.host.holding(fresh.copy())

    def by_datatypes():
        start = now()
        waiting = [comm.Irecv([field, 1, into], peer, back - tag) for peer, tag, _, into in ways]
        waiting += [comm.Isend([field, 1, out], peer, tag) for peer, tag, out, _ in ways]
        mpi4.Request.Waitall(waiting)
        return {"time_exchange": now() - start}

    room = [(rank.array(out.size), rank.array(into.size)) for out, into in forms]

    def packed():
        start = now()
        for (out, _), (sent, _) in zip(forms, room, strict=True):
            datatypes.pack(out, field, sent)
        middle = now()
        pairs = list(zip(ways, room, strict=True))
        waiting = [comm.Irecv(received, way[0], back - way[1]) for way, (_, received) in pairs]
        waiting += [comm.Isend(sent, way[0], way[1]) for way, (sent, _) in pairs]
        mpi4.Request.Waitall(waiting)
        end = now()
        for (_, into), (_, received) in zip(forms, room, strict=True):
            datatypes.unpack(into, received, field)
        return {"time_pack": middle - start, "time_exchange": end - middle, "time_unpack": now() - end}

    def poison():
        np.copyto(field, fresh)
        for _, received in room:
            received.fill(_NOT_SENT)

    return rank.Program(
        step=by_datatypes if method == "datatypes" else packed,
        aligned=False,
        poison=poison,
        verify=lambda: np.array_equal(field, expected),
    )


def _uses(axes):
    return {"device": "messages", "one_shot": "kernels", "staged": "kernels"}.get(axes["method"])


@probe(
    None,
    runner="on_mpi",
    library=_LIBRARY,
    memory=["host", "device"],
    method=[*_ON_HOST, *_ON_GPU],
    tier=tiers(),
    ranks=rank_counts(usable_cores()),
    count=values([16, 64], quick=[16], full=[8, 16, 32, 64, 128], open=True, low=_RADIUS, high=512),
    measures=[
        seconds(),
        bandwidth(),
        *map(_phase, ("pack", "exchange", "unpack", "copy")),
    ],
    needs=[
        *enough(lambda axes: axes["ranks"], _uses),
        host_memory(lambda axes: axes["ranks"] * 128 * (axes["count"] + 2 * _RADIUS) ** 3),
    ],
    together=PLACES,
    where=lambda library, memory, method, tier, ranks, count: (
        (method in _ON_GPU) == (memory == "device") and (memory == "host" or ranks <= _MOST_ON_GPUS)
    ),
    standard=lambda library, method, ranks, **_: (
        is_first(library, _LIBRARY) or (ranks == 2 and method not in ("one_shot", "staged"))
    ),
    budget=0.6,
)
def exchange(mpi, *, library, memory, method, tier, ranks, count):
    """Cubes of `count` cells a side, radius 3, 8 quantities, periodic: 26 messages out and in on every rank.

    `datatypes` gives subarrays to MPI, `packed` packs them by their canonical form and sends bytes. With the field in
    the memory of a GPU a kernel packs them: into host memory that is sent (`one_shot`), into device memory that is sent
    (`device`), or into device memory that is copied to the host and sent (`staged`). The phases are those of the
    first rank; what MPI packs itself is in the exchange. Bytes are those that a rank sends.
    """
    axes = {"count": count, "method": method}
    gpu = {"device": "aware", "one_shot": "beside", "staged": "beside"}.get(method)
    return mpi.work(_exchange, library=library, tier=tier, gpu=gpu, ranks=ranks, axes=axes, work=bytes_sent(count))
