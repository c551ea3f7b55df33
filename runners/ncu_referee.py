"""A second opinion on five kernels: the hardware's own counters, read by Nsight Compute, beside what gridstone counts.

    python runners/ncu_referee.py --out results/runs/referee

runs each kernel once under `ncu --clock-control none` and writes `ncu.csv` (what ncu said), `ours.json` and
`referee.json`: a record per kernel and quantity with both counts and whether they agree within 1 %. Exit 0: all agree,
1: some do not, 3: nothing could be counted, and why is said.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gridstone import content

_counts = content.load_module(Path(__file__).with_name("ncu_counts.py"))
_TENSOR_CORES = 4  # per SM: the metric adds up the cycles of all
_TIMEOUT_S = 540.0
_INSTALLED = ("/usr/local/cuda*/bin/ncu", "/opt/nvidia/nsight-compute/*/ncu")


def find_ncu() -> str | None:
    """Nsight Compute's command line: from PATH, or where CUDA and Nsight install it."""
    found = shutil.which("ncu")
    if found:
        return found
    places = [str(p) for pattern in _INSTALLED for p in sorted(Path("/").glob(pattern[1:]), reverse=True)]
    return next((p for p in places if os.access(p, os.X_OK)), None)


def busy_cycles(case: Any, cycles: float, operations: float, ceiling: tuple[int, str] | None) -> float | None:
    """How long the tensor cores of an SM are busy, all of them added up, with so many operations in so many cycles.

    ceiling: operations per SM and clock that they can do, and the source. None where nothing is known of it.
    """
    if case.busy == "by limit":
        return _TENSOR_CORES * operations / ceiling[0] if ceiling else None
    return _TENSOR_CORES * cycles if case.busy == "always" else None


def _run_cases(target: Path) -> None:
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
    target.write_text(json.dumps(counted, indent=1))


def _referee(out: Path, ncu: str) -> int:
    from gridstone import device

    machine = device.discover()
    if machine.gpu is None:
        print(f"nothing to count: {machine.no_gpu or 'no GPU'}", file=sys.stderr)
        return 3
    out.mkdir(parents=True, exist_ok=True)
    table, ours = out / "ncu.csv", out / "ours.json"
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": machine.gpu.uuid}
    try:
        asked = subprocess.run([ncu, "--query-metrics"], env=environment, capture_output=True, text=True, timeout=120)
        metrics = _counts.given(asked.stdout)
    except (OSError, subprocess.TimeoutExpired):
        metrics = _counts.METRICS
    command = [ncu, "--clock-control", "none", "--csv", "--page", "raw", "--print-units", "base"]
    command += ["--kernel-name", "probe", "--metrics", ",".join(metrics), "--log-file", str(table)]
    command += [sys.executable, str(Path(__file__).resolve()), "--run-into", str(ours)]
    table.unlink(missing_ok=True)
    ours.unlink(missing_ok=True)
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        print(f"ncu did not end within {_TIMEOUT_S:.0f} s", file=sys.stderr)
        return 3
    if not table.is_file():
        table.write_text(done.stdout)
    return judge(out, done.stderr)


def judge(out: Path, remarks: str = "") -> int:
    """Compare `ncu.csv` and `ours.json` of a folder, write `referee.json` there and print it; the exit code.

    remarks: what else ncu said, shown where there is nothing to compare.
    """
    said = ""
    try:
        said = (out / "ncu.csv").read_text()
        records = _counts.compare(json.loads((out / "ours.json").read_text()), _counts.read_counts(said))
    except (OSError, ValueError) as error:
        print(f"{error}\n{said[-1000:]}\n{remarks[-2000:]}", file=sys.stderr)
        return 3
    (out / "referee.json").write_text(json.dumps(records, indent=1))
    for one in records:
        ratio = "not given by ncu" if one["ratio"] is None else f"ncu / ours {one['ratio']:.4f}"
        print(f"{one['kernel']:36} {one['quantity']:20} {one['ours']:18.0f}  {ratio}")
    return 0 if all(one["agrees"] for one in records) else 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison; see the module's text."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("results/runs/referee"), help="folder for what is found")
    parser.add_argument("--judge", action="store_true", help="compare what an earlier run left in that folder")
    parser.add_argument("--run-into", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.run_into:
        _run_cases(asked.run_into)
        return 0
    if asked.judge:
        return judge(asked.out)
    ncu = find_ncu()
    if ncu is None:
        print(
            "no ncu (Nsight Compute) in PATH, /usr/local/cuda*/bin or /opt/nvidia: nothing to compare", file=sys.stderr
        )
        return 3
    return _referee(asked.out, ncu)


if __name__ == "__main__":
    sys.exit(main())
