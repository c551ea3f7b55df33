"""All kernels of a run, compiled and checked in parallel before anything is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from gridstone.compile.program import Binary, CompileError, compile_kernel
from gridstone.declaration import Cell
from gridstone.plan.source import kernel_path


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """A cell's kernel and the gate's verdict on it; `error` where it does not compile."""

    binary: Binary | None = None
    sass_ok: bool | None = None
    problems: tuple[str, ...] = ()
    error: str | None = None


def compile_all(
    cells: Sequence[Cell], arch: str, progress: Callable[[int, int], None] | None = None
) -> Mapping[str, Compiled]:
    """The compiled kernel of every cell that has one, by cell id."""
    import cuda.core  # noqa: F401  before the threads: its first import is not safe in several at once

    keys = {c.cell_id: (kernel_path(c.probe), tuple(sorted(c.probe.defines(c.axes).items()))) for c in cells}
    distinct = {key: cell for cell in cells if (key := keys[cell.cell_id])[0] is not None}
    with ThreadPoolExecutor() as pool:
        done = dict(zip(distinct, pool.map(lambda c: _one(c, arch), distinct.values()), strict=True))
    return {cell_id: done[key] for cell_id, key in keys.items() if key in done}


def _one(cell: Cell, arch: str) -> Compiled:
    path = kernel_path(cell.probe)
    assert path is not None
    try:
        binary = compile_kernel(path, cell.probe.defines(cell.axes), arch)
    except CompileError as error:
        return Compiled(error=str(error))
    return Compiled(binary=binary)
