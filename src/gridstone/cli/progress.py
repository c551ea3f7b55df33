"""What is seen while a run measures: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol, TextIO

from gridstone.cli.output import console, with_interval
from gridstone.cli.words import resumed
from gridstone.units import format_value
from gridstone.worker import CellDone, CellVisited, Compiling, Event, Resuming

if TYPE_CHECKING:
    from rich.progress import Progress


class Watcher(Protocol):
    """Told of every event of a session, in order."""

    def __call__(self, event: Event) -> None: ...


@contextmanager
def progress(stream: TextIO | None = None) -> Iterator[Watcher]:
    """A watcher that writes to standard error or another stream, so that standard output stays for results."""
    target = stream or sys.stderr
    if not target.isatty():
        yield Lines(target)
        return
    with _bar(target) as shown:
        yield Bar(shown)


def current(event: Event) -> str:
    """The cell at hand and what it gave so far: `copy/device[bytes=4096]  1.2 GB/s ± 0.4 %`."""
    if isinstance(event, CellVisited):
        return f"{event.cell.label}  {format_value(event.latest, event.cell.probe.metrics[0].unit)}"
    if isinstance(event, Resuming):
        return resumed(event.finished, event.short)
    if not isinstance(event, CellDone):
        return "compiling"
    row = event.rows[0]
    if row.value is None:
        return f"{event.cell.label}  {row.status}: {row.reason}"
    mark = "" if row.status == "ok" else f"  {row.status}"
    return f"{event.cell.label}  {with_interval(row.value, row.lo, row.hi, row.unit)}{mark}"


class Bar:
    """Shows each event on a progress bar."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self._task = shown.add_task("", total=None)

    def __call__(self, event: Event) -> None:
        self._shown.update(self._task, completed=event.done, total=event.total, description=current(event))


class Lines:
    """Writes a line for what a resumed run has, the first cell, each further tenth of the run, and the last."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._tenth = stream, 0

    def __call__(self, event: Event) -> None:
        if not isinstance(event, CellDone):
            if isinstance(event, Resuming) and event.done < event.total:
                self._print(current(event))
            if isinstance(event, Compiling) and event.total and event.done == 0:
                self._print(f"compiling {event.total} kernels")
            return
        tenth = 1 + 10 * event.done // event.total
        if tenth > self._tenth:
            self._tenth = tenth
            self._print(f"{event.done}/{event.total}  {current(event)}")

    def _print(self, line: str) -> None:
        with suppress(OSError):  # a reader that has left, or a full disk, is no reason to stop measuring
            print(line, file=self._stream, flush=True)


def _bar(stream: TextIO) -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Column

    text = TextColumn(
        "{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")
    )
    return Progress(
        BarColumn(bar_width=24), MofNCompleteColumn(), TimeElapsedColumn(), text, console=console(stream), expand=True
    )
