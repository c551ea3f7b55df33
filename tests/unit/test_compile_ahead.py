"""All kernels of a run: each distinct one once, each cell told what it needs to know."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from gridstone.compile import ToolMissing, ahead, cache, compile_all, compiling, judged
from gridstone.compile.gate import Verdict
from gridstone.compile.program import Binary, CompileError
from gridstone.declaration import Cell, Contract, cell, cycles, loop, probe

CLAIM = {"sm_90+": loop("LDG", count=4)}


def cells(folder: Path, **sass: object) -> list[Cell]:
    (folder / "walk.cu").write_text("")

    @probe("walk.cu", depth=[1, 2], bytes=[64, 128], knobs=["depth"], measures=cycles(per="hop"), **sass)
    def walk(gpu, *, depth, bytes): ...

    @probe(None, bytes=[64], measures=cycles(per="hop"))
    def without(gpu, *, bytes): ...

    def placed(declared):
        return type(declared)(**{**vars(declared), "file": folder / "bench.py"})

    return [cell(placed(p), axes, "digest") for p in (walk, without) for axes in placed(p).points("standard")]


def binary(source: Path, defines: dict[str, str], arch: str) -> Binary:
    code = f"{source.name} {defines} {arch}".encode()
    return Binary(cubin=code, arch=arch, registers=8, stack=0, spills=0, shared=0, warnings=())


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    seen: list[dict[str, str]] = []

    def compile_kernel(source: Path, defines: dict[str, str], arch: str) -> Binary:
        seen.append(defines)
        return binary(source, defines, arch)

    monkeypatch.setattr(ahead, "compile_kernel", compile_kernel)
    monkeypatch.setattr(ahead, "judge", lambda claims: [Verdict(problems=())] * len(claims))
    return seen


def test_a_distinct_kernel_is_compiled_once_and_every_cell_gets_it(tmp_path: Path, compiled: list) -> None:
    asked = cells(tmp_path, sass=CLAIM)
    found = compile_all(asked, "sm_90a")
    assert sorted(d["DEPTH"] for d in compiled) == ["1", "2"]
    assert set(found) == {c.cell_id for c in asked if c.probe.source is not None}
    for c in asked[:-1]:
        kernel = found[c.cell_id].binary
        assert kernel is not None
        assert kernel.cubin == f"walk.cu {{'DEPTH': '{c.axes['depth']}'}} sm_90a".encode()
        assert found[c.cell_id].sass_ok is True
    assert list(compiling(asked, "sm_90a", jobs=2)) == [(0, 2), (1, 2), (2, 2)]


def test_a_target_that_nothing_is_claimed_for_is_neither_held_nor_broken(tmp_path: Path, compiled: list) -> None:
    found = compile_all(cells(tmp_path, sass=CLAIM), "sm_80")
    assert {(c.sass_ok, c.problems) for c in found.values()} == {(None, ())}


def test_problems_are_passed_on(tmp_path: Path, compiled: list, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "judge", lambda claims: [Verdict(problems=("spilled",))] * len(claims))
    for sass in ({"sass": CLAIM}, {}):
        found = compile_all(cells(tmp_path, **sass), "sm_90a")
        assert {(c.sass_ok, c.problems) for c in found.values()} == {(False, ("spilled",))}


def test_without_nvdisasm_the_reason_is_the_problem(
    tmp_path: Path, compiled: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> Verdict:
        raise ToolMissing("nvdisasm is missing")

    monkeypatch.setattr(ahead, "judge", missing)
    found = compile_all(cells(tmp_path, sass=CLAIM), "sm_90a")
    assert {(c.sass_ok, c.problems) for c in found.values()} == {(None, ("nvdisasm is missing",))}
    assert all(c.binary is not None for c in found.values())


def test_a_kernel_that_does_not_compile_costs_its_own_cells(
    tmp_path: Path, compiled: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    def some(source: Path, defines: dict[str, str], arch: str) -> Binary:
        if defines["DEPTH"] == "2":
            raise CompileError("walk.cu(1): error", "log")
        return binary(source, defines, arch)

    monkeypatch.setattr(ahead, "compile_kernel", some)
    asked = cells(tmp_path, sass=CLAIM)
    found = compile_all(asked, "sm_90a")
    errors = {c.axes["depth"]: found[c.cell_id].error for c in asked[:-1]}
    assert errors == {1: None, 2: "walk.cu(1): error"}


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("GRIDSTONE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(judged, "nvdisasm_version", lambda: "13.0")
    yield
    cache._cache.cache_clear()


def test_a_verdict_is_kept_until_something_it_depends_on_changes(
    tmp_path: Path, own_cache: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    verdict = Verdict(problems=("the loop holds 3",), listing="0000 NOP")

    def check_all(asked_for: list[object]) -> list[Verdict]:
        asked.extend(asked_for)
        return [verdict] * len(asked_for)

    def judge(kernel: Binary, claims: list[Contract]) -> Verdict:
        return judged.judge([(kernel, claims)])[0]

    monkeypatch.setattr(judged, "check_all", check_all)
    kernel = binary(tmp_path, {}, "sm_90a")
    claims = [Contract(opcode="LDG", count=4, clocked=True)]
    assert judge(kernel, claims) == judge(kernel, claims) == verdict
    assert len(asked) == 1
    judge(kernel, [Contract(opcode="LDG", count=4, clocked=False)])
    judge(binary(tmp_path, {"A": "1"}, "sm_90a"), claims)
    monkeypatch.setattr(judged, "nvdisasm_version", lambda: "13.1")
    judge(kernel, claims)
    monkeypatch.setattr(judged, "_gate_digest", lambda: "a stricter gate")
    judge(kernel, claims)
    assert len(asked) == 5


def test_an_interrupt_while_compiling_leaves_the_rest_uncompiled(
    tmp_path: Path, compiled: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "walk.cu").write_text("")

    @probe("walk.cu", depth=list(range(200)), knobs=["depth"], measures=cycles(per="hop"))
    def walk(gpu, *, depth): ...

    cancelled = Event()

    class Pool(ThreadPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            cancelled.set()
            super().shutdown(wait=wait)

    def second_batch_waits(source: Path, defines: dict[str, str], arch: str) -> Binary:
        if len(compiled) >= 16:
            cancelled.wait()
        compiled.append(defines)
        return binary(source, defines, arch)

    monkeypatch.setattr(ahead, "ThreadPoolExecutor", Pool)
    monkeypatch.setattr(ahead, "compile_kernel", second_batch_waits)
    many = type(walk)(**{**vars(walk), "file": tmp_path / "bench.py"})
    steps = compiling([cell(many, axes, "digest") for axes in many.points("standard")], "sm_90a", jobs=1)
    assert next(steps) == (0, 200)
    assert next(steps) == (16, 200)
    with pytest.raises(KeyboardInterrupt):
        steps.throw(KeyboardInterrupt)
    assert len(compiled) in (16, 32)  # the second batch may have begun
