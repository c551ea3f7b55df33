"""The experiments on accumulators find as many bits as an accumulator has that is known to keep so many."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gridstone import content

sums = content.load_module(content.folder("runners") / "accumulation.py")


def truncating(given: Any, places: int) -> Any:
    """Sums by instruction, each term cut off `places` below the largest of them."""
    total = np.zeros((64, 8))
    for step in range(given.a.shape[0]):
        for part in range(4):
            products = given.a[step, :, part][:, None] * given.b[step, :, part][None]
            terms = np.concatenate([products, total[..., None]], axis=-1)
            size = np.abs(terms).max(axis=-1, keepdims=True)
            grain = 2.0 ** (np.floor(np.log2(np.where(size > 0, size, 1))) - places)
            total = (np.trunc(terms / grain) * grain).sum(axis=-1).astype(np.float32).astype(np.float64)
    return total


@pytest.mark.parametrize("a_type", ["e4m3", "f16", "tf32"])
@pytest.mark.parametrize("places", [9, 13, 22])
def test_the_places_are_found(a_type: str, places: int) -> None:
    for experiment in (sums.within, sums.across, sums.along):
        given = experiment(a_type)
        assert sums.bits_of_small(truncating(given, places), given) == places


def test_exact_sums_keep_every_place_that_is_asked_for() -> None:
    given = sums.within("f16")
    assert sums.bits_of_small(sums.exact(given), given) == sums.PLACES.max()


def test_random_sums_lose_bits_with_the_places() -> None:
    given = sums.random("e4m3", "e4m3", steps=2)
    few, many = (sums.bits_of_random(truncating(given, places), given) for places in (9, 22))
    assert few + 8 < many


@pytest.mark.parametrize("a_type", ["e4m3", "e5m2", "f16", "bf16", "tf32"])
def test_every_operand_of_the_experiments_is_a_number_of_its_type(a_type: str) -> None:
    formats = sums.formats
    for given in (sums.within(a_type), sums.across(a_type), sums.along(a_type), sums.random(a_type, a_type)):
        for values in (given.a, given.b):
            assert (formats.decode(a_type, formats.encode(a_type, values)) == values).all()
