"""Every section stands whatever part of its family a run has: all cells, a single one, or none to believe."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from gridstone.declaration import Probe
from gridstone.plan.catalogue import load_probes
from gridstone.report.family import chapters
from gridstone.report.runs import select
from gridstone.store import Row, Run

FAMILIES = sorted({probe.family for probe in load_probes()})


def rows(probe: Probe, points: Iterable[dict], status: str) -> Iterator[Row]:
    """Any positive values at all, for a section may not count on plausible ones."""
    rng = np.random.default_rng(len(probe.name))
    for number, axes in enumerate(points):
        for metric in probe.metrics:
            samples = np.exp(rng.normal(3, 1) + rng.normal(0, 0.01, 5))
            yield Row(
                run_id="r",
                probe=probe.name,
                cell_id=f"{probe.name}{number}",
                metric=metric.name,
                unit=metric.unit,
                better=metric.better,
                axes=axes,
                status=status,
                reason=None if status == "ok" else "the result differs from the reference",
                value=float(np.median(samples)),
                lo=float(samples.min()),
                hi=float(samples.max()),
                n=5,
                samples=samples.tolist(),
                sm_mhz=1980.0,
                device="NVIDIA H200" if probe.on_gpu else "a CPU",
                device_uuid="GPU-1" if probe.on_gpu else None,
                t_utc="2026-11-24T10:00:00.000+00:00",
                opcodes="HMMA.16816.F32*16 IADD3*1",
            )


@pytest.mark.parametrize(("cells", "status"), [(None, "ok"), (1, "ok"), (40, "unverified")])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_section_says_something(tmp_path: Path, family: str, cells: int | None, status: str) -> None:
    run = Run(tmp_path / "run")
    run.write_info({"run_id": "r", "status": "complete"})
    for probe in (p for p in load_probes() if p.family == family):
        run.write_cell(list(rows(probe, itertools.islice(probe.points("standard"), cells), status)))
    run.compact()
    shown = select(run.folder)
    chapter, *_ = chapters(shown.rows, shown.axes, shown.infos[0])
    assert chapter.family == family
    assert chapter.section.heading
    assert "nan" not in chapter.section.heading.lower().split()
