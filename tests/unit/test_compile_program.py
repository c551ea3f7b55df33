"""A kernel file becomes a cubin, or one line that says why not; what was compiled before is recalled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gridstone.compile import CompileError, cache, compile_kernel, program
from gridstone.compile.elf import sections

KERNEL = """#include "depth.cuh"
extern "C" __global__ void probe(float* a) {
    __shared__ float kept[WORDS];
    kept[threadIdx.x] = a[threadIdx.x];
    __syncthreads();
    a[threadIdx.x] = kept[threadIdx.x ^ 1] * DEPTH;
}
"""


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("GRIDSTONE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "depth.cuh").write_text("#define DEPTH 3\n")
    path = tmp_path / "kernel.cu"
    path.write_text(KERNEL)
    yield path
    cache._cache.cache_clear()


@pytest.mark.parametrize("arch", ["sm_80", "sm_90a"])
def test_a_binary_says_what_its_kernel_takes(kernel: Path, arch: str) -> None:
    binary = compile_kernel(kernel, {"WORDS": "64"}, arch)
    assert binary.arch == arch
    assert ".text.probe" in sections(binary.cubin)
    assert binary.shared == 256
    assert binary.registers > 0
    assert (binary.spills, binary.warnings) == (0, ())


def test_defines_and_headers_decide_the_machine_code(kernel: Path) -> None:
    first = compile_kernel(kernel, {"WORDS": "64"}, "sm_90a")
    wider = compile_kernel(kernel, {"WORDS": "128"}, "sm_90a")
    (kernel.parent / "depth.cuh").write_text("#define DEPTH 5\n")
    deeper = compile_kernel(kernel, {"WORDS": "64"}, "sm_90a")
    assert len({first.sha256, wider.sha256, deeper.sha256}) == 3


def test_what_was_compiled_before_is_recalled_whole(kernel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = compile_kernel(kernel, {"WORDS": "64"}, "sm_90a")

    def forget(*_: object) -> None:
        raise AssertionError("compiled again")

    monkeypatch.setattr(program, "keep", forget)
    assert compile_kernel(kernel, {"WORDS": "64"}, "sm_90a") == first


def test_a_folder_that_cannot_be_written_costs_the_cache_only(kernel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (kernel.parent / "file").write_text("")
    monkeypatch.setenv("GRIDSTONE_CACHE", str(kernel.parent / "file" / "below"))
    assert compile_kernel(kernel, {"WORDS": "64"}, "sm_90a").shared == 256


def test_the_message_is_the_compilers_first_error_with_its_place(kernel: Path) -> None:
    kernel.write_text('extern "C" __global__ void probe() {\n    int x = nowhere;\n    y = 1;\n}\n')
    with pytest.raises(CompileError) as caught:
        compile_kernel(kernel, {}, "sm_90a")
    message = str(caught.value)
    assert "kernel.cu(2)" in message
    assert "nowhere" in message
    assert "\n" not in message
    assert "kernel.cu(3)" in caught.value.log


def test_a_target_that_does_not_exist_is_one_line(kernel: Path) -> None:
    with pytest.raises(CompileError) as caught:
        compile_kernel(kernel, {"WORDS": "64"}, "sm_11")
    assert "\n" not in str(caught.value)


def test_serialised_wgmma_is_kept_and_other_lines_are_not() -> None:
    log = (
        "ptxas info    : (C7510) Potential Performance Loss: wgmma.mma_async instructions are serialized\n"
        "ptxas info    : (C7512) something else\n"
        "ptxas         .     16 bytes stack frame, 8 bytes spill stores, 4 bytes spill loads\n"
        "ptxas info    : Used 32 registers, used 1 barriers, 512 bytes smem\n"
        "ptxas info    : Used 40 registers\n"
    )
    binary = program._binary(b"", "sm_90a", log)
    assert [line.split(")")[0][-5:] for line in binary.warnings] == ["C7510"]
    assert (binary.stack, binary.spills, binary.registers, binary.shared) == (16, 12, 40, 512)


def test_sections_of_something_else() -> None:
    with pytest.raises(ValueError, match="ELF"):
        sections(b"MZ" + bytes(64))


def test_keys_tell_parts_apart() -> None:
    assert cache.derived_key(["ab", "c"]) != cache.derived_key(["a", "bc"])
    assert cache.derived_key(["ab", b"c"]) == cache.derived_key([b"ab", "c"])
