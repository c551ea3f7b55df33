"""Send and Recv of datatypes, wherever the buffers are: what mpi4py's do, and memory of a GPU besides."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from gridstone.datatypes import host
from gridstone.datatypes.device import prepared
from gridstone.datatypes.method import chosen
from gridstone.datatypes.staging import copied, pinned, pointer, settled, whole_span
from gridstone.datatypes.strided import Strided
from gridstone.errors import UsageError

if TYPE_CHECKING:
    from gridstone.model import HardwareModel


class Pending:
    """A message under way, and what it needs until it has arrived."""

    def __init__(self, request: Any, finish: Callable[[Any], None] | None = None, keep: object = None) -> None:
        self._request, self._finish, self._keep = request, finish, keep

    def Wait(self, status: Any = None) -> None:  # noqa: N802 (as mpi4py has it)
        """Return when the buffer of a send may be used again, or that of a receive holds what came.

        status: an mpi4py Status to fill. Raises UsageError where fewer bytes came than the datatype has.
        """
        from mpi4py import MPI

        found = MPI.Status() if status is None else status
        self._request.Wait(found)
        finish, self._finish, self._keep = self._finish, None, None
        if finish is not None and found.source != MPI.PROC_NULL:  # from where nothing comes, and nothing changes
            finish(found)


def Send(comm: Any, datatype: Any, buffer: Any, dest: int, tag: int = 0, **how: Any) -> None:  # noqa: N802
    """Send `count` elements of a datatype that lie in `buffer`; returns when the buffer may be used again.

    comm: an mpi4py communicator. datatype: a committed mpi4py Datatype or a Strided. buffer: contiguous host memory,
    or an array in the memory of a GPU (with `__cuda_array_interface__`). how, the same for all four functions:

    count: how many elements. origin: the byte of `buffer` that offsets count from. method: for a buffer on a GPU
    `one_shot` (a kernel packs into page-locked host memory, which is sent), `device` (packs into device memory, which
    is sent: for an MPI library that takes it), `staged` (packs on the device, copies to the host, sends that), or `mpi`
    (the buffer is copied to the host, and MPI has the datatype): unsaid, what `model` (a
    `gridstone.model.HardwareModel`) finds fastest, `one_shot` without one, and `mpi` for a datatype that is no strided
    block. colocated: whether the other rank computes on the same GPU, for the model. stream: of the GPU; CuPy's
    current one by default; packing waits for what is on it.

    The methods of the two ends need not be the same: what travels are the packed bytes, as MPI's own Send would
    send them. Raises Irregular where `method` needs a strided block, UsageError where the datatype reaches beyond
    the buffer or the method does not fit it.
    """
    Isend(comm, datatype, buffer, dest, tag, **how).Wait()


def Recv(  # noqa: N802
    comm: Any, datatype: Any, buffer: Any, source: int, tag: int = 0, status: Any = None, **how: Any
) -> None:
    """Receive `count` elements of a datatype into `buffer`; arguments and errors as in `Send`.

    Bytes between those of the datatype stay as they are, and all of them where `source` is MPI.PROC_NULL. Raises
    UsageError for a datatype that reaches a byte twice, a buffer that is read-only, and where fewer bytes came than
    the datatype has.
    """
    Irecv(comm, datatype, buffer, source, tag, **how).Wait(status)


def Isend(  # noqa: N802
    comm: Any,
    datatype: Any,
    buffer: Any,
    dest: int,
    tag: int = 0,
    *,
    count: int = 1,
    origin: int = 0,
    method: str | None = None,
    model: HardwareModel | None = None,
    colocated: bool = False,
    stream: Any = None,
) -> Pending:
    """Pack and begin to send; arguments and errors as in `Send`. The message is under way until `Wait`."""
    way, form = _way(datatype, buffer, count, method, model, colocated)
    if way == "host":
        return _isend(comm, host.pack(_known(form), buffer, origin=origin), dest, tag)
    if way == "mpi":
        span = whole_span(datatype, buffer, count, origin, stream)
        return Pending(comm.Isend([span.start, count, datatype], dest, tag), keep=(span, buffer))
    packed = _packed(way, _known(form).size)
    _queue(form, buffer, packed, "pack", origin, stream)
    if way == "staged":
        packed = copied(pinned(_known(form).size), packed, stream)
    settled(stream)
    return _isend(comm, packed, dest, tag)


def Irecv(  # noqa: N802
    comm: Any,
    datatype: Any,
    buffer: Any,
    source: int,
    tag: int = 0,
    *,
    count: int = 1,
    origin: int = 0,
    method: str | None = None,
    model: HardwareModel | None = None,
    colocated: bool = False,
    stream: Any = None,
) -> Pending:
    """Begin to receive; arguments and errors as in `Recv`. The buffer holds the message after `Wait`."""
    way, form = _way(datatype, buffer, count, method, model, colocated)
    if form is not None and form.overlaps:
        raise UsageError(host.TWICE)
    if way == "mpi":
        span = whole_span(datatype, buffer, count, origin, stream, written=True)

        def give_back(status: Any) -> None:
            span.give_back(datatype, count, stream)
            _complete(status, count * datatype.Get_size())

        return Pending(comm.Irecv([span.start, count, datatype], source, tag), give_back, keep=(span, buffer))
    size = _known(form).size
    landing = _packed("device" if way == "device" else "one_shot", size) if way != "host" else np.empty(size, np.uint8)

    def finish(status: Any) -> None:
        _complete(status, size)
        if way == "host":
            host.unpack(_known(form), landing, buffer, origin=origin)
            return
        packed = copied(_packed("device", size), landing, stream) if way == "staged" else landing
        _queue(form, buffer, packed, "unpack", origin, stream)
        settled(stream)

    return Pending(comm.Irecv([pointer(landing), _byte()], source, tag), finish, keep=landing)


def _way(
    datatype: Any, buffer: Any, count: int, method: str | None, model: HardwareModel | None, colocated: bool
) -> tuple[str, Strided | None]:
    """A method; `host` where a Strided in host memory is packed there, as MPI cannot be given one."""
    way, form = chosen(
        datatype, buffer, count=count, method=method, model=model, library=_library(), colocated=colocated
    )
    return ("host" if way == "mpi" and isinstance(datatype, Strided) else way), form


def _packed(way: str, size: int) -> Any:
    """Room for packed bytes: in device memory, or page-locked memory of the host that the GPU writes to itself."""
    if way == "one_shot":
        return pinned(size)
    import cupy

    return cupy.empty(size, dtype=cupy.uint8)


def _queue(form: Strided | None, memory: Any, packed: Any, direction: str, origin: int, stream: Any) -> None:
    if _known(form).size:
        prepared(_known(form), memory, packed, direction, origin=origin, stream=_current(stream))()


def _isend(comm: Any, packed: Any, dest: int, tag: int) -> Pending:
    return Pending(comm.Isend([pointer(packed), _byte()], dest, tag), keep=packed)


def _current(stream: Any) -> Any:
    if stream is not None:
        return stream
    import cupy

    return cupy.cuda.get_current_stream()


def _known(form: Strided | None) -> Strided:
    assert form is not None
    return form


def _complete(status: Any, size: int) -> None:
    came = status.Get_count(_byte())
    if came != size:
        raise UsageError(f"{came} bytes came, and the datatype of the receive has {size}")


def _byte() -> Any:
    from mpi4py import MPI

    return MPI.BYTE


def _library() -> str:
    from mpi4py import MPI

    return "openmpi" if MPI.get_vendor()[0] == "Open MPI" else "mpich"
