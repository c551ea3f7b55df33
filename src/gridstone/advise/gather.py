"""Which way to gather rows of a table in host memory."""

from __future__ import annotations

from gridstone.advise.advice import Advice, Option, left_out, weighed
from gridstone.errors import UsageError
from gridstone.model import HardwareModel, OutOfDomain
from gridstone.model.pieces import piecewise_methods

_LOWEST_ROWS = 1024


def gather(model: HardwareModel, *, rows: int, row_bytes: int, align: int = 0, threads: int = 1) -> Advice:
    """The fastest of the ways that the model knows to bring `rows` rows of `row_bytes` bytes to the GPU.

    align: bytes from a boundary of 128 to the first row of the table, where rows lie one behind the other. threads:
    of the host, for the gather that precedes a copy. Costs are in seconds. Ways that cannot load such rows, or that
    were not measured near them, are left out, and `because` says so.

    Raises UsageError where no way is left, ModelError where the model has no transfer_time.
    """
    if min(rows, row_bytes) < 1 or align < 0 or threads < 1:
        raise UsageError("gather: rows, row_bytes and threads are positive numbers, align is not negative")
    options, absent = [], {}
    for method in piecewise_methods(model.function("transfer_time")):
        # Every second row is not what was asked for.
        if not method.startswith("gather/") or method == "gather/strided":
            continue
        in_place = method not in ("gather/staged", "gather/per_row", "gather/batch")
        try:
            cost = model.transfer_time(
                src="host",
                dst="device",
                bytes=float(max(rows, _LOWEST_ROWS) * row_bytes),
                chunk=float(row_bytes),
                method=method,
                align=align if in_place else 0,
                threads=threads,
            ).times(rows / max(rows, _LOWEST_ROWS), unit="s")
        except OutOfDomain as error:
            absent[method.removeprefix("gather/")] = str(error)
            continue
        options.append(Option(name=method.removeprefix("gather/"), cost=cost))
    reasons = left_out(absent)
    if rows < _LOWEST_ROWS:
        reasons.append(f"fewer than {_LOWEST_ROWS} rows were not measured: what it takes to start is not in the costs")
    advice = weighed(options, reasons)
    if len(advice.ranking) > 1:
        first, second = advice.ranking[:2]
        ahead = float(second.cost.value) / float(first.cost.value)
        return weighed(options, [f"{first.name} is {ahead:.2f} times as fast as {second.name}", *reasons])
    return advice
