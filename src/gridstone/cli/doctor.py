"""`gridstone doctor`: what this machine is, what will be skipped on it, and what to do about that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gridstone.cli.options import Bench, Device, Json
from gridstone.cli.output import console, print_json, print_table, table
from gridstone.errors import GridstoneError

if TYPE_CHECKING:
    from gridstone.declaration import Machine


def doctor(bench: Bench = None, device: Device = None, as_json: Json = False) -> None:
    """Say what will be skipped on this machine, and what to do.

    Describes the host, the GPU and the tools; then, by family, what of the standard profile will be skipped,
    why, and what to install or change.
    """
    from gridstone.cli.skipped import families
    from gridstone.plan import load_probes

    machine = examined(device)
    found = facts(machine)
    skipped = families(load_probes(bench or ()), machine)
    if as_json:
        print_json(found | {"families": skipped})
        return
    screen = console()
    for name, text in _lines(found):
        screen.print(f"{name:12} {text}", soft_wrap=True)
    columns = ("family", "cells", "run here", "skipped", "why", "what to do")
    shown = table(columns, right=("cells", "run here", "skipped"))
    for family in skipped:
        first = [family["family"], str(family["cells"]), str(family["run"])]
        for skip in family["skipped"] or [None]:
            rest = ["", "", ""] if skip is None else [str(skip["cells"]), skip["reason"], skip["remedy"]]
            shown.add_row(*first, *rest)
            first = ["", "", ""]
    print_table(screen, shown)


def examined(device: str | None) -> Machine:
    """The machine; a GPU that cannot be used is a finding here and no error, unless it was asked for by name."""
    import os

    from gridstone import host
    from gridstone.declaration import Machine
    from gridstone.device import discover

    try:
        return discover(device)
    except GridstoneError as error:
        if device is not None:
            raise
        return Machine(
            host=os.uname().nodename,
            cpu=str(host.identity()["cpu_model"]),
            cores=host.usable_cores(),
            memory=host.total_memory(),
            no_gpu=str(error),
        )


def facts(machine: Machine) -> dict[str, Any]:
    """Versions, host, GPU, CUDA tools, MPI and free disk; a tool that is missing has the reason in its place."""
    import shutil
    from pathlib import Path

    from gridstone import device
    from gridstone.cli.mpi_found import mpi_found
    from gridstone.cli.places import runs_folder
    from gridstone.compile.tools import headers, nvdisasm
    from gridstone.worker.provenance import provenance

    said = provenance(machine)
    place = runs_folder(Path.cwd())
    there = next(folder for folder in place.parents if folder.is_dir())
    others = device.other_processes(machine.gpu.uuid, set()) if machine.gpu else []
    return {
        **{key: said[key] for key in ("gridstone", "host", "gpu", "no_gpu", "topology", "packages")},
        "gpu_processes": others,
        "tools": {"nvdisasm": _tool(nvdisasm), "headers": _tool(headers)},
        "mpi": mpi_found(machine),
        "runs": {"folder": str(place), "free_bytes": shutil.disk_usage(there).free},
    }


def _tool(find: Any) -> dict[str, str | None]:
    try:
        return {"path": str(find()), "missing": None}
    except GridstoneError as error:
        return {"path": None, "missing": str(error)}


def _lines(found: dict[str, Any]) -> list[tuple[str, str]]:
    from gridstone.cli.mpi_found import mpi_lines
    from gridstone.topology import in_words
    from gridstone.units import format_bytes

    about, host, gpu = found["gridstone"], found["host"], found["gpu"]
    revision = f", revision {about['revision'][:12]}" if about["revision"] else ""
    lines = [
        ("gridstone", f"{about['version']}{revision}{' with changes' if about['dirty'] else ''}"),
        ("host", f"{host['hostname']}, {host['os']}, kernel {host['kernel']}, Python {host['python']}"),
        ("cpu", f"{host['cpu_model']}, {host['cores_usable']} cores usable of {host['cores_online']}"),
        ("memory", format_bytes(host["memory_bytes"] or 0)),
        ("container", host["container"] or "none"),
    ]
    if gpu is None:
        lines.append(("gpu", f"none: {found['no_gpu']}"))
    else:
        link = f"PCIe {gpu['pcie_gen_max']} x{gpu['pcie_width_max']}"
        lines += [
            ("gpu", f"{gpu['name']}, {format_bytes(gpu['memory_bytes'])}, {link}, {gpu['uuid']}"),
            ("driver", f"{gpu['driver']}, CUDA {gpu['cuda_driver']}"),
        ]
    lines += [("topology", line) for line in in_words(found.get("topology", {}))]
    lines += [
        ("gpu busy", f"{p['name'] or 'a process'} ({p['pid']}) computes on it and disturbs what is measured")
        for p in found["gpu_processes"]
    ]
    lines += [(name, tool["path"] or tool["missing"]) for name, tool in found["tools"].items()]
    lines += [("mpi", line) for line in mpi_lines(found["mpi"])]
    lines.append(("packages", ", ".join(f"{name} {version}" for name, version in found["packages"].items())))
    lines.append(("runs go to", f"{found['runs']['folder']}, {format_bytes(found['runs']['free_bytes'])} free"))
    return lines
