"""throughput of an SM's pipes and tensor cores by warps and by what each warp keeps under way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from gridstone.fit.cells import Sought, cells, points, usable
from gridstone.fit.saturation import Saturation, saturation

if TYPE_CHECKING:
    import pandas as pd

    from gridstone.model.interpolate import Table

NAME = "throughput"
FORM = "a smooth minimum of latency, of one warp's pace and of the pipe, summed over the four schedulers of an SM"
PROBES = ("pipes/throughput", "dpx/throughput", "mma/throughput", "mma/throughput_integer", "wgmma/saturation")

# probe: the probe of its latency, the axes that tell its operations apart, the axis of what is under way in a warp
_SOURCES = {
    "pipes/throughput": ("pipes/latency", ("function",), "ilp"),
    "dpx/throughput": ("dpx/latency", ("function",), "ilp"),
    "mma/throughput": ("mma/latency", ("m", "k", "a_type", "b_type", "acc_type", "sparse", "function"), "ilp"),
    "mma/throughput_integer": ("mma/latency", ("m", "k", "a_type", "b_type", "acc_type", "sparse", "function"), "ilp"),
    "wgmma/saturation": ("wgmma/latency", ("tile_n", "a_type", "b_type", "acc_type"), "groups"),
}
_LANES, _WARPGROUP = 32, 4
_BITS = {"f16": 16, "bf16": 16, "tf32": 32, "b1": 1}  # of an operand in shared memory; the others have 8
_STEP_BITS, _ROWS_OF_A_WARP = 256, 16  # of K in one wgmma, and of M in a warp


def sought(frame: pd.DataFrame) -> list[Sought]:
    """One law per operation that was measured with different numbers of warps or chains."""
    return [law for probe in _SOURCES for law in _laws(frame, probe)]


def _laws(frame: pd.DataFrame, probe: str) -> list[Sought]:
    latencies, axes, chains = _SOURCES[probe]
    rows, alone = usable(frame, probe, "throughput"), usable(frame, latencies, "latency")
    if rows.empty:
        return []
    found = []
    for values, these in rows.groupby(list(axes), sort=False):
        choice = dict(zip(axes, values, strict=True))
        if these["warps"].nunique() == 1 and these[chains].nunique() == 1:
            continue
        table = cells(these, ilp=these[chains], warps=these["warps"])
        work = work_of(probe, choice)
        known = these["limit"].dropna()
        limit = {"limit": float(known.iloc[0])} if len(known) else {}
        curve = partial(
            saturation,
            work=work,
            latency=_latency(alone, choice),
            ceiling=limit.get("limit"),
        )
        step = _WARPGROUP if probe == "wgmma/saturation" else 1
        law = curve(points(table, ("ilp", "warps"))[:, :3])
        found.append(
            Sought(
                keys={"kind": kind(probe, choice)},
                axes=("ilp", "warps"),
                unit=str(these["unit"].iloc[0]),
                cells=table,
                candidates=("saturation",),
                curve=partial(_knots, curve, step),
                parameters={"step": step, "peak": law.peak, **limit, **told(law)},
            )
        )
    return found


def _knots(curve: Callable[[Table], Saturation], step: int, measured: Table) -> Table:
    """The law at all whole numbers; where one was measured, what was measured."""
    knots = curve(measured).knots(step)
    at = {(ilp, warps): row for row, (ilp, warps) in enumerate(knots[:, :2].tolist())}
    for ilp, warps, value in measured[:, :3].tolist():
        knots[at[ilp, warps], 2] = value
    return knots


def kind(probe: str, choice: Mapping[str, Any]) -> str:
    """An operation in one word: `fma_f32`, `mma/m16n8k16/f16/f16/f32`, `wgmma/m64n256k16/f16/f16/f32`."""
    if "acc_type" not in choice:
        return str(choice["function"])
    types = "/".join(choice[name] for name in ("a_type", "b_type", "acc_type"))
    if probe == "wgmma/saturation":
        return f"wgmma/m64n{int(choice['tile_n'])}k{_depth(choice)}/{types}"
    name = "mma.sp" if choice["sparse"] else "mma"
    shape = f"{name}/m{int(choice['m'])}n8k{int(choice['k'])}/{types}"
    return shape if choice["function"] == "mul" else f"{shape}/{choice['function']}"


def told(law: Saturation) -> dict[str, float]:
    """What a fitted law keeps of itself in a model; cycles of one scheduler, shapes without a unit."""
    return {
        "latency_cycles": law.latency,
        "alone_cycles": law.alone,
        "full_cycles": law.full,
        "switch_cycles": law.switch,
        "fade": law.fade,
        "turn": law.turn,
        "sharpness": law.sharpness,
    }


def _depth(choice: Mapping[str, Any]) -> int:
    return _STEP_BITS // _BITS.get(choice["a_type"], 8)


def work_of(probe: str, choice: Mapping[str, Any]) -> float:
    """What one warp's operation counts in the unit of its probe: two for a product and its addition."""
    if "acc_type" not in choice:
        return float(_LANES)
    if probe == "wgmma/saturation":
        return float(2 * _ROWS_OF_A_WARP * choice["tile_n"] * _depth(choice))
    return float(2 * choice["m"] * 8 * choice["k"])


def _latency(rows: pd.DataFrame, choice: Mapping[str, Any]) -> float | None:
    """Cycles of the same operation in a chain; of wgmma, from its issue to its completion."""
    wanted = np.ones(len(rows), dtype=bool)
    for name, value in {**choice, **({} if "tile_n" not in choice else {"source": "ss", "sparse": False})}.items():
        if name not in rows:
            return None
        wanted &= (rows[name] == value).fillna(False).to_numpy(dtype=bool)
    found = rows.loc[wanted, "value"]
    return float(found.median()) if len(found) else None
