"""What a probe needs, and how it is said when it is missing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gridstone.declaration import (
    Gpu,
    Machine,
    Need,
    compute_capability,
    cores,
    gpu,
    gpu_memory,
    gpus,
    host_memory,
    package,
)

HOST = Machine(host="h", cpu="c", cores=2, memory=1 << 30, no_gpu="no NVIDIA driver", packages=("cupy",))
CARD = Gpu(
    name="Card",
    uuid="GPU-1",
    compute_capability=(9, 0),
    memory=1 << 30,
    multiprocessors=4,
    sm_hz_max=1e9,
    mem_hz_max=1e9,
    bus_bits=256,
    l2=1 << 20,
    pcie_gen=5,
    pcie_width=16,
)
NODE = replace(HOST, gpu=CARD, gpus=1)


@pytest.mark.parametrize(
    ("need", "machine", "reason"),
    [
        (gpu(), HOST, "no NVIDIA driver"),
        (gpu(), NODE, None),
        (compute_capability(9.0), HOST, "no NVIDIA driver"),
        (compute_capability(9.0), NODE, None),
        (compute_capability(8.9), NODE, None),
        (compute_capability(8.9, exactly=True), NODE, "needs compute capability = 8.9, Card has 9.0"),
        (compute_capability(10.0), NODE, "needs compute capability >= 10.0, Card has 9.0"),
        (
            gpu_memory(lambda a: a["bytes"]),
            NODE,
            "needs 2 GiB of GPU memory, Card has 317.4 MiB for each measuring process",
        ),
        (gpu_memory(lambda a: a["bytes"] / 8), NODE, None),
        (gpu_memory(lambda a: 1), HOST, "no NVIDIA driver"),
        (host_memory(lambda a: a["bytes"]), HOST, "needs 2 GiB of host memory, this machine has 1 GiB"),
        (host_memory(lambda a: 1), HOST, None),
        (cores(lambda a: a["threads"]), HOST, "needs 4 CPU cores, this process may use 2"),
        (cores(lambda a: 2), HOST, None),
        (gpus(2), NODE, "needs 2 GPUs, 1 visible"),
        (gpus(1), NODE, None),
        (
            package(lambda a: "pycuda"),
            NODE,
            "the Python package pycuda is not installed (pip install pycuda)",
        ),
        (package(lambda a: "cupy"), NODE, None),
        (package(lambda a: None), NODE, None),
    ],
)
def test_what_is_missing_is_said(need: Need, machine: Machine, reason: str | None) -> None:
    assert need.missing(machine, {"bytes": 2 << 30, "threads": 4}) == reason


@pytest.mark.parametrize(("capability", "arch"), [((8, 9), "sm_89"), ((9, 0), "sm_90a"), ((12, 0), "sm_120a")])
def test_a_gpu_is_compiled_for_exactly(capability: tuple[int, int], arch: str) -> None:
    assert replace(CARD, compute_capability=capability).arch == arch
