"""Which GPU is measured: the user's choice, within what CUDA_VISIBLE_DEVICES leaves visible."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import replace
from typing import Any

from gridstone import adapters, topology
from gridstone.declaration import Gpu, Machine
from gridstone.device.nvml import DriverError, ask, nvml, text
from gridstone.errors import UsageError

OLDEST_DRIVER = 525
_PACKAGES = ("cupy", "cuda", "numba", "pycuda", "numba_cuda", "mpi4py", "sklearn", "torch")
_L2_ATTRIBUTE, _SM_ATTRIBUTE = 38, 16


def discover(selector: str | None = None) -> Machine:
    """The host and the chosen GPU. Without a usable GPU, `gpu` is None and `no_gpu` says why.

    selector: an index among the visible GPUs in PCI order, or a UUID (or its beginning). Raises UsageError for
    a selector that names no visible GPU, and DriverError where one was named but the driver fails.
    """
    from gridstone import host

    packages = tuple(p for p in _PACKAGES if _installed(p))
    cpu = str(host.identity().get("cpu_model") or "unknown CPU")
    machine = Machine(
        host=os.uname().nodename,
        cpu=cpu,
        cores=host.usable_cores(),
        memory=host.total_memory(),
        packages=packages,
    )
    try:
        handles = visible()
        if handles:
            return replace(
                machine,
                gpu=describe(_choose(handles, selector)),
                gpus=len(handles),
                uuids=tuple(text(nvml().nvmlDeviceGetUUID(handle)) for handle in handles),
                links=topology.links(handles, nvml()) if len(handles) > 1 else (),
            )
    except DriverError as error:
        if selector is not None:
            raise
        return replace(machine, no_gpu=str(error))
    reason = _nothing_visible()
    if selector is not None:
        raise UsageError(f"--device {selector}: {reason}")
    return replace(machine, no_gpu=reason)


def surroundings(machine: Machine) -> dict[str, Any]:
    """What run.json keeps of the links between the visible GPUs, their memory nodes and the network adapters."""
    handles = visible() if machine.gpu is not None else []
    nodes = topology.gpu_nodes(handles, nvml()) if handles else []
    return topology.described(machine.links, nodes, adapters.nics())


def visible() -> list[Any]:
    """NVML handles of the GPUs that CUDA_VISIBLE_DEVICES leaves, in its order; PCI order without it.

    Raises UsageError for an entry that names no GPU.
    """
    api = nvml()
    handles = [api.nvmlDeviceGetHandleByIndex(i) for i in range(api.nvmlDeviceGetCount())]
    handles.sort(key=lambda h: text(api.nvmlDeviceGetPciInfo(h).busId))
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if listed is None:
        return handles
    chosen = []
    for entry in filter(None, (part.strip() for part in listed.split(","))):
        if entry == "-1":
            break
        found = _match(handles, entry)
        if found is None:
            raise UsageError(
                f"CUDA_VISIBLE_DEVICES={listed}: no GPU {entry} here ({len(handles)} found): "
                "unset it, or name a GPU that `gridstone doctor` lists"
            )
        chosen.append(found)
    return chosen


def describe(handle: Any) -> Gpu:
    """A GPU as NVML and the CUDA driver describe it; clocks in Hz, sizes in bytes."""
    api = nvml()
    major = int(text(api.nvmlSystemGetDriverVersion()).split(".")[0])
    if major < OLDEST_DRIVER:
        raise DriverError(f"driver {major} is too old: gridstone needs {OLDEST_DRIVER} or later, update it")
    cuda = _cuda_attributes(text(api.nvmlDeviceGetPciInfo(handle).busId))
    cores = ask(api.nvmlDeviceGetNumGpuCores, handle) or 0
    return Gpu(
        name=text(api.nvmlDeviceGetName(handle)),
        uuid=text(api.nvmlDeviceGetUUID(handle)),
        compute_capability=tuple(api.nvmlDeviceGetCudaComputeCapability(handle)),
        memory=int(api.nvmlDeviceGetMemoryInfo(handle).total),
        multiprocessors=cuda.get(_SM_ATTRIBUTE) or cores // 128,
        sm_hz_max=1e6 * (ask(api.nvmlDeviceGetMaxClockInfo, handle, api.NVML_CLOCK_SM) or 0),
        mem_hz_max=1e6 * (ask(api.nvmlDeviceGetMaxClockInfo, handle, api.NVML_CLOCK_MEM) or 0),
        bus_bits=ask(api.nvmlDeviceGetMemoryBusWidth, handle) or 0,
        l2=cuda.get(_L2_ATTRIBUTE) or 0,
        pcie_gen=ask(api.nvmlDeviceGetMaxPcieLinkGeneration, handle) or 0,
        pcie_width=ask(api.nvmlDeviceGetMaxPcieLinkWidth, handle) or 0,
    )


def _choose(handles: list[Any], selector: str | None) -> Any:
    if selector is None:
        return handles[0]
    found = _match(handles, selector)
    if found is None:
        names = ", ".join(f"{i}: {text(nvml().nvmlDeviceGetName(h))}" for i, h in enumerate(handles))
        raise UsageError(f"--device {selector}: no such GPU; visible are {names}")
    return found


def _match(handles: list[Any], entry: str) -> Any | None:
    if entry.isdigit():
        return handles[int(entry)] if int(entry) < len(handles) else None
    found = [h for h in handles if entry and text(nvml().nvmlDeviceGetUUID(h)).startswith(entry)]
    return found[0] if len(found) == 1 else None


def _nothing_visible() -> str:
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if listed is not None:
        return f"CUDA_VISIBLE_DEVICES={listed!r} hides every GPU: unset it to measure one"
    return "the NVIDIA driver finds no GPU"


def _cuda_attributes(bus_id: str) -> dict[int, int]:
    """Attributes that NVML lacks, from the CUDA driver, which needs no context for them."""
    import ctypes

    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return {}
    device = ctypes.c_int()
    if cuda.cuInit(0) or cuda.cuDeviceGetByPCIBusId(ctypes.byref(device), bus_id.encode()):
        return {}
    found = {}
    for attribute in (_L2_ATTRIBUTE, _SM_ATTRIBUTE):
        value = ctypes.c_int()
        if cuda.cuDeviceGetAttribute(ctypes.byref(value), attribute, device) == 0:
            found[attribute] = value.value
    return found


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None
