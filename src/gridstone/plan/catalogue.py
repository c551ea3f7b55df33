"""Every probe there is to ask for: those that gridstone brings, and those of the user's own folders."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from pathlib import Path

from gridstone.content import ContentError, folder, load_module, python_files
from gridstone.declaration import Probe
from gridstone.errors import UsageError


def load_probes(folders: Sequence[Path] = ()) -> list[Probe]:
    """The probes of `bench/` and of further folders, in the order of files and of declarations within them.

    Raises ContentError for a file that cannot be loaded or names no runner, UsageError for a folder without a probe
    or for two probes of one name.
    """
    named: dict[str, Probe] = {}
    files: set[Path] = set()
    for directory in (folder("bench"), *folders):
        new = [file for path in python_files(directory) if (file := path.resolve()) not in files]
        files.update(new)
        declared = [probe for file in new for probe in _declared(file)]
        if new and not declared:
            raise UsageError(f"{directory}: no file there declares a probe (see docs/writing-a-probe.md)")
        if not new and not any(file.parent == directory.resolve() for file in files):
            raise UsageError(f"{directory}: no Python file there (see docs/writing-a-probe.md)")
        if directory != folder("bench"):
            _check(declared)
        for probe in declared:
            if probe.name in named:
                other = named[probe.name].file
                raise UsageError(f"{probe.name} is declared in {other} and in {probe.file}: rename one of them")
            named[probe.name] = probe
    return list(named.values())


def _declared(file: Path) -> list[Probe]:
    """The probes of one file; one that has two names in it counts once."""
    probes = {id(value): value for value in vars(load_module(file)).values() if isinstance(value, Probe)}
    return list(probes.values())


def _check(probes: Iterable[Probe]) -> None:
    """What a linter and tests hold gridstone's own declarations to."""
    runners = {path.stem for path in folder("runners").glob("on_*.py")}
    for probe in probes:
        if probe.runner not in runners:
            known = ", ".join(sorted(runners))
            raise ContentError(f"{probe.file}: {probe.name} has the runner {probe.runner!r}: there are {known}")
        defined = [node.name for node in ast.parse(probe.file.read_bytes()).body if isinstance(node, ast.FunctionDef)]
        if defined.count(probe.body.__name__) > 1:
            raise UsageError(f"{probe.name} is declared twice in {probe.file}: rename one of them")
