"""What the fixture `gauge` does: one cell through the one measuring path, then into pytest-benchmark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gridstone.declaration import Cell, Probe, Value, cell
from gridstone.errors import GridstoneError, UsageError
from gridstone.plan import load_probes, source_digest, suggestion
from gridstone.pytest_plugin.replay import extra_info, replay
from gridstone.pytest_plugin.sitting import Sitting
from gridstone.stats import PROFILES
from gridstone.store import Row


@contextmanager
def plainly() -> Iterator[None]:
    """Let an error that is meant for a person fail the test by its message alone."""
    try:
        yield
    except GridstoneError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


def measure(sitting: Sitting, benchmark: Any, wanted: Cell, profile: str) -> Mapping[str, Row]:
    """Rows of a cell by metric. Skips or fails the running test where there is no number to believe."""
    stopping = PROFILES[profile]
    if benchmark.disabled:
        stopping = replace(stopping, samples=1, least=1, most=1)
    with plainly():
        outcome = sitting.measure(wanted, stopping)
    benchmark.group = wanted.probe.name
    benchmark.extra_info.update(extra_info(outcome.rows))
    _judge(outcome.rows)
    replay(benchmark, outcome)
    return {row.metric: row for row in outcome.rows}


def find(folders: Sequence[Path], wanted: str) -> Probe:
    """The probe of that name. Raises UsageError that suggests the nearest, ContentError for a broken file."""
    known = {probe.name: probe for probe in load_probes(folders)}
    if wanted not in known:
        raise UsageError(f"no probe {wanted!r}{suggestion(wanted, list(known))}")
    return known[wanted]


def point(probe: Probe, profile: str, given: Mapping[str, Value]) -> Cell:
    """The cell at the given axis values; an axis with one value in the profile may be left out.

    Raises UsageError for an unknown or missing axis, or a value that it does not take.
    """
    names = [axis.name for axis in probe.axes]
    for name in given:
        if name not in names:
            raise UsageError(f"{probe.name} has no axis {name!r}: it has {', '.join(names)}")
    axes: dict[str, Value] = {}
    for axis in probe.axes:
        listed = axis.values(profile)
        if axis.name in given:
            value = given[axis.name]
            try:
                axes[axis.name] = axis.parse(value) if isinstance(value, str) else value
                axis.check(axes[axis.name])
            except ValueError as error:
                raise UsageError(f"{probe.name}: {error}") from None
        elif len(listed) == 1:
            axes[axis.name] = listed[0]
        else:
            raise UsageError(f"{probe.name}: say which {axis.name}, it has {len(listed)} values")
    return cell(probe, axes, source_digest(probe))


def _judge(rows: Sequence[Row]) -> None:
    worst = next((r for status in _NO_NUMBER for r in rows if r.status == status), None)
    if worst is None:
        return
    message = f"{worst.status}: {worst.reason}"
    if worst.status == "skipped":
        pytest.skip(str(worst.reason))
    pytest.fail(f"{worst.metric} {message}", pytrace=False)


_NO_NUMBER = ("skipped", "crashed", "timeout", "impossible", "unverified")
