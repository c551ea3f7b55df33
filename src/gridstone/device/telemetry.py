"""What the GPU was doing while it was measured: clocks, power, temperature and throttle reasons by UUID."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gridstone.device.nvml import ask, nvml

# Names of the bits of nvmlClocksEventReasons (NVML API reference).
_REASONS = {
    0x0002: "applications_clocks",
    0x0004: "sw_power_cap",
    0x0008: "hw_slowdown",
    0x0010: "sync_boost",
    0x0020: "sw_thermal",
    0x0040: "hw_thermal",
    0x0080: "hw_power_brake",
    0x0100: "display_clocks",
}
_POWER_AVERAGE = 185  # a field of NVML (NVML_FI_DEV_POWER_AVERAGE)
THROTTLING = frozenset({"sw_power_cap", "hw_slowdown", "sw_thermal", "hw_thermal", "hw_power_brake"})


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One look at the GPU. Clocks in MHz, power in W, temperature in degrees C; None where unsupported.

    power_w: what the driver calls the power usage, which is the mean of the last second since Ampere (not on GA100).
    energy_j: joules since the driver was loaded, if asked for; the counter moves on every tenth of a second.
    """

    sm_mhz: float | None
    mem_mhz: float | None
    power_w: float | None
    temperature_c: float | None
    throttle: frozenset[str]
    energy_j: float | None = None


class Telemetry:
    """Readings of one GPU, found by UUID: NVML's order is not CUDA's."""

    def __init__(self, uuid: str) -> None:
        self._handle = nvml().nvmlDeviceGetHandleByUUID(uuid)

    def read(self, *, energy: bool = False) -> Reading:
        """One reading; takes well under a millisecond on a data-centre GPU, with the energy some milliseconds."""
        api = nvml()
        bits = ask(api.nvmlDeviceGetCurrentClocksEventReasons, self._handle) or 0
        joules = _thousandth(ask(api.nvmlDeviceGetTotalEnergyConsumption, self._handle)) if energy else None
        return Reading(
            sm_mhz=ask(api.nvmlDeviceGetClockInfo, self._handle, api.NVML_CLOCK_SM),
            mem_mhz=ask(api.nvmlDeviceGetClockInfo, self._handle, api.NVML_CLOCK_MEM),
            power_w=self._power(),
            temperature_c=ask(api.nvmlDeviceGetTemperature, self._handle, api.NVML_TEMPERATURE_GPU),
            throttle=frozenset(name for bit, name in _REASONS.items() if bits & bit),
            energy_j=joules,
        )

    def _power(self) -> float | None:
        """The averaged power in W: as a field, for which the driver does not ask the board anew, where there is one."""
        api = nvml()
        fields: Any = ask(api.nvmlDeviceGetFieldValues, self._handle, [_POWER_AVERAGE])
        if fields and fields[0].nvmlReturn == 0:
            return float(fields[0].value.uiVal) / 1000
        return _thousandth(ask(api.nvmlDeviceGetPowerUsage, self._handle))


def _thousandth(value: int | None) -> float | None:
    """Milliwatts in W, millijoules in J."""
    return None if value is None else value / 1000
