"""The section on distributed shared memory, from rows of a machine whose pairs are additive and whose ways cross."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from synthetic import Factory, Truth

from gridstone.content import folder, load_module
from gridstone.declaration import Value
from gridstone.report.pairwise import held_out, matrix_of
from gridstone.store.schema import table

GPCS = [tuple(sm for sm in range(132) if sm // 2 % 8 == gpc) for gpc in range(8)]
Cells = Iterator[tuple[str, dict[str, Value], list[Truth]]]


def truth(metric: str, unit: str, value: float, better: str = "lower") -> Truth:
    return Truth(metric=metric, unit=unit, better=better, value=value)


def pair_cells() -> Cells:
    rng = np.random.default_rng(2)
    a, b = rng.normal(0, 4, 132), rng.normal(0, 5, 132)
    for group in GPCS:
        for sm in group:
            to = [33.0 if other == sm else 190 + a[sm] + b[other] for other in group]
            truths = [truth("latency", "cycle/hop", float(np.median(to)))]
            for slot, other in enumerate(group):
                truths.append(truth(f"latency_{slot:02d}", "cycle/hop", to[slot]))
                truths.append(truth(f"dst_sm_{slot:02d}", "1", other))
            yield "dsm/latency_pair", {"src_sm": sm}, truths


def other_cells() -> Cells:
    for size in (2, 4, 8, 16):
        metrics = {"latency": 190.0, "latency_effect": 0.01, "p_value": 0.4, "clusters": 132 // size}
        yield "dsm/latency_by_size", {"cluster_size": size}, [truth(m, "cycle/hop", v) for m, v in metrics.items()]
        for pattern, (vector, unroll) in itertools.product(
            ("pair", "ring", "all_to_all"), ((16, 4), (16, 1), (16, 8), (4, 4))
        ):
            speed = (17 - size / 4) * (0.8 if unroll == 1 else 1)
            yield (
                "dsm/throughput",
                {"pattern": pattern, "cluster_size": size, "vector": vector, "unroll": unroll, "warps": 32},
                [
                    truth("bandwidth", "B/s", speed * 132 * 1.965e9, "higher"),
                    truth("bandwidth_sm", "B/cycle", speed, "higher"),
                    truth("clusters", "1", 132 // size, "higher"),
                ],
            )
        for pattern, port in (("broadcast", 20), ("all_to_one", 30)):
            axes = {"pattern": pattern, "cluster_size": size, "vector": 16, "unroll": 4, "warps": 32}
            yield "dsm/throughput", axes, [truth("bandwidth_sm", "B/cycle", port / size, "higher")]
        for function, threads in itertools.product(("sync", "relaxed"), (128, 1024)):
            axes = {"function": function, "cluster_size": size, "threads": threads}
            yield "dsm/barrier", axes, [truth("latency", "cycle/barrier", 200.0 + size)]
    for function, source in itertools.product(("load", "atomic_add"), ("remote", "own")):
        cycles = 190.0 if source == "remote" else 33.0
        yield "dsm/access", {"function": function, "source": source}, [truth("latency", "cycle/access", cycles)]
    for function, size in (("store", 4), ("bulk", 16), ("bulk", 1024)):
        yield "dsm/round_trip", {"function": function, "bytes": size}, [truth("latency", "cycle/round trip", 900.0)]
    for function, size, bytes in itertools.product(("store", "st_async", "bulk"), (2, 8), (16, 8192, 1024)):
        if (function == "bulk") == (bytes > 16):
            for pattern in ("all_to_all", "pair"):
                axes = {"function": function, "pattern": pattern, "cluster_size": size, "bytes": bytes}
                yield "dsm/write_throughput", axes, [truth("bandwidth_sm", "B/cycle", 20.0 - size, "higher")]
    for method, mhz in (("repeat", 1980), ("sizes", 1980), ("throttled", 1500)):
        shifts = {"latency": 0.01, "latency_source": 0.02, "latency_destination": 0.03, "interval_level": 0.04}
        truths = [truth(name, "cycle/hop", shift) for name, shift in shifts.items()]
        truths += [truth("within_share", "1", 0.97, "higher"), truth("clock", "Hz", mhz * 1e6, "higher")]
        yield "dsm/pair_model", {"method": method}, truths
    for bins in (256, 4096, 16384, 65536, 262144):
        rates = {("shared", 1): 4e11 / bins**0.2, ("dsm", 8): 1e11, ("global", 1): 2e10 * bins**0.14}
        for (method, size), rate in rates.items():
            if method != "shared" or bins <= 32768:
                axes = {"method": method, "bins": bins, "threads": 1024, "cluster_size": size}
                yield "dsm/histogram", axes, [truth("rate", "update/s", rate, "higher")]


def frame(cells: Cells) -> pd.DataFrame:
    factory = Factory(run_id="r", seed=1, gpu=True, hostile=False, flaws=False)
    probes: dict[str, list] = {}
    for probe, axes, truths in cells:
        probes.setdefault(probe, []).extend(factory.rows(probe, axes, truths))
    return pd.concat([table(rows).to_pandas() for rows in probes.values()], ignore_index=True)


@pytest.fixture(scope="module")
def pair_rows() -> pd.DataFrame:
    rows = frame(pair_cells())
    members = {sm: group for group in GPCS for sm in group}
    numbers = rows["metric"].str.startswith("dst_sm_")
    named = rows.loc[numbers, ["src_sm", "metric"]].itertuples(index=False)
    rows.loc[numbers, "value"] = [float(members[sm][int(metric[-2:])]) for sm, metric in named]  # without noise
    return rows


@pytest.fixture(scope="module")
def other_rows() -> pd.DataFrame:
    return frame(other_cells())


@pytest.fixture(scope="module")
def drawn() -> ModuleType:
    return load_module(folder("reports") / "sections" / "dsm.py")


def test_the_matrix_is_read_off_the_rows_and_explained_by_both_sms(pair_rows: pd.DataFrame) -> None:
    matrix = matrix_of(pair_rows)
    assert matrix is not None
    assert matrix.latency.size == sum(len(group) ** 2 for group in GPCS)
    assert matrix.apart.latency.min() > 100
    quality = held_out(matrix)
    assert quality is not None
    assert quality[0] > 0.99 and quality[1] < 1


def test_the_section_states_model_bound_and_crossing(
    drawn: ModuleType, pair_rows: pd.DataFrame, other_rows: pd.DataFrame
) -> None:
    section = drawn.section(pd.concat([pair_rows, other_rows], ignore_index=True))
    assert "a part of it for each of the two SMs" in section.heading
    assert "the network between the SMs bounds it" in section.lead
    assert "each block's shared memory up to 256 bins (" in section.lead
    assert "a cluster's shared memory (clusters of 8) up to 65536 bins (" in section.lead
    assert "global memory beyond" in section.lead
    assert "One SM alone gives out at most 20.0 and takes in at most 30.0" in section.lead
    assert "GPC 7" in section.panels[0].svg and "R² is 0.99" in section.panels[0].caption
    captions = " ".join(panel.caption for panel in section.panels)
    assert "66 of 2, 33 of 4, 16 of 8 and 8 of 16 blocks" in captions
    names = {fact.quantity for fact in section.facts}
    assert {"dsm_latency", "dsm_throughput_cs2", "dsm_throughput_cs4", "dsm_throughput_cs16", "cluster_sync"} <= names


@pytest.mark.parametrize(
    ("bins", "said"),
    [((16384, 32768, 65536), "up to 32768 bins, as many as fit"), ((4096, 16384), "with more of which it was not")],
)
def test_a_way_that_ends_is_not_said_to_be_slower(drawn: ModuleType, bins: tuple[int, ...], said: str) -> None:
    """The last of `bins` was counted in the clusters' shared memory alone."""
    cells = [
        ("dsm/histogram", {"method": method, "bins": n, "threads": 1024, "cluster_size": size},
         [truth("rate", "update/s", rate, "higher")])
        for method, size, rate in (("shared", 1, 4e11), ("dsm", 2, 1e11))
        for n in bins
        if method == "dsm" or n < bins[-1]
    ]  # fmt: skip
    assert said in drawn.section(frame(iter(cells))).lead


