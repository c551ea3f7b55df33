"""What is read of a GPU, through an NVML of paper."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gridstone.device import Telemetry, nvml, telemetry


class NvmlError(Exception):
    pass


def paper(**answers: Any) -> SimpleNamespace:
    """An NVML that answers these calls and supports no other."""

    def unsupported(*_: object) -> None:
        raise NvmlError

    calls = {
        name: (lambda *_, answer=answers[name]: answer) if name in answers else unsupported
        for name in (
            "nvmlDeviceGetCurrentClocksEventReasons",
            "nvmlDeviceGetClockInfo",
            "nvmlDeviceGetPowerUsage",
            "nvmlDeviceGetFieldValues",
            "nvmlDeviceGetTemperature",
            "nvmlDeviceGetTotalEnergyConsumption",
        )
    }
    constants = {"NVML_CLOCK_SM": 1, "NVML_CLOCK_MEM": 2, "NVML_TEMPERATURE_GPU": 0}
    return SimpleNamespace(nvmlDeviceGetHandleByUUID=lambda _: 0, NVMLError=NvmlError, **calls, **constants)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Any:
    def of(**answers: Any) -> Any:
        api = paper(**answers)
        monkeypatch.setattr(telemetry, "nvml", lambda: api)
        monkeypatch.setattr(nvml, "nvml", lambda: api)
        return Telemetry("GPU-0").read(energy=True)

    return of


def test_milliwatts_and_millijoules_are_watts_and_joules(read: Any) -> None:
    found = read(
        nvmlDeviceGetPowerUsage=699_500,
        nvmlDeviceGetTotalEnergyConsumption=123_456,
        nvmlDeviceGetCurrentClocksEventReasons=0x0004 | 0x0040,
    )
    assert (found.power_w, found.energy_j) == (699.5, 123.456)
    assert found.throttle == {"sw_power_cap", "hw_thermal"}


def test_what_a_driver_does_not_support_is_none(read: Any) -> None:
    found = read()
    assert found.power_w is found.energy_j is found.sm_mhz is found.temperature_c is None
    assert found.throttle == frozenset()


def test_the_averaged_power_is_asked_for_as_a_field(read: Any) -> None:
    field = SimpleNamespace(nvmlReturn=0, value=SimpleNamespace(uiVal=698_200))
    assert read(nvmlDeviceGetFieldValues=[field], nvmlDeviceGetPowerUsage=1).power_w == 698.2
    field.nvmlReturn = 3
    assert read(nvmlDeviceGetFieldValues=[field], nvmlDeviceGetPowerUsage=700_000).power_w == 700.0
