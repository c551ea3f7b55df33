"""Headers and nvdisasm are found in wheels, in a toolkit, on the path, or reported missing with the remedy."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gridstone.compile import ToolMissing, tools
from gridstone.compile.disassembly import disassemble


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine with nothing installed."""
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(tools, "TOOLKIT", tmp_path / "no-toolkit")
    for name in ("CUDA_HOME", "CUDA_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    tools.nvdisasm.cache_clear()
    tools.headers.cache_clear()
    yield
    tools.nvdisasm.cache_clear()
    tools.headers.cache_clear()


def program(path: Path, text: str = "exit 0") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_what_is_missing_is_named_with_its_package() -> None:
    with pytest.raises(ToolMissing, match="pip install nvidia-cuda-nvdisasm"):
        tools.nvdisasm()
    with pytest.raises(ToolMissing, match="pip install nvidia-cuda-runtime"):
        tools.headers()


@pytest.mark.parametrize("inside", ["nvidia/cu13", "nvidia/cuda_nvdisasm"])
def test_a_wheel_comes_before_the_path(inside: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "nvdisasm")
    wheel = program(tmp_path / "site" / inside / "bin" / "nvdisasm")
    assert tools.nvdisasm() == tmp_path / "nvdisasm"
    tools.nvdisasm.cache_clear()
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site")])
    assert tools.nvdisasm() == wheel


def test_headers_of_a_toolkit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    include = tmp_path / "cuda" / "include"
    include.mkdir(parents=True)
    monkeypatch.setenv("CUDA_HOME", str(tmp_path / "cuda"))
    with pytest.raises(ToolMissing):
        tools.headers()
    (include / "cuda_runtime.h").write_text("")
    assert tools.headers() == include


def test_an_nvdisasm_that_is_too_old_says_so_in_one_line(tmp_path: Path) -> None:
    program(tmp_path / "nvdisasm", "echo \"nvdisasm fatal   : Unknown option '-json'\" >&2; exit 1")
    with pytest.raises(ToolMissing) as caught:
        disassemble([], "sm_90a")
    assert "Unknown option '-json'" in str(caught.value)
    assert "pip install -U nvidia-cuda-nvdisasm" in str(caught.value)
    assert "\n" not in str(caught.value)
