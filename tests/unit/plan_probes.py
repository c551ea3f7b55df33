"""Probes that no machine measures, for tests of plans and of the command line."""

from __future__ import annotations

from gridstone import cores, gpu_memory, pow2, probe, seconds, values
from gridstone.declaration import Gpu, Machine

H200 = Gpu(
    name="NVIDIA H200",
    uuid="GPU-1",
    compute_capability=(9, 0),
    memory=140 << 30,
    multiprocessors=132,
    sm_hz_max=1.98e9,
    mem_hz_max=3.2e9,
    bus_bits=6144,
    l2=60 << 20,
    pcie_gen=5,
    pcie_width=16,
)
NODE = Machine(host="node", cpu="cpu", cores=4, memory=64 << 30, gpu=H200, gpus=1, packages=("cupy", "cuda"))
HOST_ONLY = Machine(host="node", cpu="cpu", cores=4, memory=64 << 30, no_gpu="no NVIDIA driver found")


@probe(
    "latency/pointer_chase.cu",
    footprint=pow2("4KiB", "1GiB", quick=1, full=4, multiple=128),
    stride=values([128, 256], open=True, unit="B"),
    measures=seconds(),
    needs=[gpu_memory(lambda axes: axes["footprint"])],
)
def chase(gpu, *, footprint, stride):  # type: ignore[no-untyped-def]
    """Walks."""


@probe(None, method=["pinned", "pageable"], bytes=[1, 2, 4], measures=seconds())
def move(gpu, *, method, bytes):  # type: ignore[no-untyped-def]
    """Moves."""


@probe(
    None,
    runner="on_host",
    threads=[1, 2, 64],
    share=values([0.25, 0.5], open=True, low=0.0, high=1.0),
    warm=[True, False],
    measures=seconds(),
    needs=[cores(lambda axes: axes["threads"])],
    where=lambda threads, share, warm: warm or threads == 1,
)
def work(host, *, threads, share, warm):  # type: ignore[no-untyped-def]
    """Works."""


PROBES = [chase, move, work]
