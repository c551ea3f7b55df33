"""Ceilings, and where they come from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gridstone.declaration import Gpu, Machine, Samples, constant, dram, pcie, per_sm_clock

H200 = Gpu(
    name="NVIDIA H200",
    uuid="GPU-1",
    compute_capability=(9, 0),
    memory=141 << 30,
    multiprocessors=132,
    sm_hz_max=1.98e9,
    mem_hz_max=3.201e9,
    bus_bits=6144,
    l2=60 << 20,
    pcie_gen=5,
    pcie_width=16,
)
NODE = Machine(host="h", cpu="c", cores=2, memory=1 << 30, gpu=H200, gpus=1)
HOST = replace(NODE, gpu=None, gpus=0)


def test_dram_is_clock_times_width_times_two() -> None:
    found = dram(NODE, {}, Samples())
    assert found is not None
    assert found.value == pytest.approx(4.917e12, rel=1e-3)
    assert found.kind == "memory clock x bus width x 2"


def test_pcie_counts_lanes_after_line_coding() -> None:
    found = pcie(NODE, {}, Samples())
    assert found is not None
    assert found.value == pytest.approx(63.0e9, rel=1e-3)
    assert found.kind.startswith("PCIe 5 x16")


def test_a_ceiling_per_clock_follows_the_clock_of_the_samples() -> None:
    found = per_sm_clock(128, "CUDA programming guide")(
        NODE, {}, Samples(sm_hz=np.array([1.7e9, 1.8e9, np.nan, 1.9e9]))
    )
    assert found is not None
    assert found.value == pytest.approx(128 * 132 * 1.8e9)
    assert "CUDA programming guide" in found.kind


@pytest.mark.parametrize("limit", [dram, pcie, per_sm_clock(128, "guide")])
def test_what_is_not_known_has_no_ceiling(limit) -> None:
    assert limit(HOST, {}, Samples(sm_hz=np.array([1e9]))) is None


def test_unknown_buses_and_clocks_have_no_ceiling() -> None:
    odd = replace(NODE, gpu=replace(H200, bus_bits=0, pcie_gen=99))
    assert dram(odd, {}, Samples()) is None
    assert pcie(odd, {}, Samples()) is None
    assert per_sm_clock(1, "x")(NODE, {}, Samples(sm_hz=np.array([np.nan]))) is None


def test_a_constant_ceiling() -> None:
    found = constant(128.0, "guide")(HOST, {}, Samples())
    assert found is not None
    assert (found.value, found.kind) == (128.0, "guide")
