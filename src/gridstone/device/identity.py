"""Everything that run.json records of a GPU and its driver."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from gridstone.device.nvml import ask, nvml, text


def identity(uuid: str) -> dict[str, Any]:
    """Driver, CUDA, VBIOS, ECC, MIG, PCIe now and at most, power limits and clocks; null where not supported."""
    api = nvml()
    handle = api.nvmlDeviceGetHandleByUUID(uuid)
    ecc = ask(api.nvmlDeviceGetEccMode, handle)
    mig = ask(api.nvmlDeviceGetMigMode, handle)
    cuda = ask(api.nvmlSystemGetCudaDriverVersion_v2)
    limits = ask(api.nvmlDeviceGetPowerManagementLimitConstraints, handle)
    return {
        "name": text(api.nvmlDeviceGetName(handle)),
        "uuid": uuid,
        "pci_bus_id": text(api.nvmlDeviceGetPciInfo(handle).busId),
        "compute_capability": list(api.nvmlDeviceGetCudaComputeCapability(handle)),
        "driver": text(api.nvmlSystemGetDriverVersion()),
        "cuda_driver": None if cuda is None else f"{cuda // 1000}.{cuda % 1000 // 10}",
        "vbios": _text(ask(api.nvmlDeviceGetVbiosVersion, handle)),
        "memory_bytes": int(api.nvmlDeviceGetMemoryInfo(handle).total),
        "ecc": None if ecc is None else bool(ecc[0]),
        "mig": None if mig is None else bool(mig[0]),
        "pcie_gen_now": ask(api.nvmlDeviceGetCurrPcieLinkGeneration, handle),
        "pcie_gen_max": ask(api.nvmlDeviceGetMaxPcieLinkGeneration, handle),
        "pcie_width_now": ask(api.nvmlDeviceGetCurrPcieLinkWidth, handle),
        "pcie_width_max": ask(api.nvmlDeviceGetMaxPcieLinkWidth, handle),
        "power_limit_w": _milli(ask(api.nvmlDeviceGetEnforcedPowerLimit, handle)),
        "power_limit_max_w": None if limits is None else limits[1] / 1000,
        "sm_mhz_max": ask(api.nvmlDeviceGetMaxClockInfo, handle, api.NVML_CLOCK_SM),
        "sm_mhz_applications": ask(api.nvmlDeviceGetApplicationsClock, handle, api.NVML_CLOCK_SM),
        "mem_mhz_max": ask(api.nvmlDeviceGetMaxClockInfo, handle, api.NVML_CLOCK_MEM),
        "memory_bus_bits": ask(api.nvmlDeviceGetMemoryBusWidth, handle),
        "persistence": _flag(ask(api.nvmlDeviceGetPersistenceMode, handle)),
        "compute_mode": ask(api.nvmlDeviceGetComputeMode, handle),
        "cuda_visible_devices": os.environ.get("CUDA_VISIBLE_DEVICES"),
    }


def other_processes(uuid: str, ours: set[int]) -> list[dict[str, Any]]:
    """Compute processes on the GPU that are not ours: pid, name and GPU memory in bytes."""
    api = nvml()
    handle = api.nvmlDeviceGetHandleByUUID(uuid)
    found = []
    for process in ask(api.nvmlDeviceGetComputeRunningProcesses, handle) or []:
        if process.pid not in ours:
            name = None
            with contextlib.suppress(OSError):
                name = Path(f"/proc/{process.pid}/comm").read_text().strip()
            found.append({"pid": process.pid, "name": name, "memory_bytes": process.usedGpuMemory})
    return found


def _text(value: Any) -> str | None:
    return None if value is None else text(value)


def _milli(value: Any) -> float | None:
    return None if value is None else value / 1000


def _flag(value: Any) -> bool | None:
    return None if value is None else bool(value)
