"""Arguments and options that several commands take, with their shell completion."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gridstone.declaration import PROFILE_NAMES
from gridstone.errors import GridstoneError, UsageError
from gridstone.units import parse_seconds

if TYPE_CHECKING:
    from gridstone.declaration import Probe


def seconds(option: str, text: str | None) -> float | None:
    """A duration option such as `10m`, None where it was not given. Raises UsageError."""
    try:
        return None if text is None else parse_seconds(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None


def _declared(context: typer.Context) -> list[Probe]:
    """The probes there are, none where they cannot be loaded: a half-typed line is no place for errors."""
    from gridstone.cli.deferred import deferred
    from gridstone.plan import load_probes

    try:
        with deferred("numpy"):
            return load_probes([Path(folder) for folder in context.params.get("bench") or ()])
    except GridstoneError:
        return []


def _probes(context: typer.Context, incomplete: str) -> list[str]:
    names = dict.fromkeys(name for p in _declared(context) for name in (p.family, p.name))
    return [name for name in names if name.startswith(incomplete)]


def _axes(context: typer.Context, incomplete: str) -> list[str]:
    words = [f"{p.name}.{a.name}=" for p in _declared(context) for a in p.axes]
    return [word for word in words if word.startswith(incomplete)]


def _profiles(incomplete: str) -> list[str]:
    return [name for name in PROFILE_NAMES if name.startswith(incomplete)]


Globs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="GLOB",
        help="Probes by name, glob or family; all of them without one.",
        autocompletion=_probes,
        show_default=False,
    ),
]
Axes = Annotated[
    list[str] | None,
    typer.Option(
        "--axis",
        "-a",
        metavar="PROBE.AXIS=VALUES",
        help="Values of an axis: 4KiB,8KiB or [4KiB:1GiB:x2] or [0:100:+4]. Repeatable.",
        autocompletion=_axes,
        show_default=False,
    ),
]
Profile = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="quick, standard (the default) or full.", autocompletion=_profiles),
]
Bench = Annotated[
    list[Path] | None,
    typer.Option(metavar="DIR", help="A folder with further probes. Repeatable.", show_default=False),
]
Device = Annotated[
    str | None,
    typer.Option(metavar="INDEX|UUID", help="The GPU to measure; the first visible one by default."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.", show_default=False)]
