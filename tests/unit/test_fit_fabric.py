"""memory_time of the fabric, fitted to a machine whose ports, banks, boxes and pairs are known."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fitted_machine import SM_HZ, write_run

import gridstone.model
from gridstone.errors import UsageError
from gridstone.fit import fit
from gridstone.fit.pairwise import FINEST, additive_pairs
from gridstone.model import HardwareModel, OutOfDomain
from gridstone.model.banks import passes

PORT, TARGET = 33e9, 65e9  # bytes per second of a block's port, and of one that a cluster asks
RESIDENT = {2: 66, 4: 30, 8: 15, 16: 7}
PEAK, BOX_LATENCY, BOX_RATE, ISSUE = 3.1e12, 600e-9, 30e9, 20e-9
SMS = 132
SIZES = (2, 4, 8, 16)
CARD = 36
PLAIN_BOX = {
    "pattern": "load", "form": "bulk", "tier": "dram", "bytes": 16384, "stages": 4, "blocks": 1, "cluster_size": 1,
    "dims": 1, "swizzle": 0,
}  # fmt: skip
EFFECTS = np.random.default_rng(5).normal(0, 4, (2, CARD))


def crossing(pattern: str, size: int) -> float:
    """Bytes per second of all clusters: each block for itself, or all of a cluster at one."""
    per_block = PORT if pattern == "pair" else min(PORT, TARGET / size)
    return RESIDENT[size] * size * per_block


def boxes(blocks: int, box: int, stages: int) -> float:
    """Little's law of boxes: under way over their latency, no more than issued, no more than the peak."""
    under_way = SMS * blocks * stages * box / (BOX_LATENCY + box / BOX_RATE)
    return float((under_way**-4 + (SMS * blocks * box / ISSUE) ** -4 + PEAK**-4) ** (-1 / 4))


def written(function: str, size: int, granule: int) -> float:
    """Bytes per second that all clusters write: each block for itself, and copies with a cost of their own."""
    own = PORT if function == "store" else 1 / (1 / PORT + 40e-9 / granule)
    return RESIDENT[size] * size * own


def flight(in_flight: int) -> float:
    """Little's law of loads."""
    return float(((SMS * in_flight / 500e-9) ** -3 + PEAK**-3) ** (-1 / 3))


def pair(source: int, destination: int) -> float:
    """Two GPCs of 18 SMs, even and odd numbers, and an effect of either SM."""
    return 190 + 5 * (source % 2) + EFFECTS[0, source] + EFFECTS[1, destination]


def _pairs() -> list[tuple[Any, str, str, float]]:
    entries = []
    for source in range(CARD):
        for slot, other in enumerate(range(source % 2, CARD, 2)):
            taken = pair(source, other) if other != source else 30.0
            entries.append(({"src_sm": source}, f"latency_{slot:02d}", "cycle/hop", taken))
            entries.append(({"src_sm": source}, f"dst_sm_{slot:02d}", "1", float(other)))
    return entries


