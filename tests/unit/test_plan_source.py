"""What a probe runs is found and hashed independently of where it lies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gridstone.content import ContentError, folder, load_module
from gridstone.declaration import Probe
from gridstone.plan import kernel_path, source_closure, source_digest

_DECLARATION = """
from gridstone import probe, seconds

@probe("mine/add.cu", count=[1, 2], measures=seconds())
def add(gpu, *, count):
    return gpu.launch()
"""
_HOST = """
from gridstone import probe, seconds

@probe(None, runner="on_host", count={counts}, measures=seconds())
def nap(host, *, count):
    return host.call(lambda: {body})
"""


def declared(file: Path, text: str) -> Probe:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    (probe,) = (v for v in vars(load_module(file)).values() if isinstance(v, Probe))
    return probe


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path.resolve()


def test_kernel_beside_the_declaration_comes_first(tmp_path: Path) -> None:
    probe = declared(tmp_path / "probes/mine.py", _DECLARATION)
    aside = write(tmp_path / "kernels_cuda/mine/add.cu", "// aside")
    assert kernel_path(probe) == aside
    beside = write(tmp_path / "probes/mine/add.cu", "// beside")
    assert kernel_path(probe) == beside


def test_kernel_that_gridstone_brings(tmp_path: Path) -> None:
    probe = declared(tmp_path / "mine.py", _DECLARATION.replace("mine/add.cu", "latency/pointer_chase.cu"))
    assert kernel_path(probe) == folder("kernels_cuda") / "latency/pointer_chase.cu"


def test_missing_kernel_names_the_declaration_and_the_places(tmp_path: Path) -> None:
    probe = declared(tmp_path / "mine.py", _DECLARATION)
    with pytest.raises(ContentError, match=r"mine\.py: no kernel mine/add\.cu in .*kernels_cuda"):
        kernel_path(probe)


def test_closure_follows_headers_once_and_in_order(tmp_path: Path) -> None:
    kernel = write(tmp_path / "a.cu", '#include "one.cuh"\n  # include "two.cuh"\n#include <cuda.h>\n')
    one = write(tmp_path / "one.cuh", '#include "deep/three.cuh"\n#include "cuda_fp16.h"\n')
    three = write(tmp_path / "deep/three.cuh", '#include "one.cuh"\n')
    two = write(tmp_path / "two.cuh", '// #include "absent.cuh"\n#include "clock.cuh"\n')
    clock = folder("kernels_cuda") / "include/clock.cuh"
    assert source_closure(kernel) == [kernel, one, three, two, clock.resolve()]


def test_digest_follows_every_header_and_not_the_place(tmp_path: Path) -> None:
    digests = []
    for place, header in (("one", "int x;"), ("two", "int x;"), ("three", "int y;")):
        write(tmp_path / place / "mine/add.cu", '#include "add.cuh"\n')
        write(tmp_path / place / "mine/add.cuh", header)
        digests.append(source_digest(declared(tmp_path / place / "mine.py", _DECLARATION)))
    assert digests[0] == digests[1] != digests[2]


def test_digest_of_a_body_ignores_the_list_of_values(tmp_path: Path) -> None:
    texts = [("[1]", "count"), ("[1, 2, 3]", "count"), ("[1]", "2 * count")]
    digests = [
        source_digest(declared(tmp_path / f"{i}.py", _HOST.format(counts=counts, body=body)))
        for i, (counts, body) in enumerate(texts)
    ]
    assert digests[0] == digests[1] != digests[2]


def test_body_without_source_text_is_refused(tmp_path: Path) -> None:
    probe = declared(tmp_path / "mine.py", _HOST.format(counts="[1]", body="count"))
    scope: dict[str, object] = {}
    exec("def nap(host, *, count): ...", scope)
    with pytest.raises(ContentError, match="source of its body cannot be read"):
        source_digest(replace(probe, body=scope["nap"]))  # type: ignore[arg-type]
