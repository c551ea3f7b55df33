"""A loaded model of the hardware: the functions of the release as methods."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gridstone.model.artifact import Artifact, read
from gridstone.model.collective import collective_time
from gridstone.model.corun import corun
from gridstone.model.host import host_time
from gridstone.model.launch import launch_overhead
from gridstone.model.memory import memory_time
from gridstone.model.pack import pack_time
from gridstone.model.power import clock, energy, power, rate
from gridstone.model.send import send_time
from gridstone.model.throughput import saturation, throughput
from gridstone.model.transfer import transfer_time
from gridstone.model.variability import variability

# Functions without laws of their own, and the function whose laws they read.
READ_OFF = {"saturation": "throughput"}


@dataclass(frozen=True, kw_only=True)
class HardwareModel(Artifact):
    """An artifact that answers questions. A function of a later release is one more line here."""

    memory_time = memory_time
    transfer_time = transfer_time
    launch_overhead = launch_overhead
    host_time = host_time
    corun = corun
    pack_time = pack_time
    send_time = send_time
    collective_time = collective_time
    variability = variability
    throughput = throughput
    saturation = saturation
    power = power
    clock = clock
    rate = rate
    energy = energy


def load(path: str | Path) -> HardwareModel:
    """The model in the folder `path`, as `gridstone fit` wrote it; needs no GPU and only numpy.

    Raises ModelError where a file is missing, broken or of another format.
    """
    artifact = read(path)
    return HardwareModel(**vars(artifact))
