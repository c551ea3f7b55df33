"""From an MPI datatype to its canonical form, by what MPI_Type_get_contents says of how it was made."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gridstone.datatypes.sequence import runs, together
from gridstone.datatypes.strided import Irregular, Stream, Strided, repeated, strided
from gridstone.errors import UsageError

_Parameters = Mapping[str, Any]


def canonical(datatype: Any, count: int = 1) -> Strided:
    """The strided block that `count` elements of an mpi4py Datatype are, reduced as far as it goes.

    Packing it gives the bytes that MPI_Pack gives, in the same order. Reduced are named types, contiguous, vector,
    hvector, subarray in both orders, resized and dup, nested as deep as one likes, and indexed, hindexed, both with
    one block length, and struct where their parts lie evenly. Raises Irregular, with the part that is not
    a strided block, for everything else. The datatype need not be committed. Raises UsageError for what is no
    datatype, or one that was freed, and for a count that is not a whole number from 0 on.
    """
    from mpi4py import MPI

    if not isinstance(datatype, MPI.Datatype):
        raise UsageError(f"a datatype of mpi4py is needed, such as MPI.DOUBLE.Create_vector(...), got {datatype!r}")
    if datatype == MPI.DATATYPE_NULL:
        raise UsageError("this datatype is MPI.DATATYPE_NULL: it was freed, or never made")
    many = elements(count)
    if many == 0:
        return Strided(start=0, block=0)
    try:
        return repeated(_form(datatype), [(many, _extent(datatype))] if many > 1 else [])
    except RecursionError:
        raise Irregular("a datatype nested hundreds of levels deep is not decoded: MPI has to pack it") from None


def form_of(datatype: Any, count: int) -> Strided:
    """The form of `count` elements of an mpi4py Datatype, or of the one that a Strided is; errors as in `canonical`."""
    if not isinstance(datatype, Strided):
        return canonical(datatype, count)
    if elements(count) != 1:
        raise UsageError(
            f"count={count}, and a Strided is one element, which does not say where the next begins: "
            "give canonical(datatype, count)"
        )
    return datatype


def elements(count: Any) -> int:
    """How many elements a caller asks for. Raises UsageError where that is not a whole number from 0 on."""
    try:
        many = operator.index(count)
    except TypeError:
        many = -1
    if many < 0:
        raise UsageError(f"count={count!r}: a whole number of elements is needed, from 0 on")
    return many


def _form(datatype: Any) -> Strided:
    try:
        return _named(datatype) if datatype.is_predefined else _made(datatype)
    except Irregular:
        if datatype.Get_size() == 0:  # whatever it is made of
            return Strided(start=0, block=0)
        raise


def _made(datatype: Any) -> Strided:
    base, combiner, parameters = datatype.decode()
    try:
        reduce = _REDUCED.get(combiner.removesuffix("_INTEGER"))
        if reduce is None:
            raise Irregular(
                f"{combiner.lower()}: this kind of datatype is not reduced to a strided block: MPI has to pack it"
            )
        return reduce(base, parameters)
    finally:
        for made in parameters.get("datatypes", [base]):
            if made is not None and not made.is_predefined:
                made.Free()


def _named(datatype: Any) -> Strided:
    from mpi4py import MPI

    if datatype == MPI.SHORT_INT and datatype.Get_true_extent()[1] != datatype.Get_size():
        raise Irregular("MPI_SHORT_INT: has a gap inside, so that it is no strided block: MPI has to pack it")
    return strided(0, datatype.Get_size())


def _contiguous(base: Any, given: _Parameters) -> Strided:
    return repeated(_form(base), [(given["count"], _extent(base))])


def _vector(base: Any, given: _Parameters) -> Strided:
    extent = _extent(base)
    streams = [(given["count"], given["stride"] * extent), (given["blocklength"], extent)]
    return repeated(_form(base), streams)


def _hvector(base: Any, given: _Parameters) -> Strided:
    return repeated(_form(base), [(given["count"], given["stride"]), (given["blocklength"], _extent(base))])


def _indexed(base: Any, given: _Parameters) -> Strided:
    extent = _extent(base)
    at = [displacement * extent for displacement in given["displacements"]]
    return runs(_form(base), extent, _lengths(given), at, "indexed")


def _hindexed(base: Any, given: _Parameters) -> Strided:
    return runs(_form(base), _extent(base), _lengths(given), given["displacements"], "hindexed")


def _struct(_: Any, given: _Parameters) -> Strided:
    members = zip(given["blocklengths"], given["displacements"], given["datatypes"], strict=True)
    parts = [repeated(_form(kind), [(n, _extent(kind))], at) for n, at, kind in members if n]
    return together(parts, "struct")


def _subarray(base: Any, given: _Parameters) -> Strided:
    from mpi4py import MPI

    dimensions = list(zip(given["sizes"], given["subsizes"], given["starts"], strict=True))
    if given["order"] == MPI.ORDER_FORTRAN:  # the first index varies fastest
        dimensions.reverse()
    step, offset = _extent(base), 0
    streams: list[Stream] = []
    for size, subsize, start in reversed(dimensions):
        streams.insert(0, (subsize, step))
        offset += start * step
        step *= size
    return repeated(_form(base), streams, offset)


def _same(base: Any, _: _Parameters) -> Strided:
    return _form(base)


def _lengths(given: _Parameters) -> Sequence[int]:
    if "blocklengths" in given:
        lengths: Sequence[int] = given["blocklengths"]
        return lengths
    return [given["blocklength"]] * len(given["displacements"])


def _extent(datatype: Any) -> int:
    extent = int(datatype.Get_extent()[1])
    if extent < 0:  # MPICH 5 packs such elements elsewhere than where it says that they lie
        raise Irregular("resized: an extent below zero, which MPI libraries differ on: MPI has to pack it")
    return extent


_REDUCED: Mapping[str, Callable[[Any, _Parameters], Strided]] = {
    "CONTIGUOUS": _contiguous,
    "VECTOR": _vector,
    "HVECTOR": _hvector,
    "INDEXED": _indexed,
    "HINDEXED": _hindexed,
    "INDEXED_BLOCK": _indexed,
    "HINDEXED_BLOCK": _hindexed,
    "STRUCT": _struct,
    "SUBARRAY": _subarray,
    "RESIZED": _same,
    "DUP": _same,
}