@pytest.mark.parametrize(("p_value", "said"), [(0.4, "nothing that can be told"), (0.01, "the difference is real")])
def test_cluster_sizes_that_differ_are_not_said_to_be_alike(
    drawn: ModuleType, other_rows: pd.DataFrame, p_value: float, said: str
) -> None:
    rows = other_rows[other_rows["probe"] == "dsm/latency_by_size"].copy()
    rows.loc[rows["metric"] == "p_value", "value"] = p_value
    assert said in drawn.section(rows).panels[0].caption


def test_each_probe_alone_makes_a_section(drawn: ModuleType, pair_rows: pd.DataFrame, other_rows: pd.DataFrame) -> None:
    for probe in drawn.PROBES:
        rows = pair_rows if probe == "dsm/latency_pair" else other_rows
        section = drawn.section(rows[rows["probe"] == probe].dropna(axis="columns", how="all"))
        assert section.heading and section.panels


def test_one_source_alone_is_drawn_and_not_modelled(drawn: ModuleType, pair_rows: pd.DataFrame) -> None:
    section = drawn.section(pair_rows[pair_rows["src_sm"] == 5])
    assert "cycles for 98 % of the pairs, by the pair of SMs" in section.heading
    assert "R²" not in section.panels[0].caption


def test_cells_that_are_not_ok_are_no_claim(drawn: ModuleType, other_rows: pd.DataFrame) -> None:
    bad = other_rows.assign(status="unverified")
    section = drawn.section(bad)
    assert section.heading == "Clusters of blocks"
    assert not section.facts


@pytest.mark.parametrize("axis", ["method", "function", "pattern", "source"])
def test_words_of_another_version_are_shown_as_they_are(drawn: ModuleType, other_rows: pd.DataFrame, axis: str) -> None:
    other = other_rows.copy()
    other[axis] = other[axis].where(other[axis].isna() | (other["bins"] == 256), "teleported")
    assert drawn.section(other).heading
