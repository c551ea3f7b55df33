"""What order costs: fences at every scope, barriers of a block and of a grid."""

from gridstone import content, cycles, loop, observed, probe, values
from gridstone.declaration import Need

_SMS = observed(name="sms", unit="1", better="higher")  # that the places of a sample were on: all
_codes = content.load_module(content.folder("runners") / "contention_codes.py")
_STORES = loop(r"STG\.E", count=lambda axes: 16 if axes["pattern"] == "store" else 0)


def _runner(name):
    return content.load_module(content.folder("runners") / f"{name}.py")


@probe(
    "contention/fence_chain.cu",
    family="contention",
    function=["acq_rel", "sc", "membar"],
    scope=["block", "cluster", "gpu"],
    pattern=["idle", "store"],
    knobs=["function", "scope", "pattern"],
    measures=[cycles(per="fence", within=0.4), _SMS],
    where=_codes.offered_scope,
    needs=[_codes.hopper_for("scope", "cluster")],
    sass=_codes.claims(loop(_codes.fence, count=16), _STORES, axis="scope", since_sm_90="cluster"),
    budget=1.0,
)
def fence(gpu, *, function, scope, pattern):
    """Cycles of a fence of one thread with nothing under way, or after a store to another line: mean over all SMs."""
    stores = pattern == "store"
    return _runner("scopes").fence(gpu, stores=stores, more=96 if stores else 32)  # a store goes near or far


@probe(
    "contention/fence_chain.cu",
    family="contention",
    function=["acq_rel", "sc", "membar"],
    scope=["system"],
    pattern=["idle", "store"],
    knobs=["function", "scope", "pattern"],
    measures=[cycles(per="fence"), _SMS],
    sass={"sm_80+": [loop(_codes.fence, count=16), _STORES]},
    budget=0.4,  # one visit to each of six contexts: each has a value of its own, up to 60 cycles from the next one's
)
def fence_system(gpu, *, function, scope, pattern):
    """Cycles of a fence that orders what the host sees too: of one thread, with nothing under way or after a store.

    The mean over all SMs. GPCs differ by up to 150 cycles, and which are near is settled when a context is made:
    neither stream, memory nor code changes it.
    """
    return _runner("scopes").fence(gpu, stores=pattern == "store", more=16)


_BARRIER = {
    "block": r"BAR\.SYNC(\.DEFER_BLOCKING)?",
    "count": r"BAR\.RED\.POPC(\.DEFER_BLOCKING)?",
    "vote": r"VOTE\.ANY",
}


@probe(
    "contention/barrier_chain.cu",
    family="contention",
    function=["block", "count", "vote"],
    warps=values([1, 2, 4, 8, 16, 32], quick=[1, 8, 32]),
    knobs=["function"],
    measures=cycles(per="barrier", within=0.4),
    where=lambda function, warps: function != "vote" or warps == 1,
    sass={"sm_80+": loop(lambda axes: _BARRIER[axes["function"]], count=64)},
)
def barrier(gpu, *, function, warps):
    """Cycles of a barrier of a block, of one that counts threads, and of a vote of a warp's lanes."""
    return _runner("scopes").barrier(gpu, function=function, warps=warps)


@probe(
    "contention/grid_barrier.cu",
    family="contention",
    count=values([2, 8, 32, 64, 128], quick=[2, 128], full=[2, 4, 8, 16, 32, 64, 96, 128], open=True, low=2),
    measures=[cycles(per="barrier", within=0.4), _SMS],
    needs=[
        _codes.place_to_meet,
        Need(
            name="multiprocessors",
            missing=lambda machine, axes: (
                None
                if machine.gpu is None or axes["count"] <= machine.gpu.multiprocessors
                else f"needs {axes['count']} SMs, {machine.gpu.name} has {machine.gpu.multiprocessors}"
            ),
        ),
    ],
    sass={"sm_80+": loop(r"ATOMG?\.E\.ADD\.STRONG\.GPU", clocked=True)},
    budget=8.0,  # which four visits take up
)
def grid_barrier(gpu, *, count):
    """Cycles of a barrier of `count` blocks on as many SMs, by an atomic and a wait in global memory."""
    return _runner("scopes").grid_barrier(gpu, count=count)
