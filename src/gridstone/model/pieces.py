"""transfer_time of data in pieces: so many rows or blocks, at what one of them takes."""

from __future__ import annotations

import numpy as np

from gridstone.errors import UsageError
from gridstone.model.artifact import Function
from gridstone.model.far import slower
from gridstone.model.law import Law
from gridstone.model.prediction import Amount, Extrapolate, OutOfDomain, Prediction
from gridstone.model.wire import typical, wire

# Factors on any gather in place: random places of a large table, and few loads under way.
FAR, FEW = "gather/far", "gather/few"


def in_pieces(
    law: Law, *, bytes: Amount, chunk: Amount, align: Amount, threads: Amount, extrapolate: Extrapolate
) -> Prediction:
    """Seconds for `bytes` bytes in pieces of `chunk`; arguments as in `transfer_time`."""
    size, whole = np.asarray(chunk, dtype=float), np.asarray(bytes, dtype=float)
    if not np.all(size > 0):
        raise OutOfDomain(f"chunk={np.min(size):g} is not a positive number")
    if not np.all(whole >= size):
        raise OutOfDomain(f"bytes={np.min(whole):g} is less than one piece of chunk={np.max(size):g}")
    known: dict[str, Amount] = {"chunk": size, "threads": np.asarray(threads, dtype=float), "bytes": whole}
    if "wire" in law.axes:
        known["wire"] = on_the_wire(law, size, align)
    elif np.any(np.asarray(align) != 0):
        raise UsageError("transfer_time: align belongs to the gathers in place")
    if "chunk" in law.free:
        return law.at(extrapolate, bytes=whole).widened(law.outside("chunk", size, extrapolate))
    rows = whole / size
    if "rows" in law.axes:
        # More than were measured go on as the most of them did.
        known["rows"] = np.minimum(rows, law.box["rows"][1] or np.inf)
        at = {axis: known[axis] for axis in law.axes}
        return law.at(extrapolate, **at).times(rows, unit="s")
    at = {axis: known[axis] for axis in law.axes}
    return law.total("rows", rows, extrapolate, least=_fewest(law, size), **at)


def farther(
    function: Function, law: Law, answer: Prediction, *, rows: Amount, working_set: Amount, extrapolate: Extrapolate
) -> Prediction:
    """The answer for `rows` rows that are gathered in place from random places among `working_set` bytes.

    Ways that do not read in place were measured in tables of 4 GiB, and stay as they are.
    """
    if "wire" not in law.axes:
        return answer
    far = _factor(function, FAR, "working_set", "gather/distribution")
    times = np.round(slower(answer.value / rows, working_set, far.parameters), 3)
    factor = far.at(extrapolate, slower=np.clip(times, *far.box["slower"]))
    return answer.scaled(factor.widened(far.outside("working_set", working_set, extrapolate)))


def fewer(
    function: Function, law: Law, answer: Prediction, *, in_flight: Amount, extrapolate: Extrapolate
) -> Prediction:
    """The answer for a gather in place whose SMs have `in_flight` bytes under way. Others stay as they are."""
    if "wire" not in law.axes:
        return answer
    few = _factor(function, FEW, "in_flight", "gather/in_flight")
    # More than the most that was measured is no faster.
    return answer.scaled(few.at(extrapolate, in_flight=np.minimum(in_flight, few.points[-1, 0])))


def _factor(function: Function, method: str, argument: str, probe: str) -> Law:
    for law in function.laws:
        if law.keys["method"] == method:
            return law
    raise OutOfDomain(f"{argument}: this model knows nothing of it: fit a run of {probe}")


def moves_pieces(law: Law) -> bool:
    """Whether a law of transfer_time is one of rows or blocks."""
    return "/" in str(law.keys["method"]) and law.unit == "s"


def _fewest(law: Law, size: Amount) -> Amount:
    """How many blocks of a size were moved at the least, by the measured sizes on either side of it."""
    if "fewest" not in law.parameters:
        return 0.0
    sizes, numbers = np.asarray(law.parameters["fewest"], dtype=float).T
    last = sizes.size - 1
    above, below = np.searchsorted(sizes, size), np.searchsorted(sizes, size, side="right") - 1
    return np.asarray(np.maximum(numbers[np.minimum(above, last)], numbers[np.maximum(below, 0)]))


def on_the_wire(law: Law, chunk: Amount, align: Amount) -> Amount:
    """What one row costs the link in bytes (`gridstone.model.wire`)."""
    method = str(law.keys["method"]).removeprefix("gather/")
    sizes, shifts = np.broadcast_arrays(np.asarray(chunk, dtype=float), np.asarray(align, dtype=float))
    pairs, index = np.unique(np.stack([sizes.ravel(), shifts.ravel()]), axis=1, return_inverse=True)
    found = []
    for size, shift in pairs.T:
        try:
            found.append(wire(typical(method, int(size), int(shift)), law.parameters))
        except ValueError as error:
            raise OutOfDomain(f"chunk={size:g}, align={shift:g}: {error}") from None
    return np.asarray(found)[index.ravel()].reshape(sizes.shape)


def piecewise_methods(function: Function) -> tuple[str, ...]:
    """The methods of this model that move data in pieces."""
    return tuple(dict.fromkeys(str(law.keys["method"]) for law in function.laws if moves_pieces(law)))
