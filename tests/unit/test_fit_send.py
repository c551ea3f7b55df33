"""send_time, its regret and the decision between methods, on machines whose laws are known."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fitted_machine import geometric, write_run

import gridstone.model
from gridstone import advise
from gridstone.datatypes.method import chosen
from gridstone.datatypes.strided import strided
from gridstone.errors import UsageError
from gridstone.fit import fit
from gridstone.fit.send import regret
from gridstone.model import HardwareModel, OutOfDomain

BYTES, BLOCKS, STRIDES = geometric(1 << 10, 1 << 24, 1), geometric(8, 4096, 1), [1024, 8192]


def one_shot(size: float, block: float, stride: float) -> float:
    """No copy, but the link once more, in pieces of a block."""
    return 12e-6 + size / 20e9 * (1 + 32 / block)


def device(size: float, block: float, stride: float) -> float:
    """A dear message, then the speed of the GPU."""
    return 225e-6 + size / 200e9 * (1 + 8 / block)


def staged(size: float, block: float, stride: float) -> float:
    """Two copies more than one_shot, of whole buffers."""
    return 35e-6 + size / 15e9


LAWS = {"one_shot": one_shot, "device": device, "staged": staged}


def _layouts() -> list[tuple[int, int, int]]:
    return [(n, b, s) for n, b, s in itertools.product(BYTES, BLOCKS, STRIDES) if b < s and n >= 2 * b]


def _cells() -> dict[str, list[tuple[Any, str, str, float]]]:
    place = {"library": "mpich", "memory": "device", "tier": "gpu"}
    message = {"library": "mpich", "memory": "host", "tier": "node"}
    packing = {"form": "mapped", "dims": 2}
    return {
        "pingpong/strided": [
            ({**place, "method": m, "bytes": n, "block": b, "stride": s}, "time", "s", law(n, b, s))
            for m, law in LAWS.items()
            for n, b, s in _layouts()
        ],
        "pingpong/latency": [({**message, "bytes": n}, "time", "s", 1e-6 + n / 10e9) for n in BYTES],
        "datatype/kernel": [
            ({**packing, "direction": d, "bytes": n, "block": b, "stride": s}, "time", "s", 5e-6 + n / 40e9)
            for d in ("pack", "unpack")
            for n, b, s in _layouts()
        ],
    }  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> HardwareModel:
    place = tmp_path_factory.mktemp("send")
    fit([write_run(place / "run", _cells())], place / "model")
    return gridstone.model.load(place / "model")


@pytest.mark.parametrize("method", list(LAWS))
def test_times_between_the_cells(model: HardwareModel, method: str) -> None:
    for size, block, stride in ((3000, 24, 2000), (100_000, 100, 1024), (5_000_000, 300, 5000)):
        found = model.send_time(bytes=size, block=block, stride=stride, method=method, colocated=True)
        assert found.value == pytest.approx(LAWS[method](size, block, stride), rel=0.06)
        assert found.lo < found.value < found.hi and found.in_domain


def test_the_regret_of_the_choice_is_part_of_the_model(model: HardwareModel) -> None:
    for law in model.function("send_time").laws:
        lost = law.parameters["regret"]
        assert 0 <= lost["mean"] <= 0.02
        assert lost["points"] > 0.7 * len(_layouts())
        assert lost["mean"] <= lost["most"] and 0 <= lost["wrong"] < 0.2


@pytest.mark.parametrize("size", [4000, 60_000, 3_000_000, 12_000_000])
def test_the_advice_is_the_fastest_method(model: HardwareModel, size: int) -> None:
    layout = (size, 64, 1024)
    found = advise.send(model, bytes=size, block=64, stride=1024, colocated=True)
    assert found.choice == min(LAWS, key=lambda method: LAWS[method](*layout))
    assert len(found.ranking) == 3
    assert found.because[0].endswith(f" times as much as {found.choice}")
    assert "on points held out" in found.because[1]
    form = strided(0, 64, [(size // 64, 1024)])
    on_gpu = type("OnGpu", (), {"__cuda_array_interface__": {}})()
    assert chosen(form, on_gpu, model=model, colocated=True)[0] == found.choice
    assert chosen(form, on_gpu)[0] == "one_shot"


def test_what_was_not_measured_is_composed_and_left_out(model: HardwareModel) -> None:
    found = model.send_time(bytes=1 << 16, block=64, stride=1024)  # not colocated: packing twice and a message
    assert found.value == pytest.approx(2 * (5e-6 + (1 << 16) / 40e9) + 1e-6 + (1 << 16) / 10e9, rel=0.05)
    advice = advise.send(model, bytes=1 << 16, block=64, stride=1024)
    assert [option.name for option in advice.ranking] == ["one_shot"]
    assert any("device" in reason and "not weighed" in reason for reason in advice.because)
    with pytest.raises(OutOfDomain, match="block=8192"):
        model.send_time(bytes=1 << 16, block=8192, stride=8192, colocated=True)
    with pytest.raises(UsageError, match="method=mpi is not one of one_shot, device, staged"):
        model.send_time(bytes=1 << 16, block=64, stride=1024, method="mpi")
    with pytest.raises(UsageError, match="stride is at least block"):
        advise.send(model, bytes=1024, block=64, stride=32)
    with pytest.raises(UsageError, match="there is nothing to choose among: one_shot"):
        advise.send(model, bytes=1 << 40, block=64, stride=1024)


def test_other_dimensions_are_composed_or_refused(model: HardwareModel) -> None:
    with pytest.raises(OutOfDomain, match="dims"):
        model.send_time(bytes=1 << 16, block=64, stride=1024, dims=3, colocated=True)
    alone = replace(model, functions={n: f for n, f in model.functions.items() if n == "send_time"})
    asked = {"bytes": 1 << 16, "block": 64, "stride": 1024, "colocated": True}
    with pytest.raises(OutOfDomain, match="dims=3: sending was measured in 2 dimensions"):
        alone.send_time(dims=3, **asked)
    flagged, flat = alone.send_time(dims=3, **asked, extrapolate="flag"), alone.send_time(**asked)
    assert flagged.value == flat.value and not flagged.in_domain and flagged.hi >= 2 * flat.hi


def test_blocks_of_narrow_words_may_take_as_long_as_their_loads(model: HardwareModel) -> None:
    asked = {"bytes": 1 << 18, "stride": 1024, "where": "gpu/mapped"}
    plain, odd = (model.pack_time(block=block, **asked) for block in (16, 24))
    assert plain.hi < 1.3 * plain.value
    assert odd.hi > 1.8 * odd.value and odd.lo > 0.7 * odd.value
    with pytest.raises(OutOfDomain, match="whole bytes"):
        model.pack_time(block=24.5, **asked)


def _table(law: Callable[[float, float, float], float], noise: float, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    return np.array([[s, b, n, law(n, b, s) * np.exp(noise * rng.standard_normal())] for n, b, s in sorted(_layouts())])


def test_regret_counts_what_a_wrong_choice_costs() -> None:
    exact = regret({name: _sorted(_table(law, 0.0, 0)) for name, law in LAWS.items()})
    assert exact is not None and exact["mean"] < 0.01
    twins = {name: _sorted(_table(one_shot, 0.1, seed)) for seed, name in enumerate(LAWS)}
    noisy = regret(twins)
    assert noisy is not None
    assert 0.4 < noisy["wrong"] < 0.9  # methods that are equal are told apart by chance
    assert 0.03 < noisy["mean"] < 0.3
    assert regret({"one_shot": twins["one_shot"]}) is None
    assert regret({name: table[:1] for name, table in twins.items()}) is None


def _sorted(table: Any) -> Any:
    return table[np.lexsort(table[:, [2, 1, 0]].T)]
