"""Content (probes, kernels, runners, report parts) is loaded by path, never imported by name.

A checkout reads `bench/`, `kernels_cuda/`, `runners/` and `reports/` in place; an installed wheel carries
the same folders under `gridstone/share/`. A user's own folder of probes goes through the same loader.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

from gridstone.errors import GridstoneError


class ContentError(GridstoneError):
    """A content folder or file is missing or cannot be loaded; the message is for the user."""


@cache
def root() -> Path:
    """The folder that holds `bench/`, `kernels_cuda/`, `runners/` and `reports/`."""
    here = Path(__file__).resolve().parent
    for candidate in (here / "share", here.parent.parent):
        if (candidate / "kernels_cuda").is_dir() and (candidate / "bench").is_dir():
            return candidate
    raise ContentError(f"no bench/ and kernels_cuda/ beside {here}: the installation is incomplete, reinstall")


def folder(name: str) -> Path:
    """One of the content folders, by name."""
    return root() / name


def load_module(path: Path) -> ModuleType:
    """The Python file at `path`, executed once per process; ContentError says what is wrong with it."""
    path = path.resolve()
    name = f"gridstone_content_{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ContentError(f"{path}: no such Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with contextlib.redirect_stdout(sys.stderr):  # standard output is for results, JSON among them
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a script that exits, taken for a declaration, is no reason to exit
        del sys.modules[name]
        raise ContentError(f"{path}: {type(error).__name__}: {error}") from error
    return module


def python_files(directory: Path) -> list[Path]:
    """The Python files of a content folder in name order; ContentError where there is no such folder."""
    if not directory.is_dir():
        raise ContentError(f"{directory}: no such folder")
    apart = ("_", "test_", "conftest.py")
    return sorted(p for p in directory.glob("*.py") if not p.name.startswith(apart))
