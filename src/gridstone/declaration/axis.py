"""An axis: a named list of values that a probe is measured over, thinner in the quicker profiles."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from gridstone.units import parse_bytes

Value = int | float | str | bool
PROFILE_NAMES = ("quick", "standard", "full")
LARGEST = 2.0**62  # an axis column is a 64-bit integer


@dataclass(frozen=True, kw_only=True)
class Axis:
    """Values by profile, and what a value given on the command line must satisfy.

    `open` axes take any number within [low, high] that is a multiple of `multiple`; the others only take the
    values that the declaration lists. Byte-valued axes read `4KiB`.
    """

    name: str = ""
    quick: tuple[Value, ...]
    standard: tuple[Value, ...]
    full: tuple[Value, ...]
    open: bool = False
    unit: str | None = None
    low: float = 1
    high: float = LARGEST
    multiple: int = 1

    def __post_init__(self) -> None:
        kinds = {type(v) for v in (*self.quick, *self.standard, *self.full)}
        if len(kinds) != 1:
            raise ValueError(f"an axis needs values of one type, got {', '.join(sorted(k.__name__ for k in kinds))}")
        if not kinds <= {int, float, str, bool}:
            raise ValueError(f"an axis needs int, float, str or bool, got {kinds.pop().__name__}")
        endless = [
            v for v in (*self.quick, *self.standard, *self.full) if isinstance(v, float) and not math.isfinite(v)
        ]
        if endless:
            raise ValueError(f"an axis needs numbers that are finite, got {endless[0]}")

    @property
    def kind(self) -> type:
        """The Python type of the values: int, float, str or bool."""
        return type(self.standard[0])

    def values(self, profile: str) -> tuple[Value, ...]:
        """The values of a profile: `quick`, `standard` or `full`."""
        return {"quick": self.quick, "standard": self.standard, "full": self.full}[profile]

    def named(self, name: str) -> Axis:
        """The same axis under the name that the declaration gives it; some names say that it is of bytes."""
        of_bytes = self.unit is None and self.kind is int and name in _BYTE_AXES
        return replace(self, name=name, unit="B" if of_bytes else self.unit)

    def parse(self, text: str) -> Value:
        """A value from the command line. Raises ValueError that says what the axis takes."""
        value = self._read(text)
        self.check(value)
        return value

    def check(self, value: Value) -> None:
        """Raises ValueError where the axis does not take the value."""
        if not self.open:
            known = dict.fromkeys((*self.quick, *self.standard, *self.full))
            if value not in known:
                ordered = sorted(known) if self.kind in (int, float) else known
                raise ValueError(f"{self.name}={value} is not one of {', '.join(map(str, ordered))}")
            return
        assert isinstance(value, int | float)
        if not self.low <= value <= self.high:
            upward = f"below {self.low:.10g}" if value < self.low and self.high == LARGEST else ""
            raise ValueError(f"{self.name}={value} is {upward or f'outside {self.low:.10g} to {self.high:.10g}'}")
        if self.multiple > 1 and value % self.multiple:
            raise ValueError(f"{self.name}={value} is not a multiple of {self.multiple}")

    def _read(self, text: str) -> Value:
        if self.kind is bool:
            if text.lower() in ("true", "yes", "1", "false", "no", "0"):
                return text.lower() in ("true", "yes", "1")
            raise ValueError(f"{self.name}={text} is not true or false")
        if self.kind is str:
            return text
        try:
            if self.kind is float:
                return float(text)
            return parse_bytes(text) if self.unit == "B" else int(text)
        except ValueError:
            example = "4096 or 4KiB" if self.unit == "B" else "4"
            raise ValueError(f"{self.name}={text} is not a number (write {example})") from None


def values(
    standard: Iterable[Value],
    *,
    quick: Iterable[Value] | None = None,
    full: Iterable[Value] | None = None,
    open: bool = False,
    unit: str | None = None,
    low: float = 1,
    high: float = LARGEST,
    multiple: int = 1,
) -> Axis:
    """An axis from lists; `quick` and `full` default to the standard one. Listed values may lower `low`."""
    middle = tuple(standard)
    listed = (middle, middle if quick is None else tuple(quick), middle if full is None else tuple(full))
    numbers = [v for row in listed for v in row if isinstance(v, int | float)]
    return Axis(
        quick=listed[1],
        standard=middle,
        full=listed[2],
        open=open,
        unit=unit,
        low=min([low, *numbers]),
        high=high,
        multiple=multiple,
    )


def pow2(
    low: str | int,
    high: str | int,
    *,
    per_octave: int = 1,
    quick: int | None = None,
    full: int | None = None,
    every: int = 1,
    multiple: int = 1,
    unit: str | None = "B",
) -> Axis:
    """A geometric axis from low to high with `per_octave` values per doubling (also `quick`, `full`).

    `every=2` keeps each second octave. Values are rounded to `multiple`. The axis is open: the command line
    may ask for values that are not listed. Raises ValueError where low to high holds no value.
    """
    lo, hi = parse_bytes(low), parse_bytes(high)
    if not 0 < lo <= hi:
        raise ValueError(f"a geometric axis from {low} to {high} has no value")
    octaves = math.log2(hi / lo)

    def ladder(density: int) -> tuple[Value, ...]:
        steps = int(octaves * density / every + 1e-9)
        raw = [lo * 2 ** (every * i / density) for i in range(steps + 1)]
        return tuple(dict.fromkeys(max(multiple, round(v / multiple) * multiple) for v in raw))

    return values(
        ladder(per_octave),
        quick=ladder(quick or per_octave),
        full=ladder(full or per_octave),
        open=True,
        unit=unit,
        multiple=multiple,
    )


def as_axis(name: str, given: Axis | Sequence[Value]) -> Axis:
    """An axis under its name, from an Axis or a plain list: of numbers it is open, of words it is not."""
    if isinstance(given, Axis):
        return given.named(name)
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ValueError(f"axis {name!r} needs a list of values, got {given!r}")
    listed = tuple(given)
    if not listed:
        raise ValueError(f"axis {name!r} has no value")
    numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in listed)
    try:
        return values(listed, open=numeric).named(name)
    except ValueError as error:
        raise ValueError(f"axis {name!r}: {error}") from None


_BYTE_AXES = {"footprint", "stride", "bytes", "block", "chunk", "row_bytes", "align"}
