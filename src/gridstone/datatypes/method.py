"""Which way a datatype in the memory of a GPU goes to another rank."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gridstone.datatypes import device
from gridstone.datatypes.decode import form_of
from gridstone.datatypes.strided import Irregular, Strided
from gridstone.errors import GridstoneError, UsageError
from gridstone.model.send import METHODS

if TYPE_CHECKING:
    from gridstone.model import HardwareModel

_UNTOLD = "one_shot"  # works with every MPI library, and copies nothing


def chosen(
    datatype: Any,
    buffer: Any,
    *,
    count: int = 1,
    method: str | None = None,
    model: HardwareModel | None = None,
    library: str = "mpich",
    colocated: bool = False,
) -> tuple[str, Strided | None]:
    """The method that Send and Recv take for `count` elements in `buffer`, and their canonical form.

    Arguments as in `Send`. `mpi` for a buffer in host memory and, unasked, for a datatype that is no strided block,
    whose form is None; for other device buffers the fastest method by the model, or `one_shot` without one. Raises
    Irregular where a method was asked for that needs a strided block, UsageError for a method that does not fit.
    """
    if method is not None and method not in (*METHODS, "mpi"):
        raise UsageError(f"method={method!r} is not one of {', '.join((*METHODS, 'mpi'))}")
    on_gpu = device.on_device(buffer)
    if not on_gpu and method not in (None, "mpi"):
        raise UsageError(
            f'method="{method}" packs memory of a GPU, and this buffer is in host memory: leave method out'
        )
    try:
        form = form_of(datatype, count)
    except Irregular:
        if method not in (None, "mpi"):
            raise
        return "mpi", None
    if method == "mpi" and isinstance(datatype, Strided):
        raise UsageError('method="mpi" needs an MPI datatype, and a Strided was given')
    if not on_gpu or method == "mpi":
        return "mpi", form
    return method or _fastest(form, model, library, colocated) or _UNTOLD, form


def _fastest(form: Strided, model: HardwareModel | None, library: str, colocated: bool) -> str | None:
    if model is None or form.size == 0:
        return None
    costs = {}
    for method in METHODS:
        try:
            costs[method] = model.send_time(
                bytes=form.size,
                block=form.block,
                stride=abs(form.streams[-1][1]) if form.streams else form.block,
                dims=form.dimensions,
                method=method,
                colocated=colocated,
                library=library,
                extrapolate="flag",
            ).value
        except GridstoneError:  # this model knows nothing of the method
            continue
    return min(costs, key=lambda name: float(costs[name])) if costs else None