CELLS: dict[str, list[tuple[Any, str, str, float]]] = {
    "dsm/latency_by_size": [({"cluster_size": n}, "latency", "cycle/hop", 190.0) for n in SIZES],
    "dsm/throughput": [
        ({"pattern": p, "cluster_size": n, "vector": v, "unroll": u, "warps": 32}, metric, unit, value)
        for p, n, v, u in itertools.product(("pair", "all_to_one"), SIZES, (4, 8, 16), (1, 4, 8))
        for metric, unit, value in (
            ("bandwidth", "B/s", crossing(p, n)),
            ("clusters", "1", float(RESIDENT[n])),
        )
    ],
    "dsm/write_throughput": [
        ({"function": f, "pattern": "all_to_all", "cluster_size": n, "bytes": size}, metric, unit, value)
        for f, n, size in itertools.product(("store", "bulk"), SIZES, (4, 8, 16, 256, 1024, 4096, 8192))
        if (f == "bulk") == (size > 16)
        for metric, unit, value in (
            ("bandwidth", "B/s", written(f, n, size)),
            ("clusters", "1", float(RESIDENT[n])),
        )
    ],
    "tma/throughput": [
        *(
            ({**PLAIN_BOX, "bytes": box, "stages": stages, "blocks": blocks}, "bandwidth", "B/s",
             boxes(blocks, box, stages))
            for blocks in (1, 2)
            for box in (1024, 4096, 16384)
            for stages in (1, 2, 4, 8)
        ),
        *(
            ({**PLAIN_BOX, "pattern": "multicast", "form": "tensor", "cluster_size": n, "dims": 2, "bytes": box},
             "bandwidth", "B/s", PEAK / n)
            for n in (2, 4)
            for box in (4096, 16384)
        ),
        *(
            ({**PLAIN_BOX, "form": "im2col", "dims": dims}, "bandwidth", "B/s", 0.9 * PEAK)
            for dims in (3, 4, 5)
        ),
    ],
    "tma/in_flight": [
        ({"method": "plain", "tier": "l2", "in_flight": n, "unroll": 4, "vector": 16}, "bandwidth", "B/s", flight(n))
        for n in (1024, 2048, 4096, 8192, 16384, 32768, 65536)
    ],
    "contention/strided_load": [
        (
            {"source": "shared", "vector": v, "stride": s},
            "bandwidth_sm",
            "B/cycle",
            32 * v / passes("shared", v, s),
        )
        for v in (4, 8, 16)
        for s in (0, 4, 8, 16, 24, 32, 48, 64, 128)
        if s % v == 0
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> HardwareModel:
    place = tmp_path_factory.mktemp("fabric")
    write_run(place / "run", CELLS)
    _exact_pairs(place / "run")
    fit([place / "run"], place / "model")
    return gridstone.model.load(place / "model")


def _exact_pairs(run: Path) -> None:
    """Numbers of SMs have no noise, so that the pairs are a run of their own."""
    import fitted_machine

    noise, fitted_machine.NOISE = fitted_machine.NOISE, 0.0
    try:
        write_run(run.parent / "pairs", {"dsm/latency_pair": _pairs()})
    finally:
        fitted_machine.NOISE = noise
    (run / "dsm" / "latency_pair.parquet").write_bytes(
        (run.parent / "pairs" / "dsm" / "latency_pair.parquet").read_bytes()
    )


def test_held_out_cells_are_within_two_per_cent(model: HardwareModel) -> None:
    random = model.function("memory_time").quality["random"]
    assert random["n"] > 40 and random["median"] < 0.02


@pytest.mark.parametrize("pattern", ["pair", "all_to_one"])
def test_clusters_move_what_those_that_are_resident_do(model: HardwareModel, pattern: str) -> None:
    for size in SIZES:
        found = model.memory_time(pattern=pattern, level="dsm", bytes=1e9, cluster_size=size, granule=8, unroll=4)
        assert found.value == pytest.approx(1e9 / crossing(pattern, size), rel=0.03)
        assert found.source == "measured"
    between = model.memory_time(pattern=pattern, level="dsm", bytes=1e9, cluster_size=8, granule=6, unroll=4)
    assert between.source == "interpolated"
    with pytest.raises(OutOfDomain, match="cluster_size=6: how many fit the GPU was measured for 2, 4, 8, 16"):
        model.memory_time(pattern=pattern, level="dsm", bytes=1e9, cluster_size=6)


def test_clusters_write_by_what_carries_the_bytes(model: HardwareModel) -> None:
    ask = {"pattern": "all_to_all", "level": "dsm", "bytes": 1e9}
    for size, (function, granule) in itertools.product(SIZES, (("store", 16), ("bulk", 1024), ("bulk", 8192))):
        found = model.memory_time(**ask, mechanism=function, cluster_size=size, granule=granule)
        assert found.value == pytest.approx(1e9 / written(function, size, granule), rel=0.03)
    between = model.memory_time(**ask, mechanism="bulk", cluster_size=8, granule=3000)
    assert between.lo < 1e9 / written("bulk", 8, 3000) < between.hi


def test_what_multicast_brings_hangs_on_the_cluster_by_tensor_maps_too(model: HardwareModel) -> None:
    ask = {"pattern": "multicast", "level": "dram", "mechanism": "tensor", "bytes": 1e12}
    for size in (2, 4):
        found = model.memory_time(**ask, cluster_size=size, granule=4096)
        assert found.value == pytest.approx(1e12 / (PEAK / size), rel=0.02)


def test_columns_of_pixels_have_a_law_of_their_own(model: HardwareModel) -> None:
    found = model.memory_time(pattern="read", level="dram", mechanism="im2col", dims=4, bytes=1e12)
    assert found.value == pytest.approx(1e12 / (0.9 * PEAK), rel=0.02)


def test_boxes_between_the_cells_follow_their_law(model: HardwareModel) -> None:
    ask = {"pattern": "read", "level": "dram", "mechanism": "bulk", "bytes": 1e12}
    for blocks, box, stages in ((1, 8192, 3), (2, 2048, 6), (1, 3000, 4)):
        found = model.memory_time(**ask, blocks=blocks, granule=box, stages=stages)
        assert found.value == pytest.approx(1e12 / boxes(blocks, box, stages), rel=0.05)
        assert found.lo < 1e12 / boxes(blocks, box, stages) < found.hi
    best = max(boxes(b, box, s) for b in (1, 2) for box in (1024, 4096, 16384) for s in (1, 2, 4, 8))
    assert model.memory_time(**ask).value == pytest.approx(1e12 / best, rel=0.01)
    with pytest.raises(OutOfDomain, match="granule=512"):
        model.memory_time(**ask, granule=512)


def test_loads_in_flight_follow_littles_law(model: HardwareModel) -> None:
    for n in (3000, 12_000, 50_000):
        found = model.memory_time(pattern="read", level="l2", bytes=1e12, in_flight=n)
        assert found.value == pytest.approx(1e12 / flight(n), rel=0.03)


def test_strides_cost_their_passes(model: HardwareModel) -> None:
    ask = {"pattern": "strided", "level": "shared", "bytes": 1e9}
    for width, stride in ((4, 64), (4, 12), (8, 40), (16, 0)):
        cycles = 1e9 * passes("shared", width, stride) / (32 * width)
        one = model.memory_time(**ask, granule=width, stride=stride, sms=1)
        assert one.value == pytest.approx(cycles / SM_HZ, rel=0.02)
        assert model.memory_time(**ask, granule=width, stride=stride).value == pytest.approx(one.value / SMS)


def test_a_pair_of_sms_takes_what_its_two_say(model: HardwareModel) -> None:
    ask = {"pattern": "chase", "level": "dsm", "bytes": 8, "unit": "cycle"}
    sources, others = np.array([0, 3, 14]), np.array([2, 15, 6])
    found = model.memory_time(**ask, src_sm=sources, dst_sm=others)
    assert found.value == pytest.approx([pair(a, b) for a, b in zip(sources, others, strict=True)], abs=0.1)
    assert (found.hi - found.lo < 1).all()
    facts = model.facts.measured
    assert facts["dsm_pairs_r2"].value > 0.99 and facts["dsm_pairs_rms"].value < 1
    with pytest.raises(OutOfDomain, match="SMs 0 and 1 are never in one cluster"):
        model.memory_time(**ask, src_sm=0, dst_sm=1)
    with pytest.raises(OutOfDomain, match="one SM"):
        model.memory_time(**ask, src_sm=4, dst_sm=4)
    with pytest.raises(OutOfDomain, match="SM 99"):
        model.memory_time(**ask, src_sm=99, dst_sm=4)


def test_pairs_of_two_cards_are_no_model(model: HardwareModel) -> None:
    rows = pd.DataFrame(
        [
            {
                "run_id": f"r{card}",
                "src_sm": s,
                "metric": f"{kind}_{slot:02d}",
                "value": v,
                "device_uuid": f"GPU-{card}",
            }
            for card in range(2)
            for s in range(CARD)
            for slot, other in enumerate(range(s % 2, CARD, 2))
            for kind, v in (("latency", pair(s, other)), ("dst_sm", other))
        ]
    )
    assert additive_pairs(rows) is None
    one = additive_pairs(rows[rows["device_uuid"] == "GPU-0"])
    assert one is not None and one["rms"] == FINEST  # the pairs are exact, latencies are known to that


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pattern": "pair", "level": "l2"}, "was not measured with level=l2: give level=dsm"),
        ({"pattern": "pair", "level": "dsm", "stages": 2}, "takes no stages .it takes bytes, cluster_size"),
        ({"pattern": "pair", "level": "dsm", "sms": 2}, "whole GPU: leave out sms"),
        ({"pattern": "pair", "level": "dsm", "unit": "cycle"}, "takes seconds"),
        ({"pattern": "read", "level": "dram", "mechanism": "bulky"}, "did you mean bulk"),
        ({"pattern": "strided", "level": "shared", "granule": 4}, "needs stride=BYTES"),
        ({"pattern": "strided", "level": "shared", "stride": 4}, "needs granule=BYTES"),
        ({"pattern": "strided", "level": "shared", "granule": 4, "stride": 6}, "a multiple of that apart"),
        ({"pattern": "strided", "level": "shared", "granule": 4, "stride": 4.5}, "whole bytes"),
        ({"pattern": "chase", "level": "dsm", "src_sm": 1}, "belong together"),
        ({"pattern": "chase", "level": "dsm", "src_sm": 1, "dst_sm": 3, "cluster_size": 2}, "leave out cluster_size"),
        ({"pattern": "chase", "level": "dsm", "granule": 4}, "granule=8 only"),
    ],
)
def test_what_does_not_belong_is_said(model: HardwareModel, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        model.memory_time(bytes=1e6, **arguments)


def test_more_multiprocessors_than_there_are_is_refused(model: HardwareModel) -> None:
    with pytest.raises(OutOfDomain, match="the GPU has 132"):
        model.memory_time(pattern="strided", level="shared", granule=4, stride=4, bytes=1e6, sms=133)
    with pytest.raises(OutOfDomain, match="the GPU has 132"):
        model.memory_time(pattern="strided", level="shared", granule=4, stride=4, bytes=1e6, sms=1.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pattern": "strided", "level": "shared", "granule": 4, "stride": 1 << 20}, "stride=1048576 is outside"),
        ({"pattern": "chase", "level": "dsm", "cluster_size": 2.5}, "cluster_size=2.5: there are only whole ones"),
        ({"pattern": "chase", "level": "dsm", "bytes": float("inf")}, "bytes=inf"),
        ({"pattern": "read", "level": "dram", "mechanism": "bulk", "granule": 4096, "stages": 2.5}, "only whole ones"),
    ],
)
def test_what_no_cell_stands_for_is_refused(model: HardwareModel, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(OutOfDomain, match=message):
        model.memory_time(**{"bytes": 1e6, **arguments})


def test_strides_beyond_the_measured_ones_are_answered_where_asked_to(model: HardwareModel) -> None:
    asked = {"pattern": "strided", "level": "shared", "granule": 4, "bytes": 1e6}
    near = model.memory_time(stride=128, **asked)
    far = model.memory_time(stride=128 << 10, **asked, extrapolate="flag")
    assert far.value == pytest.approx(near.value) and not far.in_domain and far.hi > 1.05 * near.hi
