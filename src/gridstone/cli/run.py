"""`gridstone run`: measure, keep, summarise, report."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from gridstone.cli.options import Axes, Bench, Device, Globs, Json, Profile, seconds
from gridstone.errors import Ended, NothingMeasured

if TYPE_CHECKING:
    from gridstone.declaration import Cell, Machine
    from gridstone.plan import Request
    from gridstone.worker import Event, Session, Tally


def run(
    globs: Globs = None,
    axes: Axes = None,
    profile: Profile = None,
    plan: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A plan in TOML; the command line overrides it.")
    ] = None,
    bench: Bench = None,
    device: Device = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the folder of the run goes.", show_default=False)
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Finish a run: measure exactly what it lacks.")
    ] = None,
    budget: Annotated[
        str | None, typer.Option(metavar="TIME", help="Stop measuring after this time, such as 10m.")
    ] = None,
    timeout: Annotated[str | None, typer.Option(metavar="TIME", help="Give up a cell after this time (60s).")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed of the order of the cells.")] = None,
    shard: Annotated[str | None, typer.Option(metavar="I/N", help="Measure one of N shares, as in 2/4.")] = None,
    dry: Annotated[bool, typer.Option("--dry-run", help="Print what would be measured, and stop.")] = False,
    as_json: Json = False,
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no HTML report.")] = False,
) -> None:
    """Measure, by default everything that this machine can.

    The profile is standard unless told otherwise. Ends with the best value of each probe, the folder of the
    run and its report. Ctrl-C keeps every finished cell, and --resume goes on from there.
    """
    from gridstone.cli.asked import check_same, new_request, resumed_request
    from gridstone.cli.dry_run import dry_run
    from gridstone.cli.places import runs_folder
    from gridstone.device import discover
    from gridstone.plan import cells, load_probes
    from gridstone.store import Run, new_run_id

    given: dict[str, Any] = {
        "probes": tuple(globs) if globs else None,
        "axes": tuple(axes) if axes else None,
        "profile": profile,
        "bench": tuple(str(path.resolve()) for path in bench) if bench else None,
        "device": device,
        "seed": seed,
        "shard": shard,
        "timeout_s": seconds("--timeout", timeout),
        "budget_s": seconds("--budget", budget),
    }
    if resume is None:
        info: dict[str, Any] = {}
        request = new_request(given, plan)
    else:
        info = Run(resume).info()
        request = resumed_request(info, given | {"plan": plan, "out": out})
    chosen = cells(load_probes([Path(p) for p in request.bench]), request)
    machine = discover(_uuid(info) or request.device)
    if resume is not None:
        check_same(chosen, info, resume)
    if dry:
        dry_run(chosen, Run(resume).kept() if resume else {}, machine, request, as_json=as_json)
        return
    _check_any(chosen, machine)
    folder = resume or (out or runs_folder(Path.cwd())) / new_run_id()
    session = _measure(chosen, folder, machine, request, resume=resume is not None)
    _finish(folder, session.tally, spent=session.spent, as_json=as_json, report=not no_report)


def _uuid(info: Mapping[str, Any]) -> str | None:
    """The GPU that a run was begun on, from its run.json."""
    gpu = info.get("gpu")
    return str(gpu["uuid"]) if isinstance(gpu, Mapping) and gpu.get("uuid") else None


def _check_any(cells: Sequence[Cell], machine: Machine) -> None:
    """Raises NothingMeasured, before anything is written, where the machine can measure none of the cells."""
    from gridstone.plan import missing

    reasons = [missing(cell, machine) for cell in cells]
    if None not in reasons:
        raise NothingMeasured(f"this machine can measure none of it: {reasons[0]} (see `gridstone doctor`)")


def _measure(cells: Sequence[Cell], folder: Path, machine: Machine, request: Request, *, resume: bool) -> Session:
    """Measure into the folder, and return the session, which is over."""
    from gridstone.cli.progress import progress
    from gridstone.stats import PROFILES
    from gridstone.worker import Session

    session = Session(
        cells=cells,
        folder=folder,
        machine=machine,
        request=request.record(),
        stopping=PROFILES[request.profile],
        timeout_s=request.timeout_s,
        budget_s=request.budget_s,
        resume=resume,
    )
    try:
        events = cast("Generator[Event, None, None]", session.events())
        with progress() as watch, closing(events):  # an interrupt anywhere here is recorded by the session
            for event in events:
                watch(event)
    except (KeyboardInterrupt, Ended):
        print(f"interrupted; go on with: gridstone run --resume {folder}", file=sys.stderr)
        raise
    return session


def _finish(folder: Path, tally: Tally, *, spent: bool, as_json: bool, report: bool) -> None:
    """Print what came out. Raises NothingMeasured where no cell has a value to believe.

    spent: whether its budget has ended the run before it was complete.
    """
    from gridstone.cli.headline import headline_table, headlines, trouble_lines, troubles
    from gridstone.cli.output import console, print_json, print_table
    from gridstone.store import load

    rows = load(folder)
    best, bad = headlines(rows), troubles(rows)
    screen = console()
    if not as_json:  # before the report, which may fail
        print_table(screen, headline_table(best))
        for line in trouble_lines(bad):
            screen.print(line, soft_wrap=True)
        if not tally.complete:
            screen.print(_remains(tally, folder, spent=spent), soft_wrap=True)
        screen.print(f"run     {folder}", soft_wrap=True)
    page = _write_report(folder) if report else None
    if as_json:
        lacking = {"left": tally.left, "lack_pass": tally.short}
        print_json({"run": folder, "report": page, **lacking, "results": best, "troubles": bad})
    elif page is not None:
        screen.print(f"report  {page}", soft_wrap=True)
    if not rows["status"].isin(["ok", "throttled"]).any():
        told = sorted((t["status"] == "skipped", number, t["reason"]) for number, t in enumerate(bad) if t["reason"])
        reason = told[0][-1] if told else "see its rows with `gridstone show`"
        raise NothingMeasured(f"{folder}: no cell gave a value to believe: {reason}")


def _remains(tally: Tally, folder: Path, *, spent: bool) -> str:
    """What a run still lacks, and how it comes to it."""
    if spent:
        short = f", {tally.short} lack a pass" if tally.short else ""
        return f"budget spent, {tally.left} cells left{short}: gridstone run --resume {folder}"
    return (
        f"{tally.short} cells lack a pass that cannot be added here: the first was on another machine, by another "
        "compiler, or with what is missing now; they keep what they have"
    )


def _write_report(folder: Path) -> Path:
    from gridstone.report import render

    return render(folder)
