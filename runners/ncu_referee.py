"""A second opinion on five kernels: the hardware's own counters, read by Nsight Compute, beside what gridstone counts.

    python runners/ncu_referee.py --out results/runs/referee

runs each kernel once under `ncu --clock-control none` and writes `ncu.csv` (what ncu said), `ours.json` and
`referee.json`: a record per kernel and quantity with both counts and whether they agree within 1 %. Exit 0: all agree,
1: some do not, 3: nothing could be counted, and why is said.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_TOLERANCE = 0.01
_BUSY_CYCLES = 3_000_000  # launch and prologue are in ncu's counts and not in ours: they must not weigh
_TENSOR_CORES = 4  # per SM: the metric adds up the cycles of all
_TIMEOUT_S = 540.0
_INSTALLED = ("/usr/local/cuda*/bin/ncu", "/opt/nvidia/nsight-compute/*/ncu")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A kernel by the shape that it repeats, and the counter of its machine instruction.

    each: machine instructions per product. saturated: whether products follow each other as fast as the tensor cores
    take them, so that these are busy throughout.
    """

    shape: tuple[Any, ...]
    counter: str
    each: int = 1
    saturated: bool = True

    @property
    def name(self) -> str:
        a, b, acc, m, k, *rest = self.shape
        return f"{'mma.sp' if rest and rest[0] else 'mma'} m{m}n8k{k} {a} x {b} + {acc}"


CASES = (
    Case(shape=("f16", "f16", "f32", 16, 16), counter="hmma"),
    Case(shape=("f16", "f16", "f32", 16, 32, True), counter="hmma"),
    Case(shape=("s8", "s8", "s32", 16, 32), counter="imma"),
    Case(shape=("f64", "f64", "f64", 16, 8), counter="dmma"),
    Case(shape=("e4m3", "e4m3", "f32", 16, 32), counter="hmma", each=2, saturated=False),
)
ALL, CYCLES, BUSY = "smsp__inst_executed.sum", "sm__cycles_elapsed.max", "sm__pipe_tensor_cycles_active.avg"


def matrix_metric(counter: str) -> str:
    """The metric that counts one kind of matrix instruction, warp by warp, on all SMs."""
    return f"sm__inst_executed_pipe_tensor_op_{counter}.sum"


METRICS = (ALL, CYCLES, BUSY, *dict.fromkeys(matrix_metric(case.counter) for case in CASES))


def find_ncu() -> str | None:
    """Nsight Compute's command line: from PATH, or where CUDA and Nsight install it."""
    found = shutil.which("ncu")
    if found:
        return found
    places = [str(p) for pattern in _INSTALLED for p in sorted(Path("/").glob(pattern[1:]), reverse=True)]
    return next((p for p in places if os.access(p, os.X_OK)), None)


def given(listed: str, wanted: Sequence[str] = METRICS) -> tuple[str, ...]:
    """Those of the wanted metrics that `ncu --query-metrics` lists; all where it lists nothing that we know.

    ncu refuses to count anything where it is asked for a metric that the chip does not have.
    """
    names = {words[0] for line in listed.splitlines() if (words := line.split())}
    return tuple(metric for metric in wanted if metric.split(".")[0] in names) or tuple(wanted)


def read_counts(text: str, wanted: Sequence[str] = METRICS) -> list[dict[str, float]]:
    """The wanted metrics of each profiled kernel, in order, from `ncu --csv --page raw`; what ncu left out is missing.

    The table follows ncu's own remarks (lines that begin with ==), and its first row holds units. Raises ValueError
    where there is no table.
    """
    lines = [line for line in text.splitlines() if line.startswith('"')]
    if not lines:
        said = " ".join(line for line in text.splitlines() if "ERROR" in line) or text.strip()[-300:]
        raise ValueError(f"ncu printed no table: {said or 'nothing at all'}")
    rows = list(csv.DictReader(lines))
    kernels = [row for row in rows if row["ID"].strip()]
    return [
        {name: number for name in row if name in wanted and (number := _number(row[name])) is not None}
        for row in kernels
    ]


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", ""))
    except (ValueError, AttributeError):
        return None


def compare(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, float]]) -> list[dict[str, Any]]:
    """A record per kernel and quantity: both counts, their ratio, and whether it lies within 1 % of one.

    `agrees` is None where ncu did not give the metric. Raises ValueError where ncu saw another number of kernels.
    """
    if len(ours) != len(theirs):
        raise ValueError(f"ncu saw {len(theirs)} kernels, {len(ours)} were run")
    records = []
    for mine, counted in zip(ours, theirs, strict=True):
        wanted = {
            "matrix instructions": (mine["matrix"], matrix_metric(mine["counter"])),
            "instructions": (mine["instructions"], ALL),
            "cycles": (mine["cycles"], CYCLES),
        }
        if mine["saturated"]:
            wanted["tensor pipe busy"] = (_TENSOR_CORES * mine["cycles"], BUSY)
        for quantity, (count, metric) in wanted.items():
            other = counted.get(metric)
            ratio = other / count if other is not None else None
            records.append(
                {
                    "kernel": mine["name"],
                    "quantity": quantity,
                    "metric": metric,
                    "ours": count,
                    "ncu": other,
                    "ratio": ratio,
                    "agrees": None if ratio is None else abs(ratio - 1) <= _TOLERANCE,
                }
            )
    return records


def instructions_per_iteration(opcodes: str) -> int:
    """How many instructions a loop holds, from the results column `opcodes`: `HMMA.16816.F32*64 UIADD3*2` is 66."""
    return sum(int(part.rpartition("*")[2]) for part in opcodes.split())


def _run_cases(target: Path) -> None:
    """In the process that ncu watches: every kernel once, and what gridstone counts of it."""
    from gridstone import content, device
    from gridstone.compile import check, compile_kernel
    from gridstone.plan import load_probes
    from gridstone.plan.source import kernel_path

    machine = device.discover()
    assert machine.gpu is not None
    bench = content.load_module(content.folder("bench") / "mma.py")
    probes = {p.name: p for p in load_probes()}
    counted = []
    with content.load_module(content.folder("runners") / "on_cupy.py").context(machine) as gpu:
        for case in CASES:
            shape = bench.Shape(*case.shape)
            warps, ilp = bench.saturating(shape)
            probe = probes["mma/throughput" if shape in bench.FLOATS else "mma/throughput_integer"]
            axes = {**shape._asdict(), "warps": warps, "ilp": ilp}
            source = kernel_path(probe)
            assert source is not None
            binary = compile_kernel(source, probe.defines(axes), machine.gpu.arch)
            verdict = check(binary, probe.contracts(machine.gpu.arch, axes) or [])
            gpu.begin(binary.cubin, "warm")
            work = bench.fill(gpu, shape, warps=warps, ilp=ilp, busy_cycles=_BUSY_CYCLES)
            taken = work.clock.take(1)
            products = taken.work / (2 * shape.m * shape.n * shape.k)
            iterations = products / (ilp * bench.UNROLL)
            counted.append(
                {
                    **asdict(case),
                    "name": case.name,
                    "sass_ok": verdict.ok,
                    "matrix": products * case.each,
                    "instructions": iterations * instructions_per_iteration(verdict.opcodes),
                    "cycles": float(taken.cycles[0]),
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
        metrics = given(asked.stdout)
    except (OSError, subprocess.TimeoutExpired):
        metrics = METRICS
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
        records = compare(json.loads((out / "ours.json").read_text()), read_counts(said))
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
