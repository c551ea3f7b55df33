"""Sectors and requests of gathers from host memory as the hardware counts them, beside those of gridstone.model.wire.

    python runners/ncu_link_referee.py --out results/runs/link-referee

runs one launch of each gather under `ncu --clock-control none` and writes `ncu.csv` (what ncu said), `ours.json` (the
gathers) and `referee.json`: a record per gather and quantity with both counts. --judge compares again what an earlier
run left. Exit 0: all agree within 1 %, 1: some do not, 3: nothing could be counted, and why is said.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gridstone import content
from gridstone.model.wire import typical

_ncu = content.load_module(Path(__file__).with_name("ncu_run.py"))
_TOLERANCE = 0.01
_TABLE, _WIRE = 256 << 20, 16 << 20
_GRID, _WARPS, _BULK_BYTES = 64, 16, 64 << 10


@dataclass(frozen=True, kw_only=True)
class Case:
    """A gather: bytes of a row, of its shift from a line's start, and of what a lane loads at once."""

    method: str
    row_bytes: int
    align: int
    vector: int

    @property
    def name(self) -> str:
        shift = f" + {self.align}" if self.align else ""
        return f"{self.method} {self.row_bytes}{shift} B by {self.vector}"


def _cases() -> tuple[Case, ...]:
    aligned = [("plain", 128, 0, 16), ("plain", 2048, 0, 16), ("bulk", 2048, 0, 16)]
    shifted = [(method, 2048, 4, 4) for method in ("plain", "circular", "masked", "warp_per_row")]
    shifted += [(method, 2048, align, 4) for align in (32, 64, 124) for method in ("plain", "warp_per_row")]
    odd = [(method, 2052, 0, 4) for method in ("plain", "circular", "masked")]
    bulk = [("bulk", 2048, align, 16) for align in (16, 32, 48, 64)]
    bulk += [("bulk", 2064, 0, 16), ("bulk_lines", 2048, 16, 16), ("bulk_lines", 2064, 0, 16)]
    return tuple(Case(method=m, row_bytes=r, align=a, vector=v) for m, r, a, v in [*aligned, *shifted, *odd, *bulk])


CASES = _cases()
_READ = "aperture_sysmem_op_read"
SECTORS, REQUESTS = f"lts__t_sectors_{_READ}.sum", f"lts__t_requests_{_READ}.sum"
FILLED, PCIE = "lts__d_sectors_fill_sysmem.sum", "pcie__read_bytes.sum"
_HEADER = 12  # bytes that PCIe moves for each request beside its sectors
# Counts that have no counterpart of ours and say why others differ: L2 counts half of all lookups twice.
WHY = (
    SECTORS,
    REQUESTS,
    PCIE,
    f"lts__t_sectors_{_READ}_lookup_hit.sum",
    f"lts__t_sectors_{_READ}_lookup_miss.sum",
    f"lts__t_requests_{_READ}_lookup_hit.sum",
    f"lts__t_requests_{_READ}_lookup_miss.sum",
    "l1tex__t_sectors_pipe_lsu_mem_global_op_ld.sum",
    "l1tex__t_sectors_pipe_lsu_mem_global_op_ld_lookup_hit.sum",
)
METRICS = (FILLED, *WHY)
_DOUBTFUL = (PCIE, *WHY[-2:])  # what some machines list and yet do not count, so that ncu counts nothing at all


