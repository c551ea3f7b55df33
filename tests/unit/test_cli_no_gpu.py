"""A GPU that is not there, hidden, too old for its driver or taken is told in one line."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from plan_probes import NODE
from said_by_cli import RUN, Said

import gridstone
import gridstone.device
from gridstone.worker import gpu_lock

discovery, driver = (importlib.import_module(f"gridstone.device.{name}") for name in ("discover", "nvml"))


class Card:
    """NVML of a machine with one GPU, as far as finding it goes."""

    class NVMLError(Exception):
        """Raised by nothing here."""

    def __init__(self, version: str = "580.65") -> None:
        self.version = version

    def __getattr__(self, name: str) -> Callable[..., object]:
        answers = {
            "nvmlDeviceGetCount": 1,
            "nvmlDeviceGetHandleByIndex": "card",
            "nvmlDeviceGetPciInfo": SimpleNamespace(busId="0000:01:00.0"),
            "nvmlDeviceGetUUID": "GPU-1",
            "nvmlDeviceGetName": "Card A",
            "nvmlSystemGetDriverVersion": self.version,
        }
        return lambda *_: answers[name]


@pytest.fixture
def card(said: Said, monkeypatch: pytest.MonkeyPatch) -> Card:
    """A machine with a GPU, seen through NVML."""
    made = Card()
    monkeypatch.setattr(gridstone.device, "discover", discovery.discover)
    for module in (discovery, driver):
        monkeypatch.setattr(module, "nvml", lambda: made)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return made


@pytest.mark.parametrize("listed", ["7", "GPU-7", "nonsense", "0,7"])
def test_visible_devices_that_are_not_there(
    said: Said, card: Card, monkeypatch: pytest.MonkeyPatch, listed: str
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", listed)
    code, _, fault = said(*RUN)
    assert code == 2
    assert fault.startswith(f"CUDA_VISIBLE_DEVICES={listed}: no GPU {listed.removeprefix('0,')} here (1 found): unset")
    assert said("doctor")[0] == 0


@pytest.mark.parametrize("listed", ["", "-1", " , "])
def test_visible_devices_that_hide_the_gpu(
    said: Said, card: Card, monkeypatch: pytest.MonkeyPatch, listed: str
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", listed)
    code, _, fault = said("run", "sample/walk", "--bench", "BENCH")
    assert code == 3
    assert f"CUDA_VISIBLE_DEVICES={listed!r} hides every GPU: unset it to measure one" in fault
    assert said("run", "sample/carry", "--bench", "BENCH", "--dry-run")[0] == 0
    assert said("run", "--device", "0")[0] == 2


def test_a_driver_that_is_too_old_costs_the_gpu_only(said: Said, card: Card) -> None:
    card.version = "470.1"
    reason = "driver 470 is too old: gridstone needs 525 or later, update it"
    code, _, fault = said("run", "sample/walk", "--bench", "BENCH")
    assert code == 3
    assert reason in fault
    assert said("run", "sample/walk", "--bench", "BENCH", "--device", "0")[::2] == (3, reason)
    code, out, _ = said("run", "sample", "--bench", "BENCH", "--dry-run")
    assert code == 0
    assert f"skip sample/walk, 1 cell: {reason}" in out


@pytest.mark.parametrize("selector", ["1", "GPU-2", "x", "-1", ""])
def test_a_gpu_that_is_not_there(said: Said, card: Card, monkeypatch: pytest.MonkeyPatch, selector: str) -> None:
    code, _, fault = said(*RUN, f"--device={selector}")
    assert (code, fault) == (2, f"--device {selector}: no such GPU; visible are 0: Card A")


def test_a_gpu_that_another_run_measures(said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gridstone.device, "discover", lambda _: NODE)
    with gpu_lock(NODE):
        code, _, fault = said(*RUN, "--out", "runs")
    assert code == 3
    assert fault == (
        "NVIDIA H200 (GPU-1) is being measured by another gridstone process: wait for it, "
        "or choose another GPU with --device"
    )
    assert list(tmp_path.iterdir()) == []
