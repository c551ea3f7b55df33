"""Which way to gather rows of a table in host memory."""

from __future__ import annotations

from gridstone.advise.advice import Advice, Option, left_out, weighed
from gridstone.errors import UsageError
from gridstone.model import Extrapolate, HardwareModel, ModelError, OutOfDomain
from gridstone.model.pieces import piecewise_methods

_LEAST_ROWS = 1024
_BY_COPIES = ("staged", "per_row", "batch")


def gather(
    model: HardwareModel,
    *,
    rows: int,
    row_bytes: int,
    align: int = 0,
    threads: int = 1,
    working_set: int | None = None,
    extrapolate: Extrapolate = "refuse",
) -> Advice:
    """The fastest of the ways that the model knows to bring `rows` rows of `row_bytes` bytes to the GPU.

    align: bytes from a boundary of 128 to the first row of the table, where rows lie one behind the other. threads:
    of the host, for the gather that precedes a copy. working_set: bytes among which the rows lie at random places;
    without it, as many as the GPU's translation of addresses reaches. Costs are in seconds. Ways that cannot load such
    rows, or that were not measured near them, are left out, and `because` says so.

    Raises UsageError where no way is left or an argument is none, ModelError where the model has no transfer_time.
    """
    if min(rows, row_bytes, threads) < 1 or align < 0:
        raise UsageError("gather: rows, row_bytes and threads are positive numbers, align is not negative")
    if working_set is not None and working_set < row_bytes:
        raise UsageError(f"gather: working_set={working_set} does not hold one row of {row_bytes} bytes")
    counted = max(rows, _LEAST_ROWS)
    options, absent = [], {}
    for method in piecewise_methods(model.function("transfer_time")):
        family, _, name = method.partition("/")
        # Every second row is not what was asked for.
        if family != "gather" or name == "strided":
            continue
        try:
            cost = model.transfer_time(
                src="host",
                dst="device",
                bytes=float(counted * row_bytes),
                chunk=float(row_bytes),
                method=method,
                align=0 if name in _BY_COPIES else align,
                threads=threads,
                working_set=working_set,
                extrapolate=extrapolate,
            ).times(rows / counted, unit="s")
        except OutOfDomain as error:
            absent[name] = str(error)
            continue
        options.append(Option(name=name, cost=cost))
    if not options and not absent:
        raise ModelError("gather: this model knows no way to gather rows: no run held gather/zero_copy and the like")
    reasons = left_out(absent, chunk="row_bytes")
    if rows < _LEAST_ROWS:
        reasons.append(f"fewer than {_LEAST_ROWS} rows were not measured: what it takes to start is not in the costs")
    return weighed(options, reasons)