def compare(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, float]]) -> list[dict[str, Any]]:
    """A record per gather and quantity: both counts, their ratio, and whether it lies within 1 % of one.

    `ratio` and `agrees` are None where ncu did not give the metric, `ours` too where we count nothing of the kind.
    Raises ValueError where ncu saw another number of kernels.
    """
    if len(ours) != len(theirs):
        raise ValueError(f"ncu saw {len(theirs)} kernels, {len(ours)} were run")
    records = []
    for mine, counted in zip(ours, theirs, strict=True):
        ours_per_row = typical(*(mine[name] for name in ("method", "row_bytes", "align", "vector")))
        filled, moved = counted.get(FILLED), counted.get(PCIE)
        asked = None if filled is None or moved is None else (moved - 32 * filled) / _HEADER
        wanted: dict[str, tuple[float | None, str, float | None]] = {
            "sectors filled": (mine["rows"] * ours_per_row.sectors, FILLED, filled),
            "requests on the link": (
                mine["rows"] * ours_per_row.requests,
                f"({PCIE} - 32 {FILLED}) / {_HEADER}",
                asked,
            ),
            **{metric.removesuffix(".sum"): (None, metric, counted.get(metric)) for metric in WHY},
        }
        for quantity, (count, metric, other) in wanted.items():
            ratio = None if other is None or count is None else other / count
            records.append(
                {
                    "gather": mine["name"],
                    "rows": mine["rows"],
                    "quantity": quantity,
                    "metric": metric,
                    "ours": count,
                    "ncu": other,
                    "ratio": ratio,
                    "agrees": None if ratio is None else abs(ratio - 1) <= _TOLERANCE,
                }
            )
    return records


def said(record: Mapping[str, Any]) -> str | None:
    """A line on a record, per row; None where neither side has anything to say."""
    rows, head = record["rows"], f"{record['gather']:28} {record['quantity']:58}"
    if record["ratio"] is not None:
        both = f"ours {record['ours'] / rows:9.2f}  ncu {record['ncu'] / rows:9.2f}"
        return f"{head} {both}  {100 * (record['ratio'] - 1):+7.2f} %"
    if record["ncu"] is not None:
        return f"{head} {'':14}  ncu {record['ncu'] / rows:9.2f}"
    return f"{head} ours {record['ours'] / rows:9.2f}  not given by ncu" if record["ours"] is not None else None


def _show(records: Sequence[Mapping[str, Any]]) -> bool:
    for record in records:
        line = said(record)
        if line is not None:
            print(line)
    judged = [record["agrees"] for record in records if record["agrees"] is not None]
    print(f"{sum(judged)} of {len(judged)} counts agree within {100 * _TOLERANCE:g} %")
    return bool(judged) and all(judged)


def _run_cases() -> list[dict[str, Any]]:
    """In the process that ncu watches: one launch of every gather."""
    from gridstone import device
    from gridstone.compile import compile_kernel

    machine = device.discover()
    assert machine.gpu is not None
    here = Path(__file__)
    names = ("gathers", "host_table", "on_cupy")
    gathers, tables, on_cupy = (content.load_module(here.with_name(f"{name}.py")) for name in names)
    source = content.folder("kernels_cuda") / "gather" / "zero_copy.cu"
    counted = []
    with on_cupy.context(machine) as gpu:
        table = tables.table(gpu, _TABLE)
        for case in CASES:
            defines = {f"METHOD_{case.method.upper()}": "1", "VECTOR": str(case.vector), "UNROLL": "4"}
            gpu.begin(compile_kernel(source, defines, machine.gpu.arch).cubin, "warm")
            count = _WIRE // case.row_bytes
            listed = gathers.rows(
                gpu,
                footprint=_TABLE,
                row_bytes=case.row_bytes,
                align=case.align,
                count=count,
                distribution="uniform",
            )
            in_bulk = gathers.in_bulk(case.method)
            warps = max(1, min(_WARPS, _BULK_BYTES // (2 * case.row_bytes))) if in_bulk else _WARPS
            work = gathers.gathering(
                gpu,
                listed,
                table=table.device,
                method=case.method,
                vector=case.vector,
                grid=_GRID,
                warps=warps,
                stages=2 if in_bulk else 1,
            )
            work.poison()
            work.clock.clock.enqueue()
            gpu.synchronize()
            counted.append({**asdict(case), "name": case.name, "rows": count, "verified": bool(work.verify())})
            gpu.end()
    return counted


REFEREE = _ncu.Referee(
    script=Path(__file__).resolve(),
    metrics=METRICS,
    doubtful=_DOUBTFUL,
    limit_s=75.0,
    run=_run_cases,
    compare=compare,
    show=_show,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison; see the module's text."""
    code: int = _ncu.main(REFEREE, (__doc__ or "").split("\n")[0], "results/runs/link-referee", arguments)
    return code


if __name__ == "__main__":
    sys.exit(main())
