"""The sections of several GPUs, from rows of machines of 2, 4 and 8 of them whose laws are known."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gridstone import content
from gridstone.collectives import BUS
from gridstone.declaration import Probe
from gridstone.plan.catalogue import load_probes
from gridstone.report.identity import card
from gridstone.report.runs import select

REFERENCE = content.root() / "results/reference"
LINK, ENGINE = 478e9, 380e9
PROBES = {probe.name: probe for probe in load_probes() if probe.family in ("peer", "nccl")}


def _section(family: str) -> ModuleType:
    return content.load_module(content.folder("reports") / "sections" / f"{family}.py")


def _truths(probe: Probe, axes: Mapping[str, Any]) -> dict[str, float]:
    name = probe.name
    if name in ("peer/copy", "peer/pairs"):
        ways = 2 if axes.get("direction") == "both" else 1
        far = 1.0 + 0.01 * abs(axes["src"] - axes["dst"])
        time = 2e-6 + far * axes["bytes"] / ENGINE
        return {"bandwidth": ways * axes["bytes"] / time, "time": time}
    if name == "peer/latency":
        return {"latency": 1500.0, "time": 800e-9}
    if name == "peer/gather":
        rate = 51e9 * axes["ranks"] ** 0.9
        return {"bandwidth": rate, "bandwidth_gpu": rate / axes["ranks"], "time": 1e-3}
    if name in ("nccl/beside", "nccl/overlap"):
        return {metric.name: 1.1 for metric in probe.metrics}
    if probe.family == "nccl":
        told = {"LL": (6e-6, 0.3), "LL128": (8e-6, 0.9), "Simple": (14e-6, 1.0)}.get(axes.get("protocol"), (9e-6, 0.97))
        bus = BUS.get(axes.get("collective", ""), lambda _: 1)(axes.get("ranks", 2)) * axes["bytes"]
        time = told[0] * np.log2(axes.get("ranks", 2)) + bus / (told[1] * 350e9)
        others = {metric.name: time for metric in probe.metrics}
        return others | {"bandwidth_bus": bus / time, "bandwidth_algorithm": axes["bytes"] / time}
    return {metric.name: 1e-6 for metric in probe.metrics}


def _rows(family: str, gpus: int) -> pd.DataFrame:
    given: dict[str, list[Any]] = {"src": list(range(gpus)), "dst": list(range(gpus))}
    given["ranks"] = sorted({2, gpus}) if family == "nccl" else sorted({1, gpus})
    listed = []
    for probe in (p for p in PROBES.values() if p.family == family):
        own = {axis.name: given[axis.name] for axis in probe.axes if axis.name in given}
        if probe.name == "peer/copy":
            own = {"src": [0, 1], "dst": [0, 1]}
        for number, axes in enumerate(probe.points("standard", own)):
            for metric in probe.metrics:
                value = _truths(probe, axes)[metric.name]
                limited = metric.name == "bandwidth_bus" or (metric.name == "bandwidth" and "src" in axes)
                listed.append(
                    {
                        "run_id": "r", "probe": probe.name, "cell_id": f"{probe.name}{number}", "metric": metric.name,
                        "unit": metric.unit, "better": metric.better, **axes, "status": "ok", "reason": None,
                        "value": value, "lo": 0.99 * value, "hi": 1.01 * value, "n": 15, "sm_mhz": 1980.0,
                        "limit": LINK if limited else None,
                        "limit_kind": "18 NVLinks x 26.562 GB/s (NVML)" if limited else None,
                    }
                )  # fmt: skip
    return pd.DataFrame(listed)


@pytest.mark.parametrize("gpus", [2, 4, 8])
def test_peers_claim_their_share_of_the_link_and_show_every_pair(gpus: int) -> None:
    found = _section("peer").section(_rows("peer", gpus))
    assert found.heading.startswith("A GPU reaches 37")
    assert "of 18 NVLinks x 26.562 GB/s (NVML)" in found.heading
    assert "a dependent load of a peer's memory takes 800 ns" in found.heading
    (bandwidths,) = [panel for panel in found.panels if panel.caption.startswith("GB/s of one copy")]
    assert bandwidths.svg.count(f"GPU {gpus - 1}") >= 2
    assert bandwidths.wide is (gpus == 8)
    assert "They are joined by 18 NVLinks" in bandwidths.caption
    assert f"{gpus} GPUs read" in found.lead


@pytest.mark.parametrize("gpus", [2, 4, 8])
def test_collectives_of_the_most_gpus_are_claimed(gpus: int) -> None:
    found = _section("nccl").section(_rows("nccl", gpus))
    assert f"all-reduce of {gpus} GPUs reaches" in found.heading
    assert "of 18 NVLinks" in found.heading
    captions = [panel.caption for panel in found.panels]
    assert any("The all-reduce by number of GPUs." in caption for caption in captions) is (gpus > 2)
    told = [caption.split(" over ")[0] for caption in captions if "below 1 it is faster" in caption]
    assert told == [f"Time of an all-reduce of {ranks} GPUs" for ranks in sorted({2, gpus}, reverse=True)]
    assert found.lead.count("sizes some forced algorithm") == len(told)
    assert sum("How much slower" in caption for caption in captions) == 2


def test_the_choice_of_algorithm_is_judged_against_nccls_own() -> None:
    section = _section("nccl")
    rows = _rows("nccl", 2)
    sizes = sorted(set(PROBES["nccl/forced"].axis("bytes").values("standard")))
    assert "LL at 8 B" in section.section(rows).lead
    assert f"of {len(sizes)} sizes some forced algorithm" in section.section(rows).lead
    forced = rows["probe"] == "nccl/forced"
    slowed = rows.assign(value=rows["value"].where(~forced | (rows["metric"] != "time"), 10 * rows["value"]))
    assert section.section(slowed).lead == (
        f"At none of {len(sizes)} sizes is a forced algorithm or protocol 3 % faster than NCCL's own choice."
    )
    assert section.section(rows[~forced]).lead == ""


def test_of_four_h100s_the_choice_is_told_by_number_of_gpus() -> None:
    rows = select(REFERENCE / "nvidia-h100-x4/20261126T084528Z-vm-4e7a").rows
    lead = _section("nccl").section(rows[rows["probe"].str.startswith("nccl/")]).lead
    assert "Among 4 GPUs, at none of 15 sizes is a forced algorithm" in lead
    assert "Among 2 GPUs, at 3 of 15 sizes" in lead and "most of all ring LL at 2 MiB" in lead
    assert "In 2 cells no rank comes late" in lead and "held up on purpose for 50 us, 2 are named" in lead


def test_what_lies_around_the_gpus_is_on_the_identity_card() -> None:
    ways = [
        {"src": a, "dst": b, "tier": "nvlink", "path": "SYS", "count": 18, "bandwidth": LINK}
        for a, b in itertools.permutations(range(2), 2)
    ]
    nic = {"name": "mlx5_0:1", "kind": "InfiniBand", "state": "active", "bandwidth": 50e9, "numa_node": 1}
    topology = {"gpus": [{"gpu": 0, "numa_node": 0}, {"gpu": 1, "numa_node": 1}], "links": ways, "nics": [nic]}
    rows = pd.DataFrame(
        [{"device": "H100", "device_uuid": "GPU-0", "host": "n", "t_utc": "2026-11-25T10:00:00", "run_id": "r",
          "throttle": "", "sm_mhz": 1.0, "mem_mhz": 1.0, "power_w": 1.0, "temperature_c": 1.0}]
    )  # fmt: skip
    groups = dict(card(rows, {"topology": topology}).groups)
    lines = groups["Between the GPUs and to other hosts"]
    assert [(line.name, line.text) for line in lines] == [
        ("GPUs all pairs", "18 NVLinks, 478 GB/s one way"),
        ("mlx5_0:1", "InfiniBand, 400 Gbit/s, memory node 1"),
    ]
    assert "Between the GPUs and to other hosts" not in dict(card(rows, {}).groups)
