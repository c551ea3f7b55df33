"""A second opinion on five kernels: the hardware's own counters, read by Nsight Compute, beside what gridstone counts.

    python runners/ncu_referee.py --out results/runs/referee

runs each kernel once under `ncu --clock-control none` and writes `ncu.csv` (what ncu said), `ours.json` and
`referee.json`: a record per kernel and quantity with both counts and whether they agree within 1 %. Exit 0: all agree,
1: some do not, 3: nothing could be counted, and why is said.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gridstone import content

_counts = content.load_module(Path(__file__).with_name("ncu_counts.py"))
_ncu = content.load_module(Path(__file__).with_name("ncu_run.py"))
_TENSOR_CORES = 4  # per SM: the metric adds up the cycles of all


def busy_cycles(case: Any, cycles: float, operations: float, ceiling: tuple[int, str] | None) -> float | None:
    """How long the tensor cores of an SM are busy, all of them added up, with so many operations in so many cycles.

    ceiling: operations per SM and clock that they can do, and the source. None where nothing is known of it.
    """
    if case.busy == "by limit":
        return _TENSOR_CORES * operations / ceiling[0] if ceiling else None
    return _TENSOR_CORES * cycles if case.busy == "always" else None


def _run_cases() -> list[dict[str, Any]]:
    """In the process that ncu watches: every kernel once, and what gridstone counts of it."""
    from gridstone import device
    from gridstone.compile import check, compile_kernel
    from gridstone.plan import load_probes
    from gridstone.plan.source import kernel_path

    machine = device.discover()
    assert machine.gpu is not None
    bench = content.load_module(content.folder("bench") / "mma.py")
    ceilings = content.load_module(content.folder("runners") / "mma_ceilings.py")
    probes = {p.name: p for p in load_probes()}
    counted = []
    with content.load_module(content.folder("runners") / "on_cupy.py").context(machine) as gpu:
        for case in _counts.CASES:
            shape = bench.Shape(*case.shape)
            warps, ilp = bench.saturating(shape)
            probe = probes["mma/throughput" if shape in bench.FLOATS else "mma/throughput_integer"]
            axes = {**shape._asdict(), "warps": warps, "ilp": ilp}
            source = kernel_path(probe)
            assert source is not None
            binary = compile_kernel(source, probe.defines(axes), machine.gpu.arch)
            verdict = check(binary, probe.contracts(machine.gpu.arch, axes) or [])
            gpu.begin(binary.cubin, "warm")
            work = bench.fill(gpu, shape, warps=warps, ilp=ilp, busy_cycles=case.cycles)
            taken = work.clock.take(1)
            ceiling = ceilings.peak(shape, machine.gpu.compute_capability)
            per_sm = taken.work / taken.multiprocessors
            products = taken.work / (2 * shape.m * shape.n * shape.k)
            iterations = products / (ilp * bench.UNROLL)
            counted.append(
                {
                    **asdict(case),
                    "name": case.name,
                    "sass_ok": verdict.ok,
                    "matrix": products * case.each,
                    "instructions": iterations * _counts.instructions_per_iteration(verdict.opcodes),
                    "cycles": float(taken.cycles[0]),
                    "busy_cycles": busy_cycles(case, float(taken.cycles[0]), per_sm, ceiling),
                }
            )
            gpu.end()
    return counted


def _show(records: Sequence[Mapping[str, Any]]) -> bool:
    for one in records:
        ratio = "not given by ncu" if one["ratio"] is None else f"ncu / ours {one['ratio']:.4f}"
        print(f"{one['kernel']:36} {one['quantity']:20} {one['ours']:18.0f}  {ratio}")
    return all(one["agrees"] for one in records)


REFEREE = _ncu.Referee(
    script=Path(__file__).resolve(),
    metrics=_counts.METRICS,
    limit_s=540.0,
    run=_run_cases,
    compare=_counts.compare,
    show=_show,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison; see the module's text."""
    code: int = _ncu.main(REFEREE, (__doc__ or "").split("\n")[0], "results/runs/referee", arguments)
    return code


if __name__ == "__main__":
    sys.exit(main())
