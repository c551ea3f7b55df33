"""Boxes copied by one call: which rows they hold, and what pycuda is asked for, played by a fake on NumPy arrays."""

from __future__ import annotations

import sys
import types
from typing import Any, ClassVar

import numpy as np
import pytest

from gridstone import content

RUNNER = content.folder("runners") / "box_copies.py"


@pytest.fixture
def boxes() -> types.ModuleType:
    pytest.importorskip("cuda.core")
    return content.load_module(RUNNER)


def words(size: int) -> Any:
    return np.arange(size, dtype=np.uint64).astype(np.uint8)


class FakeCopy:
    """A structured copy as pycuda's documentation describes it, from one NumPy array to another."""

    device: ClassVar[dict[int, Any]] = {}

    def __init__(self) -> None:
        self.src_x_in_bytes = self.src_y = self.src_z = self.dst_height = self.src_height = 0
        self.depth = 1

    def set_src_host(self, array: Any) -> None:
        self.source = array

    def set_src_device(self, address: int) -> None:
        self.source = self.device[address]

    def set_dst_device(self, address: int) -> None:
        self.target = self.device[address]

    def __call__(self, stream: Any) -> None:
        assert stream == "a stream"
        for z in range(self.depth):
            for y in range(self.height):
                at = ((self.src_z + z) * self.src_height + self.src_y + y) * self.src_pitch + self.src_x_in_bytes
                to = (z * self.dst_height + y) * self.dst_pitch
                self.target[to : to + self.width_in_bytes] = self.source[at : at + self.width_in_bytes]


@pytest.mark.parametrize("method", ["2d", "3d"])
@pytest.mark.parametrize("row_bytes", [4, 512, 8192])
def test_a_box_lies_in_the_table_wherever_it_begins(boxes: types.ModuleType, method: str, row_bytes: int) -> None:
    shape = boxes.box(method, row_bytes)
    assert shape.firsts > 0
    for first in (0, shape.firsts - 1):
        numbers = shape.numbers(first)
        assert numbers.size == 1024 == np.unique(numbers).size
        assert (int(numbers.max()) + 1) * row_bytes <= 64 << 20


@pytest.mark.parametrize("memory", ["pinned", "managed"])
@pytest.mark.parametrize("method", ["2d", "3d"])
def test_pycuda_copies_the_rows_that_are_listed(
    boxes: types.ModuleType, monkeypatch: pytest.MonkeyPatch, method: str, memory: str
) -> None:
    shape = boxes.box(method, 512)
    table, target = np.random.default_rng(1).integers(0, 256, 64 << 20, dtype=np.uint8), np.zeros(1024 * 512, np.uint8)
    base = types.SimpleNamespace(get_device_pointer=lambda: 7)
    held = types.SimpleNamespace(base=base) if memory == "managed" else table
    monkeypatch.setattr(FakeCopy, "device", {7: table, 9: target})
    driver = types.SimpleNamespace(Memcpy2D=FakeCopy, Memcpy3D=FakeCopy, Stream=lambda: _Stream())
    monkeypatch.setattr(boxes, "_pycuda", lambda: driver)
    monkeypatch.setitem(boxes._kept, memory, held)
    copies, _wait = boxes._by_pycuda(None, memory, shape, 9, [3])
    copies[0]()
    assert (target.reshape(1024, 512) == table.reshape(-1, 512)[shape.numbers(3)]).all()


class _Stream(str):
    def __new__(cls) -> _Stream:
        return super().__new__(cls, "a stream")

    def synchronize(self) -> None: ...


def test_pycuda_is_asked_for_each_kind_of_memory(boxes: types.ModuleType) -> None:
    asked: list[tuple[Any, ...]] = []

    def noted(name: str) -> Any:
        return lambda *args, **named: asked.append((name, *args, named)) or name

    driver = types.SimpleNamespace(
        managed_empty=noted("managed"),
        aligned_empty=noted("aligned"),
        register_host_memory=noted("registered"),
        pagelocked_empty=noted("pagelocked"),
        mem_attach_flags=types.SimpleNamespace(GLOBAL=1),
        mem_host_register_flags=types.SimpleNamespace(DEVICEMAP=2),
        host_alloc_flags=types.SimpleNamespace(DEVICEMAP=2, WRITECOMBINED=4),
    )
    for memory in ("pinned", "write_combined", "registered", "managed"):
        boxes.host_array(driver, memory, 4096)
    assert asked == [
        ("pagelocked", 4096, np.uint8, {"mem_flags": 2}),
        ("pagelocked", 4096, np.uint8, {"mem_flags": 6}),
        ("aligned", 4096, np.uint8, {}),
        ("registered", "aligned", 2, {}),
        ("managed", 4096, np.uint8, {"mem_flags": 1}),
    ]


def test_the_context_of_the_process_is_taken_once(boxes: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    context = types.SimpleNamespace(push=lambda: done.append("push"))
    module = types.ModuleType("pycuda.driver")
    module.init = lambda: done.append("init")  # type: ignore[attr-defined]
    module.Device = lambda number: types.SimpleNamespace(  # type: ignore[attr-defined]
        retain_primary_context=lambda: context
    )
    package = types.ModuleType("pycuda")
    package.driver = module  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pycuda", package)
    monkeypatch.setitem(sys.modules, "pycuda.driver", module)
    monkeypatch.setattr(boxes, "_kept", {})
    assert boxes._pycuda() is boxes._pycuda() is module
    assert done == ["init", "push"]


def test_the_driver_s_structures_have_the_fields_that_are_set(boxes: types.ModuleType) -> None:
    driver = pytest.importorskip("cuda.bindings.driver")
    table = types.SimpleNamespace(host=4096)
    stream = types.SimpleNamespace(ptr=0, synchronize=lambda: None)
    gpu = types.SimpleNamespace(stream=stream)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boxes._tables, "table", lambda *_: table)
        seen: list[Any] = []
        for name in ("cuMemcpy2DAsync", "cuMemcpy3DAsync"):
            patch.setattr(driver, name, lambda copy, _stream: (seen.append(copy), (driver.CUresult.CUDA_SUCCESS,))[1])
        for method in ("2d", "3d"):
            boxes._by_bindings(gpu, "pinned", boxes.box(method, 512), 8192, [5])[0][0]()
    flat, deep = seen
    assert (flat.srcY, flat.srcPitch, flat.WidthInBytes, flat.Height) == (5, 1024, 512, 1024)
    assert (deep.srcZ, deep.srcHeight, deep.dstHeight, deep.Depth, deep.Height) == (5, 128, 64, 16, 64)
    assert int(flat.srcHost) == int(deep.srcHost) == 4096 and int(deep.dstDevice) == 8192
