"""The host family: what it declares, what its loops compute, and that a wrong result is noticed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridstone import content, host
from gridstone.clock import Work
from gridstone.declaration import PROFILE_NAMES, Machine, Probe, Unavailable
from gridstone.plan import load_probes

_MACHINE = Machine(host="here", cpu="some CPU", cores=2, memory=1 << 30)
_SMALL: dict[str, list[dict[str, Any]]] = {
    "stream": [
        {"pattern": p, "threads": t, "bytes": n}
        for p, t, n in itertools.product(["copy", "scale", "add", "triad"], [1, 2], [8, 8 * 1025])
    ],
    "gather": [
        {"row_bytes": r, "threads": t, "footprint": n}
        for r, t, n in itertools.product([8, 100], [1, 2], [1000, 1 << 16])
    ],
    "pointer_chase": [{"footprint": n} for n in (64, 640, 1 << 16)],
    "memcpy": [{"bytes": n, "threads": t} for n, t in itertools.product([1, 4097], [1, 2])],
    "file": [
        {"method": m, "tier": t, "bytes": n}
        for m, t, n in itertools.product(["write", "read"], ["page_cache", "storage"], [1, 5000])
    ],
}


@pytest.fixture(scope="module")
def family() -> dict[str, Probe]:
    return {p.name.split("/")[1]: p for p in load_probes() if p.family == "host"}


@pytest.fixture(scope="module")
def runner() -> ModuleType:
    return content.load_module(content.folder("runners") / "on_host.py")


@pytest.fixture(scope="module")
def loops() -> ModuleType:
    return content.load_module(content.folder("runners") / "host_loops.py")


@pytest.fixture(scope="module")
def context(runner: ModuleType) -> Iterator[Any]:
    with runner.context(_MACHINE) as found:
        yield found


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Any:
    monkeypatch.setenv("GRIDSTONE_SCRATCH", str(tmp_path))
    return tmp_path


def _missing(probe: Probe, point: dict[str, Any], machine: Machine) -> list[str]:
    return [reason for need in probe.needs if (reason := need.missing(machine, point))]


def test_the_family_has_the_promised_probes_and_metrics(family: dict[str, Probe]) -> None:
    assert {name: [m.name for m in p.metrics] for name, p in family.items()} == {
        "stream": ["bandwidth"],
        "gather": ["bandwidth", "time"],
        "pointer_chase": ["latency"],
        "memcpy": ["bandwidth", "time"],
        "file": ["bandwidth", "time"],
    }
    assert not any(p.on_gpu for p in family.values())


@pytest.mark.parametrize("profile", PROFILE_NAMES)
def test_every_point_fits_a_server_with_enough_cores(family: dict[str, Probe], profile: str) -> None:
    server = Machine(host="s", cpu="c", cores=max(64, host.usable_cores()), memory=8 << 30)
    for probe in family.values():
        points = list(probe.points(profile))
        assert points
        for point in points:
            assert _missing(probe, point, server) == []
            for axis in probe.axes:
                axis.check(point[axis.name])


def test_all_cores_of_this_machine_are_covered(family: dict[str, Probe]) -> None:
    for name, profile in itertools.product(("stream", "gather", "memcpy"), PROFILE_NAMES):
        assert host.usable_cores() in family[name].axis("threads").values(profile)


def test_more_threads_than_cores_are_refused_with_the_reason(family: dict[str, Probe]) -> None:
    point = {"pattern": "copy", "threads": 4, "bytes": 1024}
    assert _missing(family["stream"], point, _MACHINE) == ["needs 4 CPU cores, this process may use 2"]


def test_no_profile_needs_more_than_its_share_of_cells(family: dict[str, Probe]) -> None:
    two = sum(not _missing(p, point, _MACHINE) for p in family.values() for point in p.points("standard"))
    assert two <= 200


def test_the_ladder_has_two_footprints_per_octave(family: dict[str, Probe]) -> None:
    footprints = family["pointer_chase"].axis("footprint").standard
    assert (footprints[0], footprints[-1]) == (4096, 256 << 20)
    assert max(b / a for a, b in itertools.pairwise(footprints)) < 1.45


_CASES = [(name, point) for name, points in _SMALL.items() for point in points]


@pytest.mark.parametrize(("name", "point"), _CASES)
def test_a_small_cell_is_right_and_positive(
    family: dict[str, Probe], context: Any, scratch: Any, name: str, point: dict[str, Any]
) -> None:
    work = _work(family[name], context, point)
    try:
        if work.poison:
            work.poison()
        samples = work.clock.take(2)
        assert work.verify is not None and work.verify() is True
        for metric in family[name].metrics:
            values = metric.reduce(samples)
            assert values.shape == (2,) and (values > 0).all()
    finally:
        if work.close:
            work.close()
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(("name", "point"), [case for case in _CASES if case[0] != "pointer_chase"])
def test_a_result_that_was_never_computed_is_noticed(
    family: dict[str, Probe], context: Any, scratch: Any, name: str, point: dict[str, Any]
) -> None:
    work = _work(family[name], context, point)
    try:
        assert work.poison is not None and work.verify is not None
        work.poison()
        assert work.verify() is False
    finally:
        if work.close:
            work.close()


def _work(probe: Probe, context: Any, point: dict[str, Any]) -> Work:
    context.begin(None, probe.l2)
    try:
        found = probe.body(context, **point)
    except Unavailable as reason:
        pytest.skip(str(reason))
    assert isinstance(found, Work)
    return found


def test_a_full_disk_skips_the_cell(
    family: dict[str, Probe], context: Any, scratch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        f_bavail, f_frsize = 1, 4096

    monkeypatch.setattr("os.fstatvfs", lambda _fd: Full())
    with pytest.raises(Unavailable, match="4 KiB are free here: set GRIDSTONE_SCRATCH"):
        family["file"].body(context, method="write", tier="storage", bytes=4096)


@given(st.integers(1, 300))
def test_a_ring_is_one_cycle_through_all_lines(family: dict[str, Probe], lines: int) -> None:
    ring, places = _ring_of(family, lines)
    seen, place = [], int(places[0])
    for _ in range(lines):
        seen.append(place)
        place = int(ring[place])
    assert place == int(places[0])
    assert sorted(seen) == [8 * i for i in range(lines)]


@given(st.integers(1, 300), st.integers(0, 2000))
def test_a_chase_arrives_where_a_replay_does(
    family: dict[str, Probe], loops: ModuleType, lines: int, hops: int
) -> None:
    ring, places = _ring_of(family, lines)
    place = int(places[0])
    for _ in range(hops):
        place = int(ring[place])
    assert int(loops.chase(ring, np.uint64(places[0]), hops)) == place == int(places[hops % lines])


def _ring_of(family: dict[str, Probe], lines: int) -> Any:
    ring = np.zeros(8 * lines, dtype=np.uint64)
    return ring, family["pointer_chase"].body.__globals__["_link"](ring)


floats = st.lists(st.floats(-1e100, 1e100), min_size=1, max_size=40)


@given(floats, st.integers(1, 3))
def test_stream_loops_agree_with_numpy(loops: ModuleType, listed: list[float], passes: int) -> None:
    a = np.array(listed)
    b, target = a[::-1].copy(), np.empty_like(a)
    expected = {"copy": a, "scale": 3.0 * a, "add": a + b, "triad": a + 3.0 * b}
    for name, wanted in expected.items():
        target.fill(np.nan)
        getattr(loops, name)(target, a, b, 3.0, passes)
        assert np.array_equal(target, wanted), name


@given(st.integers(0, 5000), st.integers(0, 1 << 40))
def test_fills_continue_across_parts(loops: ModuleType, size: int, first: int) -> None:
    counted, marked = np.empty(size), np.empty(size, dtype=np.uint64)
    loops.count_up(counted, first)
    loops.mark(marked, first)
    index = np.arange(first, first + size)
    assert np.array_equal(counted, index % loops.PERIOD)
    assert np.array_equal(marked, index.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))


@given(st.integers(1, 70), st.integers(1, 50), st.integers(1, 20), st.integers(1, 4), st.integers(0, 49))
def test_gather_agrees_with_numpy(
    loops: ModuleType, row_bytes: int, rows: int, count: int, passes: int, start: int
) -> None:
    random = np.random.default_rng(rows)
    table = random.integers(0, 256, (rows, row_bytes), dtype=np.uint8)
    order = random.permutation(rows).astype(np.uint32)
    target, cursor = np.zeros((count, row_bytes), dtype=np.uint8), np.array([start % rows])
    loops.gather(target.reshape(-1), table.reshape(-1), order, cursor, row_bytes, passes)
    last = (start % rows + count * (passes - 1) + np.arange(count)) % rows
    assert np.array_equal(target, table[order[last]])
    assert cursor[0] == (last[-1] + 1) % rows


@given(st.binary(min_size=1, max_size=300), st.integers(1, 3))
def test_memcpy_copies_and_stays_in_bounds(loops: ModuleType, data: bytes, passes: int) -> None:
    source = np.frombuffer(data, dtype=np.uint8).copy()
    frame = np.full(source.size + 16, 7, dtype=np.uint8)
    loops.memcpy(frame[8:-8], source, passes)
    assert np.array_equal(frame[8:-8], source)
    assert set(frame[:8]) | set(frame[-8:]) == {7}


@given(st.integers(0, 100), st.integers(1, 9))
def test_parts_cover_an_array_evenly(runner: ModuleType, size: int, parts: int) -> None:
    array = np.arange(size)
    found = runner.Host.split(array, parts)
    assert len(found) == parts
    assert np.array_equal(np.concatenate(found), array)
    assert max(map(len, found)) - min(map(len, found)) <= 1


@pytest.mark.parametrize("shape", [1, 4097, (3, 5)])
def test_arrays_are_zeroed_and_start_at_a_huge_page(context: Any, shape: Any) -> None:
    array = context.array(shape, np.float64, threads=2)
    assert array.shape == (shape if isinstance(shape, tuple) else (shape,))
    assert array.ctypes.data % (2 << 20) == 0
    assert not array.any()


def test_what_a_thread_raises_reaches_the_caller(context: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        context.each(lambda x: 1 // x, [(1,), (0,)])
