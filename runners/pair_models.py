"""The model of pairs of SMs measured twice: as ever, and under other placements or on a chip that slows itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content, pairs
from gridstone.clock import Work

_sweeps = content.load_module(Path(__file__).with_name("cupy_pairs.py"))
_OTHER_SIZES = (7, 6, 5, 3)
_SIDE = 8192  # of the square matrices whose products draw all the power that the chip may: 1.5 ms each
_FIRST, _AGAIN = 300, 16  # products ahead of the first launches, until the power cap holds, and of any others


def shift(gpu: Any, *, method: str) -> Work:
    """Work that observes what a second sweep changes in the model of a first one.

    repeat: the second is like the first. sizes: clusters of 7, 6, 5 and 3 blocks instead of 16, 8, 4 and 2. half: half
    as many clusters at once as fit, so that GPCs are filled otherwise. throttled: half a second of all the power
    that the chip can draw goes ahead of the first launches, some hundredths of a second ahead of any others.
    """
    usual, right = _sweeps.latest(gpu, method), []
    stamps = _Clock(gpu)

    def observe() -> dict[str, float]:
        other = _sweeps.sweep(
            gpu,
            _OTHER_SIZES if method == "sizes" else _sweeps.SIZES,
            rounds=1,
            waves=24,
            share=0.5 if method == "half" else 1.0,
            around=stamps.heated if method == "throttled" else stamps.plain,
        )
        right.append(usual.right and other.right)
        found = pairs.compared(usual.apart(), other.apart(), resolution=_sweeps.RESOLUTION)
        return {
            "latency": found.level,
            "latency_source": found.source,
            "latency_destination": found.destination,
            "interval_level": found.interval_level,
            "interval_effect": found.interval_effect,
            "interval_change": found.interval_change,
            "within_share": found.within,
            "pairs": float(found.pairs),
            "clock": stamps.hz(),
        }

    work: Work = gpu.observe(observe)
    return replace(work, verify=lambda: all(right))


class _Clock:
    """Launches with a stamp of the SM's clocks before and after them, and power drawn ahead of them or not."""

    def __init__(self, gpu: Any) -> None:
        self._gpu, self._seen = gpu, []
        self._matrices: Any = None
        self._cold = True

    def plain(self, launches: Any) -> Any:
        """What the launches return."""
        self._gpu.bench.stamp(0)
        found = launches()
        self._gpu.bench.stamp(1)
        before, after = self._gpu.bench.stamps(2)
        if before["smid"] == after["smid"] and after["g0"] > before["g0"]:
            self._seen.append((int(after["c0"]) - int(before["c0"])) / (int(after["g0"]) - int(before["g0"])) * 1e9)
        return found

    def heated(self, launches: Any) -> Any:
        """The same right behind products that draw all the power they can."""
        if self._matrices is None:
            self._matrices = self._random()
        for _ in range(_FIRST if self._cold else _AGAIN):
            self._gpu.cp.matmul(*self._matrices[:2], out=self._matrices[2])
        self._cold = False
        return self.plain(launches)

    def _random(self) -> Any:
        """Two matrices of normal numbers and room for their product, in half precision."""
        cp = self._gpu.cp
        halves = [self._gpu.alloc(2 * _SIDE**2).view(np.float16).reshape(_SIDE, _SIDE) for _ in range(3)]
        for matrix in halves[:2]:
            matrix[:] = cp.random.standard_normal((_SIDE, _SIDE), dtype=np.float32)
        return halves

    def hz(self) -> float:
        """The median SM clock during the launches since the last call."""
        seen, self._seen = self._seen, []
        return float(np.median(seen)) if seen else float("nan")
