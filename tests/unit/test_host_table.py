"""Tables of the processes of a run: filled once, page-locked by each; on a driver that is played."""

from __future__ import annotations

import ctypes
import os
import types
from collections.abc import Iterator
from typing import Any

import pytest

from gridstone import Unavailable, content

tables = content.load_module(content.folder("runners") / "host_table.py")
MIB = 1 << 20


class Driver:
    """What the tables ask of the driver: memory of the C library, and addresses that both sides share."""

    def __init__(self) -> None:
        self.locked: dict[int, int] = {}
        self.allocated: dict[int, Any] = {}
        self.flags: list[int] = []

    def call(self, name: str, *args: Any) -> None:
        if name == "cuMemHostRegister_v2":
            self.locked[args[0].value] = args[1].value
        elif name == "cuMemHostUnregister":
            del self.locked[args[0].value]
        elif name == "cuMemHostAlloc":
            memory = ctypes.create_string_buffer(args[1].value)
            args[0]._obj.value = ctypes.addressof(memory)
            self.allocated[ctypes.addressof(memory)] = memory
            self.flags.append(args[2].value)
        elif name == "cuMemFreeHost":
            del self.allocated[args[0].value]
        elif name == "cuMemHostGetDevicePointer_v2":
            args[0]._obj.value = args[1].value
        else:
            raise AssertionError(name)


class Gpu:
    """A GPU of a host of 64 MiB, which writes a table's first bytes where it fills one."""

    machine = types.SimpleNamespace(memory=64 * MIB)
    multiprocessors = 2

    def __init__(self) -> None:
        self.filled: list[int] = []

    def support(self, _file: str, name: str, _grid: int, _block: int, args: Any) -> None:
        assert name == "fill_table"
        self.filled.append(4 * int(args[1]))
        ctypes.memset(args[0], 0x5A, 16)

    def synchronize(self) -> None: ...


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Driver]:
    played = Driver()
    monkeypatch.setattr(tables._calls, "call", played.call)
    monkeypatch.setattr(tables, "_made", {})
    monkeypatch.setattr(tables, "_NAME", f"gridstone-test-table-{os.getpid()}")
    yield played
    for known in list(tables._made.values()):
        tables._give_back(known)


def test_the_second_process_takes_what_the_first_has_filled(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = Gpu(), Gpu()
    made = tables.table(first, MIB)
    assert first.filled == [4 * MIB] and made.size == 4 * MIB  # a sixteenth of the host's memory
    of_first = dict(tables._made)
    monkeypatch.setattr(tables, "_made", {})  # another process of the run
    taken = tables.table(second, MIB)
    assert second.filled == []
    assert taken.bytes(16).tolist() == 16 * [0x5A]
    assert taken.host != made.host and driver.locked == {made.host: made.size, taken.host: taken.size}
    tables._give_back(of_first["shared"])


def test_a_longer_table_replaces_a_shorter_one_and_a_shorter_one_is_part_of_it(driver: Driver) -> None:
    gpu = Gpu()
    short = tables.table(gpu, MIB)
    long = tables.table(gpu, 8 * MIB)
    assert long.size == 8 * MIB and list(driver.locked) == [long.host]
    assert tables.table(gpu, short.size) is long
    assert gpu.filled == [4 * MIB, 8 * MIB]


@pytest.fixture
def unshared(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> Driver:
    """A driver that page-locks no memory but its own."""
    known = driver.call

    def refuse(name: str, *args: Any) -> None:
        if name == "cuMemHostRegister_v2":
            raise RuntimeError(f"{name} failed with CUDA error 801")
        known(name, *args)

    monkeypatch.setattr(tables._calls, "call", refuse)
    return driver


def test_where_nothing_can_be_shared_the_process_has_a_table_of_its_own(unshared: Driver) -> None:
    gpu = Gpu()
    made = tables.table(gpu, MIB)
    assert (made.kind, made.size, gpu.filled) == ("pinned", 4 * MIB, [4 * MIB])
    assert tables._shared.found(tables._NAME, 1) is None


def test_a_table_that_three_processes_cannot_have_is_refused(unshared: Driver) -> None:
    with pytest.raises(Unavailable, match=r"cannot share a table of 16 MiB here: .* CUDA error 801"):
        tables.table(Gpu(), 16 * MIB)
    assert tables._made == {}


@pytest.mark.parametrize(("kind", "flags"), [("pinned", 2), ("write_combined", 6)])
def test_memory_of_the_driver_s_own_is_no_other_kind(driver: Driver, kind: str, flags: int) -> None:
    gpu = Gpu()
    made = tables.table(gpu, MIB, kind)
    assert (made.kind, made.size, driver.flags, driver.locked) == (kind, MIB, [flags], {})
    assert gpu.filled == [MIB]


@pytest.mark.parametrize("kind", ["registered", "huge"])
def test_memory_of_the_process_is_page_locked_where_it_lies(driver: Driver, kind: str) -> None:
    made = tables.table(Gpu(), MIB, kind)
    assert driver.locked == {made.host: MIB} and not driver.allocated
    assert made.host % (2 * MIB) == 0


def test_what_is_written_is_never_what_is_read(driver: Driver) -> None:
    gpu = Gpu()
    read, pinned, written = tables.table(gpu, MIB), tables.table(gpu, MIB, "pinned"), tables.target(gpu, MIB)
    assert len({read.host, pinned.host, written.host}) == 3
    assert tables.target(gpu, MIB) is written
    assert tables.target(gpu, 2 * MIB).size == 2 * MIB
