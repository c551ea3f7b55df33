"""Loads from the shared memory of another SM: by the pair of SMs, by the size of the cluster, what moves neither."""

from dataclasses import replace

import numpy as np

from gridstone import Metric, Unavailable, compute_capability, content, loop, observed, probe, values
from gridstone.declaration import Need

_CLUSTERS = compute_capability(9.0)
_SLOTS = 18  # SMs of the largest GPC of sm_90
_LOADS = {"sm_90+": loop(r"LD\.E\.64", count=16, clocked=True)}


def _runner(name):
    return content.load_module(content.folder("runners") / f"{name}.py")


def _missing_sm(machine, axes):
    if machine.gpu is None or axes["src_sm"] < machine.gpu.multiprocessors:
        return None
    return f"needs more than {axes['src_sm']} SMs, {machine.gpu.name} has {machine.gpu.multiprocessors}"


def _of_slot(name, slot, unit):
    """A value for the SM that is number `slot` of those which the source meets, in ascending order, itself included."""

    def reduce(samples):
        taken = samples.observed[f"{name}_{slot:02d}"]
        if np.isposinf(taken).all():
            raise Unavailable(f"this SM meets fewer than {slot + 1} SMs")
        return taken

    return Metric(name=f"{name}_{slot:02d}", unit=unit, better="lower", reduce=reduce)


@probe(
    "dsm/latency_pair.cu",
    family="dsm",
    src_sm=values(range(132), open=True, low=0),
    measures=[
        observed(name="latency", unit="cycle/hop", within=0.5),
        observed(name="gpc", unit="1"),
        *(_of_slot("latency", slot, "cycle/hop") for slot in range(_SLOTS)),
        *(_of_slot("dst_sm", slot, "1") for slot in range(_SLOTS)),
    ],
    sass=_LOADS,
    needs=[_CLUSTERS, Need(name="SM", missing=_missing_sm)],
    where=lambda src_sm: src_sm >= 0,
)
def latency_pair(gpu, *, src_sm):
    """Load latency from one SM to each SM that it meets in a cluster, clusters of 2 to 16, and which SMs these are."""
    sweep = _runner("cupy_pairs").latest(gpu, src_sm)
    taken = _runner("pair_sweep").observations(sweep, src_sm, _SLOTS)
    return replace(gpu.observe(lambda: next(taken)), verify=lambda: sweep.right)


@probe(
    "dsm/latency_pair.cu",
    family="dsm",
    cluster_size=values([2, 4, 8, 16], full=range(2, 17), open=True, low=2, high=16),
    measures=[
        observed(name="latency", unit="cycle/hop", within=0.5),
        observed(name="latency_least", unit="cycle/hop", within=0.5),
        observed(name="latency_most", unit="cycle/hop", within=0.5),
        observed(name="latency_effect", unit="cycle/hop"),
        observed(name="p_value", unit="1", better="higher"),
        observed(name="pairs", unit="1", better="higher"),
        observed(name="clusters", unit="1", better="higher"),
    ],
    sass=_LOADS,
    needs=[_CLUSTERS],
)
def latency_by_size(gpu, *, cluster_size):
    """Load latency of the mean pair of SMs by cluster size, and what the size adds to the same pairs."""
    pairs, shared = _runner("cupy_pairs"), _runner("whole_sm").most_shared(gpu)
    held = _runner("cupy_cluster").fitting(gpu, size=cluster_size, block=1, shared=shared)
    right = []

    def observe():
        said, ended = pairs.said_by_size(gpu, cluster_size, cluster_size)
        right.append(ended)
        return {**said, "clusters": held}

    return replace(gpu.observe(observe), verify=lambda: all(right))


@probe(
    "dsm/latency_pair.cu",
    family="dsm",
    method=values(["repeat", "sizes", "half", "throttled"], quick=["sizes"]),
    measures=[
        *(
            observed(name=name, unit="cycle/hop")
            for name in (
                *("latency", "latency_source", "latency_destination"),
                *("interval_level", "interval_effect", "interval_change"),
            )
        ),
        observed(name="within_share", unit="1", better="higher"),
        observed(name="pairs", unit="1", better="higher"),
        observed(name="clock", unit="Hz", better="higher"),
    ],
    sass=_LOADS,
    needs=[_CLUSTERS],
    budget=0.3,
)
def pair_model(gpu, *, method):
    """What other placements, or a throttled chip, change in mu, in a(source) and in b(destination), at most."""
    return _runner("pair_models").shift(gpu, method=method)
