"""`gridstone list`: what there is to measure, and what of it runs here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridstone.cli.options import Bench, Device, Globs, Json
from gridstone.cli.output import console, print_json, print_table, table
from gridstone.declaration import PROFILE_NAMES
from gridstone.units import format_bytes

if TYPE_CHECKING:
    from gridstone.declaration import Axis, Machine, Probe, Value


def list_probes(
    globs: Globs = None,
    axes: Annotated[bool, typer.Option("--axes", help="Show each probe with the values of its axes.")] = False,
    bench: Bench = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """List the probes and what of them runs here.

    For each probe: its axes with their sizes, its cells in each profile, and how many of the standard profile
    run here.
    """
    from concurrent.futures import ThreadPoolExecutor

    from gridstone.cli.deferred import deferred
    from gridstone.device import discover
    from gridstone.plan import load_probes, select

    with ThreadPoolExecutor(1) as aside:  # the CUDA driver takes most of the time that this command takes
        found = aside.submit(discover, device)
        with deferred("numpy"):
            probes = select(load_probes(bench or ()), globs or ())
        machine = found.result()
    if as_json:
        print_json([_record(probe, machine) for probe in probes])
    elif axes:
        typer.echo("\n\n".join(_details(probe, machine) for probe in probes))
    else:
        _print_table(probes, machine)


def runs_here(probe: Probe, machine: Machine, profile: str = "standard") -> tuple[int, int, str | None]:
    """Cells of a profile that the machine can measure, all its cells, and why the first of the rest cannot."""
    from gridstone.declaration import Cell
    from gridstone.plan import missing

    cells = [Cell(probe=probe, axes=point, cell_id="") for point in probe.points(profile)]
    reasons = [missing(cell, machine) for cell in cells]
    return reasons.count(None), len(cells), next(filter(None, reasons), None)


def _print_table(probes: list[Probe], machine: Machine) -> None:
    listed = table(("probe", "axes", *PROFILE_NAMES, "runs here"), right=PROFILE_NAMES)
    notes: dict[str, int] = {}
    for probe in probes:
        sizes = ", ".join(f"{axis.name} {len(axis.values('standard'))}" for axis in probe.axes)
        able, total, reason = runs_here(probe, machine)
        counts = [str(total if name == "standard" else sum(1 for _ in probe.points(name))) for name in PROFILE_NAMES]
        mark = f" ({notes.setdefault(reason, len(notes) + 1)})" if reason else ""
        listed.add_row(probe.name, sizes, *counts, _share(able, total) + mark)
    screen = console()
    print_table(screen, listed)
    for reason, number in notes.items():
        screen.print(f"({number}) {reason}", soft_wrap=True)


def _share(able: int, total: int) -> str:
    return "yes" if able == total else f"{able} of {total}" if able else "no"


def _details(probe: Probe, machine: Machine) -> str:
    metrics = ", ".join(f"{m.name} ({m.unit}, {m.better} is better)" for m in probe.metrics)
    lines = [probe.name, f"  {probe.doc}", f"  measures {metrics}", f"  declared in {probe.file}"]
    lines += [f"  {axis.name}: {_span(axis)}" for axis in probe.axes]
    able, total, reason = runs_here(probe, machine)
    why = f": {reason}" if reason else ""
    return "\n".join([*lines, f"  runs here: {_share(able, total)}{why}"])


def _span(axis: Axis) -> str:
    """The values of an axis that the standard profile takes, and how the other profiles differ."""
    counts = ", ".join(f"{len(axis.values(name))} {name}" for name in PROFILE_NAMES)
    shown = [_value(axis, v) for v in axis.standard]
    listed = ", ".join(shown) if len(shown) <= 8 else f"{shown[0]}, {shown[1]}, ... {shown[-1]}"
    return f"{listed} ({counts}; {'any value' if axis.open else 'these values only'})"


def _value(axis: Axis, value: Value) -> str:
    return format_bytes(value) if axis.unit == "B" and isinstance(value, int) else str(value)


def _record(probe: Probe, machine: Machine) -> dict[str, Any]:
    able, total, reason = runs_here(probe, machine)
    return {
        "probe": probe.name,
        "doc": probe.doc,
        "file": str(probe.file),
        "axes": {
            axis.name: {
                "unit": axis.unit,
                "open": axis.open,
                **{name: list(axis.values(name)) for name in PROFILE_NAMES},
            }
            for axis in probe.axes
        },
        "metrics": [{"name": m.name, "unit": m.unit, "better": m.better} for m in probe.metrics],
        "cells": {name: sum(1 for _ in probe.points(name)) for name in PROFILE_NAMES},
        "runs_here": {"cells": able, "of": total, "reason": reason},
    }
