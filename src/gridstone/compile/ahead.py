"""All kernels of a run, compiled and checked in parallel before anything is measured."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gridstone.compile.judged import judge
from gridstone.compile.program import Binary, compile_kernel
from gridstone.compile.tools import ToolMissing
from gridstone.declaration import Cell, Contract
from gridstone.errors import GridstoneError
from gridstone.plan.source import kernel_path


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """A cell's kernel and what the gate says of it.

    sass_ok: whether the machine code holds what the declaration claims; None where the declaration claims
    nothing for the target and nothing is amiss, or where it could not be looked at (then `problems` says why).
    error: why there is no binary.
    """

    binary: Binary | None = None
    sass_ok: bool | None = None
    problems: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class _Kernel:
    """What cells must share to run the same machine code under the same contracts."""

    source: Path
    defines: tuple[tuple[str, str], ...]
    contracts: tuple[Contract, ...]


def compile_all(
    cells: Sequence[Cell],
    arch: str,
    progress: Callable[[int, int], None] | None = None,
    jobs: int | None = None,
) -> Mapping[str, Compiled]:
    """The compiled and checked kernel of every cell that has one, by cell id.

    Each distinct kernel is compiled once, on `jobs` threads (as many as this process has cores). `progress`
    is called with the distinct kernels done and their number. A kernel that does not compile is an entry with
    `error`; nothing is raised for it.
    """
    with suppress(ImportError):  # where it is missing, every kernel says so
        import cuda.core  # noqa: F401  its first import is not safe in several threads at once

    needed = {c.cell_id: kernel for c in cells if (kernel := _kernel(c, arch)) is not None}
    distinct = list(dict.fromkeys(needed.values()))
    done: dict[_Kernel, Compiled] = {}
    with ThreadPoolExecutor(jobs or len(os.sched_getaffinity(0))) as pool:
        futures = {pool.submit(_compiled, kernel, arch): kernel for kernel in distinct}
        try:
            for future in as_completed(futures):
                done[futures[future]] = future.result()
                if progress is not None:
                    progress(len(done), len(distinct))
        finally:  # an interrupt does not wait for kernels that nobody wants any more
            pool.shutdown(wait=False, cancel_futures=True)
    return {cell_id: done[kernel] for cell_id, kernel in needed.items()}


def _kernel(cell: Cell, arch: str) -> _Kernel | None:
    source = kernel_path(cell.probe)
    if source is None:
        return None
    return _Kernel(
        source=source,
        defines=tuple(sorted(cell.probe.defines(cell.axes).items())),
        contracts=tuple(cell.probe.contracts(arch, cell.axes) or ()),
    )


def _compiled(kernel: _Kernel, arch: str) -> Compiled:
    try:
        binary = compile_kernel(kernel.source, dict(kernel.defines), arch)
    except GridstoneError as error:
        return Compiled(error=str(error))
    try:
        verdict = judge(binary, kernel.contracts)
    except ToolMissing as error:
        return Compiled(binary=binary, problems=(str(error),))
    if verdict.ok and not kernel.contracts:
        return Compiled(binary=binary)
    return Compiled(binary=binary, sass_ok=verdict.ok, problems=verdict.problems)
