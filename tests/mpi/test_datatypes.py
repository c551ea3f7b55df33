"""The canonical form packs what MPI_Pack packs, byte for byte, whatever the datatype."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gridstone.datatypes import Irregular, Strided, canonical, pack, unpack
from gridstone.errors import UsageError

Maker = Callable[[Any], Any]  # from the MPI module to a new datatype

_ROOM = 1 << 22
_FAR = 9 << 30
_MANY = 1_000_000
_NO_RESERVE = 0x4000  # Linux; named in mmap from Python 3.13 on
_NAMES = ("BYTE", "SHORT", "INT", "DOUBLE", "DOUBLE_INT")  # MPICH leaves out the padding inside a LONG_DOUBLE
_EXAMPLES = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


def _made(base: Maker, create: Callable[[Any, Any], Any]) -> Maker:
    def make(mpi: Any) -> Any:
        inner = base(mpi)
        outer = create(mpi, inner)
        if not inner.is_predefined:
            inner.Free()
        return outer

    return make


def _named() -> st.SearchStrategy[Maker]:
    return st.sampled_from(_NAMES).map(lambda name: lambda mpi: getattr(mpi, name))


def _nested(base: st.SearchStrategy[Maker]) -> st.SearchStrategy[Maker]:
    n, gap = st.integers(0, 4), st.integers(-9, 9)
    even = st.tuples(st.integers(0, 5), gap, gap).map(lambda v: [v[1] + v[2] * i for i in range(v[0])])
    places = even | st.lists(gap, max_size=5)

    def with_lengths(at: list[int]) -> st.SearchStrategy[tuple[list[int], list[int]]]:
        same = n.map(lambda length: [length] * len(at))
        return st.tuples(same | st.lists(n, min_size=len(at), max_size=len(at)), st.just(at))

    sub = st.lists(
        st.integers(1, 4).flatmap(
            lambda size: st.integers(1, size).flatmap(
                lambda part: st.tuples(st.just(size), st.just(part), st.integers(0, size - part))
            )
        ),
        min_size=1,
        max_size=3,
    )
    return st.one_of(
        st.builds(lambda b, c: _made(b, lambda _, t: t.Create_contiguous(c)), base, n),
        st.builds(lambda b, c, k, s: _made(b, lambda _, t: t.Create_vector(c, k, s)), base, n, n, gap),
        st.builds(
            lambda b, c, k, s: _made(b, lambda _, t: t.Create_hvector(c, k, s)), base, n, n, st.integers(-99, 99)
        ),
        st.builds(lambda b, v: _made(b, lambda _, t: t.Create_indexed(*v)), base, places.flatmap(with_lengths)),
        st.builds(lambda b, v: _made(b, lambda _, t: t.Create_hindexed(*v)), base, places.flatmap(with_lengths)),
        st.builds(lambda b, k, v: _made(b, lambda _, t: t.Create_indexed_block(k, v)), base, n, places),
        st.builds(lambda b, k, v: _made(b, lambda _, t: t.Create_hindexed_block(k, v)), base, n, places),
        st.builds(
            lambda b, v, c: _made(
                b, lambda mpi, t: t.Create_subarray(*zip(*v, strict=True), mpi.ORDER_C if c else mpi.ORDER_FORTRAN)
            ),
            base,
            sub,
            st.booleans(),
        ),
        st.builds(
            lambda b, low, more: _made(b, lambda _, t: t.Create_resized(low, more)),
            base,
            st.integers(-20, 20),
            st.integers(0, 80),
        ),
        st.builds(lambda b: _made(b, lambda _, t: t.Dup()), base),
        st.builds(
            lambda a, b, at, k: lambda mpi: _struct(mpi, (a, b, a), at, k),
            base,
            base,
            st.lists(st.integers(-40, 40), min_size=3, max_size=3),
            st.lists(n, min_size=3, max_size=3),
        ),
    )


def _struct(mpi: Any, makers: tuple[Maker, ...], at: list[int], counts: list[int]) -> Any:
    members = [make(mpi) for make in makers]
    made = mpi.Datatype.Create_struct(counts, at, members)
    for member in members:
        if not member.is_predefined:
            member.Free()
    return made


datatypes = st.recursive(_named(), _nested, max_leaves=4)


@contextmanager
def _committed(mpi: Any, make: Maker) -> Iterator[Any]:
    datatype = make(mpi)
    own = datatype.Dup().Commit()
    if not datatype.is_predefined:
        datatype.Free()
    try:
        yield own
    finally:
        own.Free()


def _packed(mpi: Any, datatype: Any, memory: Any, origin: int) -> Any:
    """What MPI_Pack makes of one element. Its extent is made one byte: mpi4py counts elements by bytes of buffer."""
    out = np.zeros(datatype.Get_size(), dtype=np.uint8)
    one = datatype.Create_resized(0, 1).Commit()
    try:
        used = one.Pack(mpi.buffer.fromaddress(memory.ctypes.data + origin, 1), out, 0, mpi.COMM_SELF)
    finally:
        one.Free()
    assert used == out.size
    return out


def _unpacked(mpi: Any, datatype: Any, packed: Any, memory: Any, origin: int) -> None:
    one = datatype.Create_resized(0, 1).Commit()
    try:
        one.Unpack(packed, 0, mpi.buffer.fromaddress(memory.ctypes.data + origin, 1), mpi.COMM_SELF)
    finally:
        one.Free()


@_EXAMPLES
@given(make=datatypes, count=st.integers(1, 3))
def test_packing_by_the_canonical_form_is_mpi_pack(mpi: Any, make: Maker, count: int) -> None:
    memory = np.random.default_rng(1).integers(0, 256, _ROOM, dtype=np.uint8)
    with _committed(mpi, _made(make, lambda _, t: t.Create_contiguous(count))) as datatype:
        try:
            form = canonical(datatype)
        except Irregular as reason:
            assert "MPI has to pack it" in str(reason)
            return
        low, high = form.span
        assert form.size == datatype.Get_size()
        if not -_ROOM // 2 <= low <= high <= _ROOM // 2:
            return
        if -1 in form.strides and mpi.get_vendor()[0] == "Open MPI":
            return  # Open MPI 5.0.11 packs blocks that step back by one byte as if they followed on each other
        packed = pack(form, memory, origin=_ROOM // 2)
        assert np.array_equal(packed, _packed(mpi, datatype, memory, _ROOM // 2))
        if form.size:
            true_low, true_extent = datatype.Get_true_extent()
            assert true_low <= low <= high <= true_low + true_extent  # MPICH counts empty parts in
        if not form.overlaps:
            ours, theirs = np.zeros((2, _ROOM), dtype=np.uint8)
            unpack(form, packed, ours, origin=_ROOM // 2)
            _unpacked(mpi, datatype, packed, theirs, _ROOM // 2)
            assert np.array_equal(ours, theirs)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    start=st.integers(0, 3 << 30),
    outer=st.tuples(st.integers(1, 3), st.integers(1 << 20, 2 << 30)),
    inner=st.tuples(st.integers(1, 3), st.integers(64, 1 << 20)),
    swapped=st.booleans(),
)
def test_offsets_beyond_4_gib(
    mpi: Any, start: int, outer: tuple[int, int], inner: tuple[int, int], swapped: bool
) -> None:
    first, second = (inner, outer) if swapped else (outer, inner)
    row = mpi.DOUBLE.Create_hvector(second[0], 2, second[1])
    block = row.Create_hvector(first[0], 1, first[1])
    datatype = block.Create_hindexed_block(1, [start]).Commit()
    memory = _sparse()
    try:
        form = canonical(datatype)
        assert form.span[1] <= _FAR
        packed = np.random.default_rng(start).integers(0, 256, form.size, dtype=np.uint8)
        _unpacked(mpi, datatype, packed, memory, 0)
        if not form.overlaps:
            assert np.array_equal(pack(form, memory), packed)
        assert np.array_equal(pack(form, memory), _packed(mpi, datatype, memory, 0))
    finally:
        for made in (row, block, datatype):
            made.Free()


def _sparse() -> Any:
    """Nine GiB of addresses, of which only the pages that are touched take memory."""
    reserved = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NO_RESERVE
    return np.frombuffer(mmap.mmap(-1, _FAR, flags=reserved), dtype=np.uint8)


def test_sorted_strides_keep_the_order_of_the_bytes(mpi: Any) -> None:
    rows = mpi.INT.Create_hvector(3, 1, 400).Create_resized(0, 8)  # down a column, then on to the next
    columns = mpi.INT.Create_hvector(4, 1, 8).Create_resized(0, 400)  # along a row, then on to the next
    by_column, by_row = canonical(rows, 4), canonical(columns, 3)
    assert (by_column.counts, by_column.strides) == (by_row.counts, by_row.strides) == ((3, 4), (400, 8))
    assert (by_column.order, by_row.order) == ((1, 0), (0, 1))
    assert (by_column.packed_strides, by_row.packed_strides) == ((4, 12), (16, 4))
    memory = np.arange(400, dtype=np.int32)
    assert pack(by_column, memory).view(np.int32).tolist() == [0, 100, 200, 2, 102, 202, 4, 104, 204, 6, 106, 206]
    assert pack(by_row, memory).view(np.int32).tolist() == [0, 2, 4, 6, 100, 102, 104, 106, 200, 202, 204, 206]


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda m: m.INT.Create_contiguous(6), Strided(start=0, block=24)),
        (lambda m: m.INT.Create_vector(5, 3, 3), Strided(start=0, block=60)),
        (
            lambda m: m.INT.Create_indexed([2, 2, 2], [1, 5, 9]),
            Strided(start=4, block=8, counts=(3,), strides=(16,), order=(0,)),
        ),
        (lambda m: m.INT.Create_indexed([1, 2, 3], [0, 1, 3]), Strided(start=0, block=24)),
        (lambda m: m.Datatype.Create_struct([1, 1], [0, 4], [m.INT, m.DOUBLE]), Strided(start=0, block=12)),
    ],
)
def test_what_reduces(mpi: Any, make: Maker, expected: Strided) -> None:
    datatype = make(mpi)
    assert canonical(datatype) == expected
    datatype.Free()


def test_indexed_blocks_that_nest_become_two_streams(mpi: Any) -> None:
    datatype = mpi.INT.Create_indexed_block(1, [0, 2, 3, 5, 6, 8])
    form = canonical(datatype)
    assert (form.block, form.counts, form.strides, form.order) == (4, (3, 2), (12, 8), (0, 1))
    datatype.Free()


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (lambda m: m.INT.Create_indexed([1, 2], [0, 4]), "indexed: its 2 parts"),
        (lambda m: m.INT.Create_indexed_block(1, [0, 2, 5]), "indexed: its 3 parts"),
        (lambda m: m.Datatype.Create_struct([1, 1], [0, 8], [m.INT, m.DOUBLE]), "struct: its 2 parts"),
        (lambda m: m.SHORT_INT.Dup(), "MPI_SHORT_INT: has a gap"),
        (
            lambda m: m.INT.Create_darray(2, 0, [8], [m.DISTRIBUTE_CYCLIC], [m.DISTRIBUTE_DFLT_DARG], [2]),
            "darray: this kind",
        ),
    ],
)
def test_what_falls_back_says_so(mpi: Any, make: Maker, part: str) -> None:
    datatype = make(mpi)
    with pytest.raises(Irregular, match=part):
        canonical(datatype)
    datatype.Free()


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda m: m.INT.Create_indexed_block(1, [3 * i for i in range(_MANY)]), (4, (_MANY,), (12,))),
        (
            lambda m: m.INT.Create_vector(2, 1, 2).Create_hindexed([1 + i % 2 for i in range(_MANY)], _uneven()),
            (4, (_MANY * 3 // 2, 2), (12, 8)),
        ),
        (lambda m: m.INT.Create_indexed([1 + i % 2 for i in range(_MANY)], _touching()), (6 * _MANY, (), ())),
    ],
)
@pytest.mark.timeout(60)
def test_a_million_displacements_are_arrays(mpi: Any, make: Maker, expected: Any) -> None:
    datatype = make(mpi)
    form = canonical(datatype)
    assert (form.block, form.counts, form.strides) == expected
    datatype.Free()


def _uneven() -> list[int]:
    """Where runs of one and of two elements, by turns, go on with one another; elements are 12 bytes."""
    return [18 * i - 6 * (i % 2) for i in range(_MANY)]


def _touching() -> list[int]:
    return [(3 * i) // 2 for i in range(_MANY)]


@pytest.mark.parametrize(
    "make",
    [
        lambda m: m.LONG_INT.Create_indexed([2, 3], [-6, -4]),
        lambda m: m.Datatype.Create_struct([2, 3], [0, 64], [m.DOUBLE.Create_resized(0, 32)] * 2),
        lambda m: m.SHORT_INT.Create_contiguous(0),
        lambda m: m.Datatype.Create_struct([0, 1], [0, 8], [m.SHORT_INT, m.INT]),
    ],
)
def test_parts_that_go_on_with_one_another_or_are_empty_reduce(mpi: Any, make: Maker) -> None:
    with _committed(mpi, make) as datatype:
        memory = np.random.default_rng(2).integers(0, 256, 4096, dtype=np.uint8)
        assert np.array_equal(pack(datatype, memory, origin=2048), _packed(mpi, datatype, memory, 2048))


def test_interleaved_blocks_are_received_and_shared_bytes_are_not(mpi: Any) -> None:
    apart = mpi.BYTE.Create_hvector(2, 1, 3).Create_resized(0, 2)  # bytes 0 3, 2 5, 4 7: none of them twice
    into = np.zeros(8, dtype=np.uint8)
    unpack(apart, np.arange(1, 7, dtype=np.uint8), into, count=3)
    assert into.tolist() == [1, 0, 3, 2, 5, 4, 0, 6]
    with pytest.raises(UsageError, match="reaches a byte twice"):
        unpack(mpi.BYTE.Create_hvector(2, 1, 4).Create_resized(0, 2), np.zeros(6, np.uint8), into, count=3)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda m: canonical(m.DATATYPE_NULL), "freed, or never made"),
        (lambda m: canonical("MPI_INT"), "a datatype of mpi4py is needed"),
        (lambda m: canonical(m.INT, -1), "count=-1: a whole number"),
        (lambda m: canonical(m.INT, 1.5), "count=1.5: a whole number"),
        (lambda m: pack(canonical(m.INT), bytes(12), count=3), "give canonical"),
    ],
)
def test_what_is_no_datatype_is_refused(mpi: Any, ask: Callable[[Any], object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ask(mpi)


def test_a_datatype_nested_very_deep_falls_back(mpi: Any) -> None:
    deep = [mpi.INT.Dup()]
    for _ in range(3000):
        deep.append(deep[-1].Dup())
    with pytest.raises(Irregular, match="hundreds of levels"):
        canonical(deep[-1])
    for datatype in deep:
        datatype.Free()


def test_extents_below_zero_are_left_to_mpi(mpi: Any) -> None:
    datatype = mpi.INT.Create_resized(0, -8)
    assert canonical(datatype) == Strided(start=0, block=4)
    with pytest.raises(Irregular, match="an extent below zero"):
        canonical(datatype, 2)
    datatype.Free()


def test_what_does_not_fit_the_buffer_is_refused(mpi: Any) -> None:
    datatype = mpi.INT.Create_vector(4, 1, 4)
    form = canonical(datatype)
    datatype.Free()
    with pytest.raises(UsageError, match="reaches bytes 0 to 52 of a buffer of 51 bytes"):
        pack(form, np.zeros(51, dtype=np.uint8))
    with pytest.raises(UsageError, match="has 16 bytes, its buffer 15"):
        pack(form, np.zeros(52, dtype=np.uint8), np.zeros(15, dtype=np.uint8))
    with pytest.raises(UsageError, match="this array is not"):
        pack(form, np.zeros((26, 4), dtype=np.uint8)[:, :2])
