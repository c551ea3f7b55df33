"""transfer_time of data in pieces: so many rows or blocks, at what one of them takes."""

from __future__ import annotations

import numpy as np

from gridstone.errors import UsageError
from gridstone.model.artifact import Function
from gridstone.model.law import Law
from gridstone.model.lines import SECTOR, typical
from gridstone.model.prediction import Amount, Extrapolate, OutOfDomain, Prediction


def in_pieces(
    law: Law, *, bytes: Amount, chunk: Amount, align: Amount, threads: Amount, extrapolate: Extrapolate
) -> Prediction:
    """Seconds for `bytes` bytes in pieces of `chunk`; arguments as in `transfer_time`."""
    size, whole = np.asarray(chunk, dtype=float), np.asarray(bytes, dtype=float)
    if not np.all((size > 0) & (whole >= size)):
        raise OutOfDomain(f"bytes={np.min(whole):g} is less than one piece of chunk={np.max(size):g}")
    known: dict[str, Amount] = {"chunk": size, "threads": np.asarray(threads, dtype=float)}
    if "wire" in law.axes:
        known["wire"] = wire(law, size, align)
    elif np.any(np.asarray(align) != 0):
        raise UsageError("transfer_time: align belongs to the gathers in place")
    return law.total("rows", whole / size, extrapolate, **{axis: known[axis] for axis in law.axes})


def wire(law: Law, chunk: Amount, align: Amount) -> Amount:
    """What one row costs on the wire in bytes: its sectors, and a header for each request."""
    method, header = str(law.keys["method"]).removeprefix("gather/"), float(law.parameters["header"])
    sizes, shifts = np.broadcast_arrays(np.asarray(chunk, dtype=float), np.asarray(align, dtype=float))
    pairs, index = np.unique(np.stack([sizes.ravel(), shifts.ravel()]), axis=1, return_inverse=True)
    costs = []
    for size, shift in pairs.T:
        try:
            asked = typical(method, int(size), int(shift))
        except ValueError as error:
            raise OutOfDomain(f"chunk={size:g}, align={shift:g}: {error}") from None
        costs.append(round(SECTOR * asked.sectors + header * asked.requests, 3))
    return np.asarray(costs)[index.ravel()].reshape(sizes.shape)


def piecewise_methods(function: Function) -> tuple[str, ...]:
    """The methods of this model that move data in pieces."""
    return tuple(dict.fromkeys(str(law.keys["method"]) for law in function.laws if "rows" in law.free))
