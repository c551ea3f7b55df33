"""The bodies of the tensor probes on a GPU of paper: what they launch, and whom their checks believe."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from gridstone import content
from gridstone.clock import ObservedClock, Work
from gridstone.declaration import Probe
from gridstone.plan.catalogue import load_probes

PROBES: dict[str, Probe] = {p.name: p for p in load_probes() if p.family in ("wgmma", "fp8", "power")}
formats = content.load_module(content.folder("runners") / "number_formats.py")


class Memory:
    """Bytes of device memory."""

    def __init__(self, size: int) -> None:
        self.bytes = np.zeros(size, np.uint8)
        self.nbytes = size

    def set(self, array: Any) -> None:
        self.bytes[:] = array

    def get(self) -> Any:
        return self.bytes.copy()


class PaperGpu:
    """Keeps what a body asks for; a launch is `kernel(args)`, which may write to memory."""

    multiprocessors = 132

    def __init__(self, kernel: Any) -> None:
        self.kernel, self.bench, self.asked = kernel, self, {}

    def alloc(self, size: int) -> Memory:
        return Memory(size)

    def slot(self, number: int) -> int:
        return number

    def allow(self, kernel: Any, shared: int) -> None:
        assert shared <= 227 << 10

    def memset(self, memory: Memory, value: int) -> None:
        memory.bytes[:] = value

    def enqueue(self, kernel: Any, grid: int, block: int, args: Any, shared: int = 0) -> None:
        assert block <= 1024 and shared <= 227 << 10
        kernel(args)

    def chain(self, **asked: Any) -> Work:
        self.asked = asked
        return Work(clock=ObservedClock(observe=dict), verify=asked["verify"])

    fill = chain

    def observe(self, observe: Any) -> Work:
        return Work(clock=ObservedClock(observe=observe))


def multiply(axes: dict[str, Any], warpgroups: int = 1) -> Any:
    """A kernel that multiplies dense operands as the PTX ISA says, element by element of the fragments."""
    n = int(axes["tile_n"])

    def kernel(args: Any) -> None:
        a_memory, b_memory, *_, out = [x for x in args if isinstance(x, Memory)]
        a = formats.decode(axes["a_type"], a_memory.bytes.view(formats.word(axes["a_type"])))
        b = formats.decode(axes["b_type"], b_memory.bytes.view(formats.word(axes["b_type"])))
        # eight instructions go twice over four slices
        d = 2 * (a.reshape(64 * warpgroups, -1) @ b.reshape(n, -1).T)
        words = out.bytes.view(np.int32 if axes["acc_type"] == "s32" else np.float32).reshape(warpgroups, -1, 128)
        for register in range(n // 2):
            for thread in range(128):
                row = 16 * (thread // 32) + thread % 32 // 4 + 8 * (register // 2 % 2)
                column = 8 * (register // 4) + 2 * (thread % 4) + register % 2
                words[:, register, thread] = d.reshape(warpgroups, 64, n)[:, row, column]

    return kernel


def body(name: str, gpu: PaperGpu, axes: dict[str, Any]) -> Work:
    made = PROBES[name].body(gpu, **axes)
    assert isinstance(made, Work)
    return made


@pytest.mark.parametrize("name", [name for name in PROBES if name != "fp8/precision"])
def test_a_kernel_that_does_nothing_is_not_believed(name: str) -> None:
    for axes in PROBES[name].points("quick"):
        gpu = PaperGpu(lambda args: None)
        work = body(name, gpu, axes)
        assert work.verify is not None and work.verify() is False
        assert gpu.asked["block" if name != "fp8/convert_latency" else "lengths"]
        assert gpu.asked.get("work", 1) > 0


@pytest.mark.parametrize(
    "dtype", [("f16", "f16", "f32"), ("tf32", "tf32", "f32"), ("e4m3", "e4m3", "f32"), ("s8", "s8", "s32")]
)
def test_a_kernel_that_multiplies_is_believed(dtype: tuple[str, str, str]) -> None:
    axes = {"a_type": dtype[0], "b_type": dtype[1], "acc_type": dtype[2], "tile_n": 64, "sparse": False}
    chained = body("wgmma/interval", PaperGpu(multiply(axes)), {**axes, "source": "ss"})
    assert chained.verify is not None and chained.verify()
    more = {"warps": 8, "groups": 4, "operands": "zeros"}
    filled = body("wgmma/throughput", PaperGpu(multiply(axes, warpgroups=2)), {**axes, **more})
    assert filled.verify is not None and filled.verify()


def test_what_all_sms_do_is_counted() -> None:
    axes = {"a_type": "f16", "b_type": "f16", "acc_type": "f32", "tile_n": 256, "sparse": False}
    gpu = PaperGpu(lambda args: None)
    body("wgmma/throughput", gpu, {**axes, "warps": 8, "groups": 4, "operands": "normal"})
    rounds = int(gpu.asked["args"][-1])
    assert gpu.asked["work"] == 132 * 2 * 8 * rounds * 2 * 64 * 256 * 16
    assert gpu.asked["block"] == 256
    assert 100e3 < rounds * 8 * 2 * 128 < 300e3


def test_an_exact_accumulator_keeps_all_places() -> None:
    axes = {"a_type": "f16", "b_type": "f16", "acc_type": "f32", "tile_n": 8}

    def exact(args: Any) -> None:
        a_memory, b_memory, out, steps = args
        a = formats.decode("f16", a_memory.bytes.view(np.uint16)).reshape(int(steps), 64, -1)
        b = formats.decode("f16", b_memory.bytes.view(np.uint16)).reshape(int(steps), 8, -1)
        d = np.einsum("srk,snk->rn", a, b)
        words = out.bytes.view(np.float32).reshape(4, 128)
        for register in range(4):
            for thread in range(128):
                row = 16 * (thread // 32) + thread % 32 // 4 + 8 * (register // 2)
                words[register, thread] = d[row, 2 * (thread % 4) + register % 2]

    work = body("fp8/precision", PaperGpu(exact), axes)
    found = work.clock.take(1).observed
    assert found["bits_within"][0] == found["bits_across"][0] == 23
    assert found["bits_along"][0] >= 23
    assert found["bits_random"][0] > 22
    assert work.verify is not None and work.verify()


@pytest.mark.parametrize(
    "function", ["e4m3_f16", "e5m2_f32", "e4m3_bf16", "f16_e4m3_f16", "f32_e5m2_f16", "bf16_e4m3_f16"]
)
def test_a_kernel_that_converts_is_believed_and_one_wrong_entry_is_not(function: str) -> None:
    path = function.split("_")

    def kernel(args: Any) -> None:
        source, target, count = args[0].bytes.view(np.uint32).reshape(-1, 2), args[1], int(args[2])
        bits = formats.BITS[path[0]]
        if bits == 32:
            codes = source
        else:
            codes = np.stack([source[:, 0] & (1 << bits) - 1, source[:, 0] >> bits], axis=1).astype(f"u{bits // 8}")
        for before, after in itertools.pairwise(path):
            codes = formats.encode(after, formats.decode(before, codes))
        words = target.bytes.view(np.uint32).reshape(-1, 2)
        assert len(words) == count
        if codes.itemsize == 4:
            words[:] = codes
        else:
            words[:, 0] = codes[:, 0].astype(np.uint32) | codes[:, 1].astype(np.uint32) << 16

    def careless(args: Any) -> None:
        kernel(args)
        args[1].bytes.view(np.uint32)[2 * 1000] ^= 1 << 12

    for gpu, believed in ((PaperGpu(kernel), True), (PaperGpu(careless), False)):
        work = body("fp8/convert_latency", gpu, {"function": function})
        assert work.verify is not None and work.verify() is believed


@pytest.mark.parametrize("profile", ["quick", "standard", "full"])
def test_conversions_that_are_timed_are_whole_iterations_and_all_are_counted(profile: str) -> None:
    fp8 = content.load_module(content.folder("bench") / "fp8.py")
    for axes in PROBES["fp8/convert"].points(profile):
        body("fp8/convert", gpu := PaperGpu(lambda args: None), axes)
        steps, threads = int(gpu.asked["args"][-1]), 32 * int(axes["warps"])
        assert steps > 0 and not any(steps * int(axes["ilp"]) % count for count in fp8._BODY.values())
        assert gpu.asked["work"] == gpu.multiprocessors * threads * axes["ilp"] * steps
    body("fp8/convert_latency", gpu := PaperGpu(lambda args: None), {"function": "e4m3_f16"})
    assert not any(length % count for length in gpu.asked["lengths"] for count in fp8._CHAIN.values())
