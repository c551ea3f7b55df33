"""All kernels of a run, compiled and checked in parallel before anything is measured."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping, Sequence
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
    opcodes: what an iteration of the timed loops holds, as in `Verdict`. error: why there is no binary.
    """

    binary: Binary | None = None
    sass_ok: bool | None = None
    problems: tuple[str, ...] = ()
    opcodes: str = ""
    error: str | None = None


_BATCH = 16  # kernels that one nvdisasm reads: it takes as long to start as ten kernels take to compile


@dataclass(frozen=True, kw_only=True)
class _Kernel:
    """What cells must share to run the same machine code under the same contracts."""

    source: Path
    defines: tuple[tuple[str, str], ...]
    contracts: tuple[Contract, ...]


def compile_all(cells: Sequence[Cell], arch: str) -> Mapping[str, Compiled]:
    """The compiled and checked kernel of every cell that has one, by cell id, as `compiling` returns it."""
    steps = compiling(cells, arch)
    while True:
        try:
            next(steps)
        except StopIteration as finished:
            found: Mapping[str, Compiled] = finished.value
            return found


def compiling(
    cells: Sequence[Cell], arch: str, jobs: int | None = None
) -> Generator[tuple[int, int], None, Mapping[str, Compiled]]:
    """Compile and check the kernels of all cells on `jobs` threads (as many as this process has cores).

    Yields how many of the distinct kernels are done, and their number, from none on. Returns what became of the kernel
    of each cell that has one, by cell id. A kernel that does not compile is an entry with `error`; nothing is raised.
    """
    with suppress(ImportError):  # where it is missing, every kernel says so
        import cuda.core  # noqa: F401  its first import is not safe in several threads at once

    needed = {c.cell_id: kernel for c in cells if (kernel := _kernel(c, arch)) is not None}
    distinct = list(dict.fromkeys(needed.values()))
    yield 0, len(distinct)
    threads = jobs or len(os.sched_getaffinity(0))
    size = max(1, min(_BATCH, len(distinct) // threads))
    done: dict[_Kernel, Compiled] = {}
    with ThreadPoolExecutor(threads) as pool:
        batches = [distinct[at : at + size] for at in range(0, len(distinct), size)]
        futures = [pool.submit(_compiled, batch, arch) for batch in batches]
        try:
            for future in as_completed(futures):
                done |= future.result()
                yield len(done), len(distinct)
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


def _compiled(batch: Sequence[_Kernel], arch: str) -> dict[_Kernel, Compiled]:
    """A batch of kernels, compiled one by one and disassembled together."""
    done: dict[_Kernel, Compiled] = {}
    built: dict[_Kernel, Binary] = {}
    for kernel in batch:
        try:
            built[kernel] = compile_kernel(kernel.source, dict(kernel.defines), arch)
        except GridstoneError as error:
            done[kernel] = Compiled(error=str(error))
    try:
        verdicts = judge([(binary, kernel.contracts) for kernel, binary in built.items()])
    except ToolMissing as error:
        return done | {kernel: Compiled(binary=binary, problems=(str(error),)) for kernel, binary in built.items()}
    for (kernel, binary), verdict in zip(built.items(), verdicts, strict=True):
        sass_ok = None if verdict.ok and not kernel.contracts else verdict.ok
        done[kernel] = Compiled(binary=binary, sass_ok=sass_ok, problems=verdict.problems, opcodes=verdict.opcodes)
    return done
