"""A small bench, and a run of it that is finished without anything having been measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from faulty_cells import MACHINE, written

from gridstone.declaration import Cell
from gridstone.measure import failed
from gridstone.plan import Request, cells, load_probes
from gridstone.store import Row, Run

SAMPLE = '''
"""A small bench."""
from gridstone import bandwidth, constant, cores, probe, seconds, values


@probe(
    None,
    runner="on_host",
    method=["plain", "fancy"],
    bytes=values([1 << 10, 1 << 20], quick=[1 << 10], open=True, unit="B"),
    measures=[bandwidth(), seconds()],
    limit=constant(1e10, "a datasheet"),
)
def carry(host, *, method, bytes):
    """Carries bytes from here to there."""


@probe(None, runner="on_host", threads=[1, 64], measures=seconds(), needs=[cores(lambda axes: axes["threads"])])
def meet(host, *, threads):
    """Lets threads meet."""


@probe("walk.cu", footprint=[4096], measures=seconds())
def walk(gpu, *, footprint):
    """Walks."""
'''
KERNEL = 'extern "C" __global__ void probe() {}\n'


def sample_bench(folder: Path) -> Path:
    """A folder with three probes: two of the host, one of a GPU."""
    (written(folder, sample=SAMPLE) / "walk.cu").write_text(KERNEL)
    return folder


def finished_run(folder: Path, bench: Path, status: str = "ok") -> Run:
    """A run of `sample/carry` in which every cell has rows of that status."""
    request = Request(seed=1, probes=("sample/carry",), bench=(str(bench),))
    chosen = cells(load_probes([bench]), request)
    run = Run(folder)
    info = {"run_id": "R", "status": "complete", "request": request.record(), "cells": [c.cell_id for c in chosen]}
    run.write_info(info)
    for number, cell in enumerate(chosen):
        run.write_cell(_rows(cell, 1e9 * (1 + number), status))
    return run


def _rows(cell: Cell, bandwidth: float, status: str) -> list[Row]:
    reason = None if status == "ok" else "machine code: nvdisasm is missing: pip install nvidia-cuda-nvdisasm"
    carried, timed = failed(cell, status, reason or "", MACHINE, "R")
    limited = replace(carried, limit=1e10, limit_kind="a datasheet")
    return [_with(limited, bandwidth, reason), _with(timed, int(cell.axes["bytes"]) / bandwidth, reason)]


def _with(row: Row, value: float, reason: str | None) -> Row:
    return replace(
        row,
        reason=reason,
        t_utc="2026-11-24T10:15:00Z",
        value=value,
        lo=0.99 * value,
        hi=1.01 * value,
        n=3,
        samples=[value] * 3,
        visits=[2, 1],
        processes=[71, 72],
    )
