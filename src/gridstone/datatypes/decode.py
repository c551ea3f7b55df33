"""From an MPI datatype to its canonical form, by what MPI_Type_get_contents says of how it was made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gridstone.datatypes.sequence import together
from gridstone.datatypes.strided import Irregular, Stream, Strided, repeated, strided

_Parameters = Mapping[str, Any]


def canonical(datatype: Any, count: int = 1) -> Strided:
    """The strided block that `count` elements of an mpi4py Datatype are, reduced as far as it goes.

    Packing it gives the bytes that MPI_Pack gives, in the same order. Reduced are named types, contiguous, vector,
    hvector, subarray in both orders, resized and dup, nested as deep as one likes, and indexed, hindexed, both with
    one block length, and struct where their parts lie evenly. Raises Irregular, with the part that is not
    a strided block, for everything else. The datatype need not be committed.
    """
    if count == 0:
        return Strided(start=0, block=0)
    _, extent = datatype.Get_extent()
    return repeated(_form(datatype), [(count, extent)])


def _form(datatype: Any) -> Strided:
    if datatype.is_predefined:
        return _named(datatype)
    base, combiner, parameters = datatype.decode()
    reduce = _REDUCED.get(combiner.removesuffix("_INTEGER"))
    if reduce is None:
        raise Irregular(
            f"{combiner.lower()}: this kind of datatype is not reduced to a strided block: MPI has to pack it"
        )
    try:
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
    return _blocks(base, _lengths(given), at, "indexed")


def _hindexed(base: Any, given: _Parameters) -> Strided:
    return _blocks(base, _lengths(given), given["displacements"], "hindexed")


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


def _blocks(base: Any, lengths: Sequence[int], at: Sequence[int], name: str) -> Strided:
    part, extent = _form(base), _extent(base)
    return together([repeated(part, [(n, extent)], where) for n, where in zip(lengths, at, strict=True) if n], name)


def _lengths(given: _Parameters) -> Sequence[int]:
    if "blocklengths" in given:
        lengths: Sequence[int] = given["blocklengths"]
        return lengths
    return [given["blocklength"]] * len(given["displacements"])


def _extent(datatype: Any) -> int:
    return int(datatype.Get_extent()[1])


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
