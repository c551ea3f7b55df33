"""Chains that run at one of many places on the GPU at a time: what they take hangs on where that is.

An SM, or a cluster of them, is nearer to some things than another: fences differ by a tenth. So a sample is the mean
over all places, in an order drawn at random. What a chain touches in memory is nearer to one or the other too, so each
sample has a number, by which a launch can take other lines than in the sample before.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from gridstone.clock import Work, sm_hz
from gridstone.declaration import Samples

_NO_SM = 2**32 - 1  # in a stamp that was not written


@dataclass(kw_only=True)
class PlacedClock:
    """Times a chain at one place after the other, as a slope over two lengths at each.

    launch(place, sample, length, slot): enqueue the chain at that place, one of `places`, for sample number `sample` of
    the visit; it writes its Stamp to `slot`.
    stamps(n): wait, then the first n stamps.
    """

    launch: Callable[[int, int, int, int], None]
    stamps: Callable[[int], Any]
    lengths: tuple[int, int]
    places: int
    multiprocessors: int
    taken: int = 0

    def take(self, count: int) -> Samples:
        """`count` samples: means over places of the cycles and seconds per operation; the median of their SM clocks.

        Observed are `sms`, how many SMs there were among the places of a sample: as many as places if each is another.
        """
        short, long = self.lengths
        rng = np.random.default_rng()
        cycles, hz, sms = (np.empty(count) for _ in range(3))
        for i in range(count):
            for turn, place in enumerate(rng.permutation(self.places).tolist()):
                self.launch(place, self.taken, short, 2 * turn)
                self.launch(place, self.taken, long, 2 * turn + 1)
            self.taken += 1
            stamps = self.stamps(2 * self.places)
            sms[i] = np.unique(stamps["smid"][1::2]).size
            spent = (stamps["c1"] - stamps["c0"]).astype(np.float64)
            cycles[i] = (spent[1::2] - spent[::2]).mean() / (long - short)
            seen = [sm_hz(one, other) for one, other in zip(stamps[::2], stamps[1::2], strict=True)]
            hz[i] = np.median(known) if (known := [v for v in seen if np.isfinite(v)]) else np.nan
        return Samples(
            cycles=cycles,
            seconds=cycles / hz,
            sm_hz=hz,
            multiprocessors=self.multiprocessors,
            observed={"sms": sms},
        )


def chain(
    gpu: Any,
    *,
    launch: Callable[[int, int, int, int], None],
    lengths: tuple[int, int],
    expect: Callable[[int], int] | None,
    places: int,
    poison: Callable[[], None] | None = None,
    verify: Callable[[], bool] | None = None,
) -> Work:
    """Work of a PlacedClock. launch(place, sample, length, stamp): enqueue the cell's kernel, which stamps there.

    expect(length): the `result` of a launch; None where it tells nothing. verify(): what else there is to check.
    """
    launched: list[int] = []
    right: list[bool] = []

    def started(place: int, sample: int, length: int, slot: int) -> None:
        launched.append(length)
        launch(place, sample, length, gpu.bench.slot(slot))

    def stamps(count: int) -> Any:
        taken = gpu.bench.stamps(count)
        gpu.bench.forget_stamps()  # a launch that leaves none must not pass with that of the sample before
        if (taken["smid"] == _NO_SM).any():
            raise RuntimeError("a launch left no stamp")
        if expect is not None:
            right.append([int(v) for v in taken["result"]] == [expect(length) for length in launched])
        launched.clear()
        return taken

    clock = PlacedClock(
        launch=started,
        stamps=stamps,
        lengths=lengths,
        places=places,
        multiprocessors=gpu.multiprocessors,
    )

    def checked() -> bool:
        return all(right) and (verify is None or verify())

    return Work(clock=clock, poison=poison, verify=checked if expect or verify else None)


@cache  # of thousands of places it takes milliseconds, and each visit asks
def spread(places: int) -> int:
    """The step in which turns go so that any few of them one after the other lie evenly over so many places.

    It is the number without a common divisor with `places` that is nearest to their golden section (Knuth, "The Art of
    Computer Programming", 6.4).
    """
    golden = (math.sqrt(5) - 1) / 2 * places
    steps = [step for step in range(1, places + 1) if math.gcd(step, places) == 1]
    return min(steps, key=lambda step: abs(step - golden))
