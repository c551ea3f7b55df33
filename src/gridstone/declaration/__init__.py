"""Declarations: axes, metrics, limits, needs, contracts, probes and the cells they unfold into."""

from gridstone.declaration.axis import PROFILE_NAMES, Axis, Value, pow2, values
from gridstone.declaration.contract import Contract, applies, loop
from gridstone.declaration.declare import FAMILIES, Cell, Probe, blamed_on, cell, probe
from gridstone.declaration.fabric import TIERS, Link, joining
from gridstone.declaration.limit import Limit, constant, dram, pcie, pcie_bandwidth, peer_link, per_sm_clock
from gridstone.declaration.machine import Gpu, Machine
from gridstone.declaration.metric import (
    Metric,
    bandwidth,
    bandwidth_per_clock,
    cycles,
    observed,
    per_clock,
    rate,
    seconds,
)
from gridstone.declaration.need import (
    Need,
    Unavailable,
    compute_capability,
    cores,
    gpu,
    gpu_memory,
    gpus,
    host_memory,
    mpi,
    nccl,
    package,
    peers,
)
from gridstone.declaration.sample import Samples

__all__ = [
    "FAMILIES",
    "PROFILE_NAMES",
    "TIERS",
    "Axis",
    "Cell",
    "Contract",
    "Gpu",
    "Limit",
    "Link",
    "Machine",
    "Metric",
    "Need",
    "Probe",
    "Samples",
    "Unavailable",
    "Value",
    "applies",
    "bandwidth",
    "bandwidth_per_clock",
    "blamed_on",
    "cell",
    "compute_capability",
    "constant",
    "cores",
    "cycles",
    "dram",
    "gpu",
    "gpu_memory",
    "gpus",
    "host_memory",
    "joining",
    "loop",
    "mpi",
    "nccl",
    "observed",
    "package",
    "pcie",
    "pcie_bandwidth",
    "peer_link",
    "peers",
    "per_clock",
    "per_sm_clock",
    "pow2",
    "probe",
    "rate",
    "seconds",
    "values",
]
