"""Clusters of blocks: how many of them fit on the GPU, chains within one, and launches that fill the GPU with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cupy as cp
import numpy as np
from cuda.bindings import driver
from cuda.core import LaunchConfig, launch

from gridstone import content
from gridstone.clock import Work
from gridstone.declaration import Samples, Unavailable

_here = Path(__file__)
_placed = content.load_module(_here.with_name("placed_chains.py"))
_sms = content.load_module(_here.with_name("whole_sm.py"))


def fitting(gpu: Any, *, size: int, block: int, shared: int = 0) -> int:
    """How many clusters of `size` blocks of the cell's kernel the GPU holds at once.

    Raises Unavailable where it holds none.
    """
    try:
        gpu.allow(gpu.kernel, shared, size)
    except RuntimeError as error:
        raise Unavailable(f"clusters of {size} blocks: {error}") from None
    attribute = driver.CUlaunchAttribute()
    attribute.id = driver.CUlaunchAttributeID.CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION
    attribute.value.clusterDim.x = size
    attribute.value.clusterDim.y = attribute.value.clusterDim.z = 1
    config = driver.CUlaunchConfig()
    config.gridDimX, config.gridDimY, config.gridDimZ = size, 1, 1
    config.blockDimX, config.blockDimY, config.blockDimZ = block, 1, 1
    config.sharedMemBytes = shared
    config.attrs = [attribute]
    config.numAttrs = 1
    status, count = driver.cuOccupancyMaxActiveClusters(_function(gpu), config)
    if status != 0 or not count:
        reason = "" if status == 0 else f" ({status.name})"
        raise Unavailable(f"no cluster of {size} blocks of {block} threads and {shared} B fits on this GPU{reason}")
    return int(count)


def blocks_per_sm(gpu: Any, *, block: int, shared: int = 0) -> int:
    """How many blocks of the cell's kernel an SM holds at once. Raises Unavailable where it holds none."""
    gpu.allow(gpu.kernel, shared)
    status, count = driver.cuOccupancyMaxActiveBlocksPerMultiprocessor(_function(gpu), block, shared)
    if status != 0 or not count:
        raise Unavailable(f"no block of {block} threads and {shared} B fits on an SM")
    return int(count)


def enqueue(gpu: Any, *, clusters: int, size: int, block: int, args: Sequence[Any], shared: int = 0) -> None:
    """Enqueue one launch of the cell's kernel: `clusters` clusters of `size` blocks, or blocks where the size is 1.

    The grid of cuda-core counts clusters.
    """
    config = LaunchConfig(grid=clusters, cluster=size if size > 1 else None, block=block, shmem_size=shared)
    launch(gpu.core_stream, config, gpu.kernel, *map(_argument, args))


def chain(
    gpu: Any,
    *,
    size: int,
    args: Sequence[Any],
    lengths: tuple[int, int],
    expect: Callable[[int], int] | None,
    block: int = 1,
    compiled: bool = False,
    poison: Callable[[], None] | None = None,
    verify: Callable[[], bool] | None = None,
) -> Work:
    """A chain in one cluster, timed by the SM of the thread that writes the Stamp, as a slope over two lengths.

    Clusters are launched that fill the GPU, and one of them works while the rest leave at once (placed_chains.py). Each
    block has an SM's whole shared memory, so that no two are on one SM and no GPC has more clusters than its SMs hold.
    The kernel's last three parameters, the number of the cluster that works, the length and the Stamp, are added to
    args. expect(length): the `result` of a launch; None where it tells nothing of what was timed. compiled: the
    kernel says itself how large its cluster is. verify(): what else there is to check.
    """
    shared = _sms.most_shared(gpu)
    held = fitting(gpu, size=size, block=block, shared=shared)

    def run(place: int, _: int, length: int, stamp: int) -> None:
        passed = [*args, np.uint32(place), np.uint32(length), stamp]
        if compiled:
            config = LaunchConfig(grid=held * size, block=block, shmem_size=shared)
            launch(gpu.core_stream, config, gpu.kernel, *map(_argument, passed))
        else:
            enqueue(gpu, clusters=held, size=size, block=block, args=passed, shared=shared)

    work: Work = _placed.chain(
        gpu, launch=run, lengths=lengths, expect=expect, places=held, poison=poison, verify=verify
    )
    return work


def fill(
    gpu: Any,
    *,
    clusters: int,
    size: int,
    block: int,
    args: Sequence[Any],
    work: float,
    shared: int = 0,
    poison: Callable[[], None] | None = None,
    verify: Callable[[], bool] | None = None,
) -> Work:
    """Clusters that fill the GPU, timed by their blocks; also observes `clusters`, how many ran at once.

    The kernel's last parameter, an array with a Stamp per block to write, is added. `work` is what all blocks do.
    """
    passed = [*args, gpu.bench.slot(0)]
    clock = ClusterClock(
        launch=lambda: enqueue(gpu, clusters=clusters, size=size, block=block, args=passed, shared=shared),
        stamps=lambda: gpu.bench.stamps(clusters * size),
        work=work,
        blocks=clusters * size,
        size=size,
    )
    return Work(clock=clock, poison=poison, verify=verify, close=lambda: passed.clear())


@dataclass(frozen=True, kw_only=True)
class ClusterClock:
    """Times one launch per sample by the stamps of its blocks. work: units of work of all `blocks` together."""

    launch: Callable[[], None]
    stamps: Callable[[], Any]
    work: float
    blocks: int
    size: int

    def take(self, count: int) -> Samples:
        """`count` samples: seconds from the first start to the last end, cycles and SM clock of the median block.

        `multiprocessors` is the number of blocks: a quantity per SM is one per SM that has a block.
        """
        seconds, cycles, hz, together = (np.empty(count) for _ in range(4))
        for i in range(count):
            self.launch()
            stamps = self.stamps()
            spent = (stamps["c1"] - stamps["c0"]).astype(np.float64)
            passed = (stamps["g1"] - stamps["g0"]).astype(np.float64)
            seconds[i] = float(stamps["g1"].max() - stamps["g0"].min()) * 1e-9
            cycles[i] = np.median(spent)
            hz[i] = np.median(spent / passed) * 1e9
            together[i] = np.count_nonzero(stamps["g0"] < stamps["g1"].min()) // self.size
        return Samples(
            seconds=seconds,
            cycles=cycles,
            sm_hz=hz,
            work=self.work,
            multiprocessors=self.blocks,
            observed={"clusters": together},
        )


def _function(gpu: Any) -> Any:
    """The kernel as the driver's occupancy functions take it: a CUkernel may stand for a CUfunction."""
    return driver.CUfunction(int(gpu.kernel.handle))


def _argument(value: Any) -> Any:
    """What cuda-core passes: addresses as Python integers, scalars with their NumPy type."""
    return int(value.data.ptr) if isinstance(value, cp.ndarray) else value
