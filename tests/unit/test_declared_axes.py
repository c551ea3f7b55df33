"""What all declarations of this release must keep so that their rows can be stored."""

from __future__ import annotations

from gridstone.plan.catalogue import load_probes
from gridstone.store import COLUMNS


def test_no_axis_has_the_name_of_a_results_column() -> None:
    clashes = [f"{probe.name}: {axis.name}" for probe in load_probes() for axis in probe.axes if axis.name in COLUMNS]
    assert not clashes
