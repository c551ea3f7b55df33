"""Which cells a request asks for, in which order, and which of them a machine can measure."""

from gridstone.plan.catalogue import load_probes
from gridstone.plan.cells import cells
from gridstone.plan.nearest import suggestion
from gridstone.plan.needs import missing
from gridstone.plan.planfile import read_plan
from gridstone.plan.request import Request, recorded
from gridstone.plan.select import matches, select
from gridstone.plan.source import kernel_path, source_closure, source_digest

__all__ = [
    "Request",
    "cells",
    "kernel_path",
    "load_probes",
    "matches",
    "missing",
    "read_plan",
    "recorded",
    "select",
    "source_closure",
    "source_digest",
    "suggestion",
]
