"""What a machine will skip, family by family, and the remedy for each reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from gridstone.declaration import Cell, Machine, Probe
from gridstone.plan import missing

_COMMAND = re.compile(r"\((pip install [^)]+)\)")


def families(probes: Sequence[Probe], machine: Machine) -> list[dict[str, Any]]:
    """One record per family of the standard profile: its cells, how many run, and why the others do not."""
    found = []
    for family in dict.fromkeys(probe.family for probe in probes):
        cells = [
            Cell(probe=probe, axes=point, cell_id="")
            for probe in probes
            if probe.family == family
            for point in probe.points("standard")
        ]
        reasons = Counter(reason for cell in cells if (reason := missing(cell, machine, attempt=True)))
        skipped = [
            {"cells": count, "reason": reason, "remedy": remedy(reason, machine)}
            for reason, count in reasons.most_common()
        ]
        run = len(cells) - reasons.total()
        found.append({"family": family, "cells": len(cells), "run": run, "skipped": skipped})
    return found


def remedy(reason: str, machine: Machine) -> str:
    """What to install or change so that a skipped cell runs."""
    command = _COMMAND.search(reason)
    if command:
        return command[1]
    if "of GPU memory do not work over" in reason:
        return "another MPI library or UCX: this one ended the processes that tried"
    if machine.gpu is not None or reason != machine.no_gpu:
        return "nothing to install: it needs a larger machine"
    if "CUDA_VISIBLE_DEVICES" in reason:
        return "unset CUDA_VISIBLE_DEVICES"
    if "too old" in reason:
        return "update the NVIDIA driver to 580 or later, or 525 with pip install 'gridstone[cuda12]'"
    return "on a machine with an NVIDIA GPU: install its driver, then pip install 'gridstone[cuda13]'"
