"""Axes of figures: wide enough for what they show, and no label upon another."""

from __future__ import annotations

import logging
import re
import warnings
from itertools import pairwise

import pytest

from gridstone.figure import Block, Dot, Scale, Series, dots, heat, lines

LOG = Scale(label="cycles", unit="cycle", log=True)
_TEXT = re.compile(r"<text[^>]*?font-size: ([\d.]+)px[^>]*? x=\"([-\d.]+)\" y=\"([-\d.]+)\"[^>]*>([^<]*)</text>")


def series(label: str, x: list[float], y: list[float]) -> Series:
    return Series(label=label, x=x, y=y, lo=y, hi=y, flawed=[False] * len(x))


def drawn(picture: str) -> list[tuple[float, float, str]]:
    """Middle or left end, height, and words of every text."""
    return [(float(x), float(y), words) for _, x, y, words in _TEXT.findall(picture)]


def box(picture: str) -> tuple[float, float]:
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', picture)
    assert found
    return float(found[1]), float(found[2])


@pytest.mark.parametrize("scale", [LOG, Scale(label="y"), Scale(label="y", start=0)], ids=["log", "linear", "from 0"])
@pytest.mark.parametrize("noise", [0.0, 1e-14, 1e-4])
def test_values_that_are_alike_are_a_level_line_within_the_picture(scale: Scale, noise: float) -> None:
    x = [2.0, 3.0, 5.0, 8.0]
    many = [series(f"stride {k} KiB", x, [32 * (1 + noise * ((i * k) % 3 - 1)) for i in range(4)]) for k in (8, 16, 64)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = lines(many, x=Scale(label="places", log=True), y=scale, alt="flat")
    width, height = box(picture)
    texts = drawn(picture)
    assert all(0 <= left < width and 0 <= top <= height for left, top, _ in texts)
    named = [top for _, top, words in texts if words.startswith("stride")]
    assert len(named) == 3 and max(named) - min(named) < 40, "names lie beside the line"


def test_nothing_but_zero_can_be_drawn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lines([series("a", [1.0, 2.0], [0.0, 0.0])], x=Scale(label="x"), y=Scale(label="y", start=0), alt="zeros")
        dots([Dot(label="a", value=0.0, lo=0.0, hi=0.0)], x=Scale(label="x"), alt="a zero")


@pytest.mark.parametrize("name", ["a", "openmpi, node, host, both"])
@pytest.mark.parametrize(
    ("scale", "x"),
    [
        (Scale(label="bytes", unit="B", log=True), [2.0**e for e in range(10, 23)]),
        (Scale(label="bins", log=True), [2.0**e for e in range(8, 19)]),
        (Scale(label="messages", unit="message/s"), [4e5, 6e5, 1.5e6]),
    ],
    ids=["bytes", "bins", "rate"],
)
def test_labels_below_an_axis_do_not_touch(name: str, scale: Scale, x: list[float]) -> None:
    y = [float(i + 1) for i in range(len(x))]
    picture = lines([series(name, x, y), series(f"{name} 2", x, y)], x=scale, y=Scale(label="y"), alt="ticks")
    texts = drawn(picture)
    lowest = max(top for _, top, words in texts if words != scale.label and re.match(r"\d", words))
    ticks = sorted((middle, words) for middle, top, words in texts if lowest - top < 1 and words[0].isdigit())
    assert len(ticks) >= 2
    for (left, one), (right, two) in pairwise(ticks):
        assert right - left > 5.0 * (len(one) + len(two)) / 2, (one, two)


def test_a_value_below_zero_lies_within_its_axis() -> None:
    listed = [Dot(label="a", value=-0.05, lo=-0.1, hi=0.0), Dot(label="b", value=0.02, lo=0.0, hi=0.05)]
    assert any(words == "-0.1" for _, _, words in drawn(dots(listed, x=Scale(label="share"), alt="overlap")))


def test_a_narrow_block_of_a_heat_map_goes_without_its_name() -> None:
    wide = Block(label="GPC 0: 16 SMs", columns=[[float(i)] for i in range(64)])
    narrow = [Block(label=f"GPC {i}: 2 SMs", columns=[[1.0], [2.0]]) for i in (8, 9)]
    words = [text for _, _, text in drawn(heat([wide, *narrow], x="x", y="y", unit="cycle", alt="pairs"))]
    assert "GPC 0: 16 SMs" in words and not any("GPC 8" in one or "GPC 9" in one for one in words)


def test_a_letter_without_a_glyph_and_a_home_without_a_cache_are_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lines([series("\x1b\u4e00", [1.0, 2.0], [1.0, 2.0])] * 2, x=Scale(label="x"), y=Scale(label="y"), alt="a")
    assert logging.getLogger("matplotlib").level >= logging.ERROR


def test_a_value_without_a_logarithm_makes_the_axis_linear() -> None:
    sizes = Scale(label="bytes", unit="B", log=True)
    picture = lines([series("one", [0.0, 64.0, 128.0], [0.0, 3.0, 5.0])], x=sizes, y=LOG, alt="from nothing on")
    assert {"0", "100 B"} <= {words for _, _, words in drawn(picture)}


@pytest.mark.parametrize("label", ["a", "bf16 to e5m2 to f16, emulated"])
@pytest.mark.parametrize("unit", ["", "pair/cycle", "operation/cycle"])
def test_values_beside_their_dots_end_within_the_picture(label: str, unit: str) -> None:
    listed = [Dot(label=label, value=v, lo=v, hi=1.01 * v) for v in (63.18, 31.77, 0.0)]
    picture = dots(listed, x=Scale(label="rate", unit=unit), alt="values")
    values = [(left, words) for left, _, words in drawn(picture) if words.startswith(("63.18", "31.77"))]
    assert len(values) == 2
    assert all(left + 5 * len(words) <= box(picture)[0] for left, words in values)
