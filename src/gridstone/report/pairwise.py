"""The latency between pairs of SMs as a matrix: read off the rows, modelled, and drawn by GPC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gridstone import pairs
from gridstone.figure import Block, heat
from gridstone.fit.pairwise import FEWEST, FINEST, met
from gridstone.report.select import trusted

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """Cycles per load by ordered pair of SMs, an SM with itself included, and the SM clock in MHz (NaN if unknown)."""

    source: NDArray[np.int64]
    destination: NDArray[np.int64]
    latency: NDArray[np.float64]
    mhz: float

    @property
    def apart(self) -> Matrix:
        """The pairs of two different SMs."""
        chosen = self.source != self.destination
        return Matrix(
            source=self.source[chosen],
            destination=self.destination[chosen],
            latency=self.latency[chosen],
            mhz=self.mhz,
        )

    @property
    def span(self) -> tuple[float, float]:
        """The first and the last percentile of the latency between different SMs."""
        low, high = np.percentile(self.apart.latency, [1, 99])
        return float(low), float(high)


def matrix_of(rows: pd.DataFrame) -> Matrix | None:
    """The pairs of `dsm/latency_pair`: `latency_NN` is to the SM that `dst_sm_NN` names. None where there are none."""
    chosen = trusted(rows)
    found = met(chosen)
    if found is None:
        return None
    source, destination, latency = found
    return Matrix(source=source, destination=destination, latency=latency, mhz=float(chosen["sm_mhz"].median()))


def held_out(matrix: Matrix) -> tuple[float, float] | None:
    """R2 and the rms error of the additive model on pairs that it was not fitted to; None where there are too few."""
    apart = matrix.apart
    if apart.latency.size < FEWEST:
        return None
    r2, rms = pairs.quality(apart.latency, pairs.held_out(apart.source, apart.destination, apart.latency))
    return (r2, rms) if np.isfinite(r2) else None


def picture(matrix: Matrix, quality: tuple[float, float] | None) -> dict[str, Any]:
    """`svg` and `caption` of a panel: a column per SM that loads, a row per SM of its GPC that answers."""
    apart = matrix.apart
    places = zip(apart.source.tolist(), apart.destination.tolist(), strict=True)
    found = dict(zip(places, apart.latency.tolist(), strict=True))
    members = pairs.groups(matrix.source, matrix.destination)
    blocks = [
        Block(
            label=f"GPC {number}: {len(group)} SMs",
            columns=[[found.get((sm, other), float("nan")) for other in group] for sm in group],
        )
        for number, group in enumerate(members)
    ]
    svg = heat(
        blocks,
        x="SM that loads, by GPC",
        y="SM of the same GPC that answers",
        unit="cycle/hop",
        alt="Latency of a load from another SM's shared memory, by pair of SMs and GPC",
    )
    wanted = sum(len(group) * (len(group) - 1) for group in members)
    caption = f"{len(found)} of {wanted} ordered pairs of SMs; a GPC is the SMs that meet in clusters."
    return {"svg": svg, "caption": f"{caption} {_model(apart, quality)}".strip()}


def _model(apart: Matrix, quality: tuple[float, float] | None) -> str:
    if not quality:
        return ""
    model = pairs.additive(apart.source, apart.destination, apart.latency)
    source, destination = (float(np.nanmax(v) - np.nanmin(v)) for v in (model.source, model.destination))
    return (
        "Model: a level of the GPC and an effect of each source and of each destination, which span "
        f"{source:.1f} and {destination:.1f} cycles; on held-out pairs its R² is {quality[0]:.4f} and its rms error "
        f"{max(quality[1], FINEST):.2g} cycles or less."
    )
