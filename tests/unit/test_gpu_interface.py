"""What bodies of probes call on their GPU is there, though no test here has one."""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from gridstone import Unavailable, content


@pytest.fixture
def on_cupy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The runner with stand-ins where a package that it drives is missing."""
    for name in ("cupy", "cuda.core", "cuda.bindings", "cuda"):
        try:
            importlib.import_module(name)
        except ImportError:
            monkeypatch.setitem(sys.modules, name, MagicMock())
    before = set(sys.modules)
    yield content.load_module(content.folder("runners") / "on_cupy.py")
    for name in set(sys.modules) - before:  # modules that hold stand-ins are nobody else's
        del sys.modules[name]


def called(folder: Path) -> set[str]:
    """The names that any file of a folder takes of something called `gpu`."""
    nodes = (node for file in folder.glob("*.py") for node in ast.walk(ast.parse(file.read_text())))
    return {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "gpu"
    }


def test_every_name_that_is_used_of_a_gpu_is_one_of_its(on_cupy: Any) -> None:
    source = ast.parse(inspect.getsource(on_cupy.Gpu))
    own = {
        node.attr
        for node in ast.walk(source)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    }
    used = called(content.folder("bench")) - {"exchange"}  # of a runner's module that halo calls gpu
    assert {"alloc", "chain", "kernel", "stream"} <= used
    assert used - own - set(dir(on_cupy.Gpu)) == set()


def test_work_is_made_by_methods_that_say_what_they_take(on_cupy: Any) -> None:
    for name in ("launch", "call", "chain", "fill", "observe", "host_call", "alloc", "support", "ring"):
        method = getattr(on_cupy.Gpu, name)
        assert next(iter(inspect.signature(method).parameters)) == "gpu"
        assert method.__doc__


def test_more_than_constant_memory_holds_is_not_copied(on_cupy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    symbols = on_cupy._symbols
    copied = MagicMock()
    monkeypatch.setattr(symbols, "driver", SimpleNamespace(cuLibraryGetGlobal=lambda *_: (0, 4096, 1 << 16)))
    monkeypatch.setattr(symbols, "cp", copied)
    symbols.copy_to_constant(MagicMock(), "ring", SimpleNamespace(nbytes=1 << 16, data=MagicMock()))
    assert copied.cuda.runtime.memcpyAsync.call_count == 1
    with pytest.raises(Unavailable, match="needs 1 MiB of constant memory, there are 64 KiB"):
        symbols.copy_to_constant(MagicMock(), "ring", SimpleNamespace(nbytes=1 << 20, data=MagicMock()))
    assert copied.cuda.runtime.memcpyAsync.call_count == 1
