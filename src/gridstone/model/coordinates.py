"""Where a question of memory_time lies in its law: arguments that were given, and the best cell's for the others."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gridstone.errors import UsageError
from gridstone.model.banks import passes
from gridstone.model.law import Law
from gridstone.model.prediction import Amount, OutOfDomain


def coordinates(law: Law, given: Mapping[str, Amount]) -> dict[str, Amount]:
    """The axes of a law, from `given` arguments by name; those left out are as in the best measured cell that agrees.

    `stride` becomes the passes that it costs. Raises UsageError for an argument that the law does not take, or one that
    only the caller can know.
    """
    wanted = _taken(law)
    for name, value in given.items():
        if name in wanted or (name in law.parameters and np.all(np.asarray(value) == law.parameters[name])):
            continue
        if name in law.parameters:
            raise UsageError(f"memory_time: {said(law)} was measured with {name}={law.parameters[name]:g} only")
        takes = ", ".join(["bytes", *wanted])
        raise UsageError(f"memory_time: {said(law)} takes no {name} (it takes {takes})")
    known: dict[str, Amount] = {name: np.asarray(value, dtype=float) for name, value in given.items() if name in wanted}
    if "granule" in law.parameters:
        known.setdefault("granule", np.asarray(law.parameters["granule"], dtype=float))
    for name in wanted:
        # What an access is, only the caller knows; how many blocks or bytes in flight are best, the cells say.
        if name not in known and (name == "stride" or (name == "granule" and law.unit != "s/B")):
            raise UsageError(f"memory_time: {said(law)} needs {name}=BYTES")
    if "passes" in law.axes:
        known["passes"] = _passes(law, known["granule"], known["stride"])
    return _completed(law, {name: known[name] for name in law.axes if name in known})


def said(law: Law) -> str:
    """The words of a law, as they are asked for."""
    return ", ".join(f"{name}={word}" for name, word in law.keys.items() if word != "global")


def resident(law: Law, cluster_size: Amount) -> Amount:
    """Blocks that the GPU holds at once in clusters of that size. Raises OutOfDomain where that was not counted."""
    counted = {float(size): float(blocks) for size, blocks in law.parameters["blocks"].items()}
    sizes = np.asarray(cluster_size, dtype=float)
    unknown = ~np.isin(sizes, list(counted))
    if unknown.any():
        listed = ", ".join(f"{size:g}" for size in sorted(counted))
        raise OutOfDomain(f"cluster_size={sizes[unknown].flat[0]:g}: how many fit the GPU was measured for {listed}")
    return np.asarray(np.vectorize(counted.__getitem__, otypes=[float])(sizes))


def _taken(law: Law) -> list[str]:
    return ["stride" if axis == "passes" else axis for axis in law.axes]


def _passes(law: Law, granule: Amount, stride: Amount) -> Amount:
    widths, strides = np.broadcast_arrays(granule, stride)
    level, chained = str(law.keys["level"]), law.unit == "cycle"
    counted = []
    for width, apart in zip(widths.flat, strides.flat, strict=True):
        if width != int(width) or apart != int(apart):
            raise UsageError(f"memory_time: granule={width:g}, stride={apart:g}: whole bytes are needed")
        try:
            counted.append(passes(level, int(width), int(apart), chained=chained))
        except ValueError as error:
            raise UsageError(f"memory_time: {error}") from None
    return np.asarray(counted, dtype=float).reshape(widths.shape)


def _completed(law: Law, known: dict[str, Amount]) -> dict[str, Amount]:
    """Axes that are missing take the values of the fastest of the cells that are nearest in the known ones."""
    missing = [axis for axis in law.axes if axis not in known]
    if not missing:
        return known
    of = [law.axes.index(axis) for axis in known]
    given = np.broadcast_arrays(*known.values()) if known else [np.empty(())]
    asked = np.stack([part.ravel() for part in given], axis=1)[:, : len(of)]
    different, which = np.unique(asked, axis=0, return_inverse=True)
    chosen = []
    for row in different:
        with np.errstate(divide="ignore", invalid="ignore"):
            away = np.abs(np.log(law.points[:, of] / row)).sum(axis=1)
        near = law.points[away <= np.nanmin(away)] if np.isfinite(away).any() else law.points
        chosen.append(near[np.argmin(near[:, len(law.axes)])])
    best = np.asarray(chosen)[which.ravel()]
    shape = given[0].shape
    return {
        axis: known[axis] if axis in known else best[:, number].reshape(shape) for number, axis in enumerate(law.axes)
    }
