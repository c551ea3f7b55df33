"""Figures by their structure: what is named, drawn and coloured, not where each point lies."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from syrupy.assertion import SnapshotAssertion

from gridstone.figure import ROLES, Dot, Level, Limit, Scale, Series, dots, lines

MARKUP = "</svg><script>alert(1)</script> & $x^2$"


def _series(label: str, height: float, bad: int | None = None) -> Series:
    x = [1024.0 * 2**i for i in range(8)]
    y = [height * (1 + 0.1 * i) for i in range(8)]
    flawed = [i == bad for i in range(8)]
    return Series(label=label, x=x, y=y, lo=[0.98 * v for v in y], hi=[1.02 * v for v in y], flawed=flawed)


def _ladder(label: str = "stride 128 B") -> str:
    return lines(
        [_series(label, 30), _series("stride 64 KiB", 200, bad=3)],
        x=Scale(label="footprint", unit="B", log=True),
        y=Scale(label="cycles per dependent load", unit="cycle", log=True),
        levels=[Level(label="L1 30", start=1024, end=4096, y=30)],
        limits=[Limit(label="limit 400", y=400)],
        alt="Latency over footprint",
        wide=True,
    )


def _dots(label: str = "read") -> str:
    listed = [
        Dot(label=label, value=4.5e12, lo=4.4e12, hi=4.6e12),
        Dot(label="write", value=4.1e12, lo=4.0e12, hi=4.2e12, group="b", flawed=True),
    ]
    return dots(listed, x=Scale(label="bandwidth", unit="B/s", start=0), alt="Bandwidth by pattern")


def _scattered() -> str:
    x, y = Scale(label="SM"), Scale(label="cycles", start=0)
    return lines([_series("near", 200), _series("far", 400)], x=x, y=y, joined=False, alt="L2 by SM")


def _structure(svg: str) -> dict[str, object]:
    root = ElementTree.fromstring(svg)
    texts = ["".join(element.itertext()).strip() for element in root.iter() if element.tag.endswith("text")]
    return {
        "name": root.get("aria-label"),
        "viewBox": root.get("viewBox"),
        "texts": texts,
        "roles": sorted(set(re.findall(r"var\((--\w+)\)", svg))),
    }


@pytest.mark.parametrize("picture", [_ladder, _dots, _scattered])
def test_structure(picture: object, snapshot: SnapshotAssertion) -> None:
    assert callable(picture)
    assert _structure(picture()) == snapshot


@pytest.mark.parametrize("picture", [_ladder, _dots, _scattered])
def test_every_colour_follows_the_theme(picture: object) -> None:
    assert callable(picture)
    svg = picture()
    assert not re.findall(r"(?:fill|stroke)[:=]\s*\"?(#\w+|rgb\S*|black|white)", svg)
    assert set(re.findall(r"var\((--\w+)\)", svg)) <= set(ROLES.values())


def test_the_same_picture_is_the_same_text_and_carries_no_date() -> None:
    assert _ladder() == _ladder()
    assert "metadata" not in _ladder() and "matplotlib" not in _ladder().lower()


def test_two_pictures_share_no_id() -> None:
    ids = [set(re.findall(r'id="([^"]+)"', svg)) for svg in (_ladder(), _dots(), _scattered())]
    assert all(ids)
    assert len(set.union(*ids)) == sum(map(len, ids))


@pytest.mark.parametrize("picture", [_ladder, _dots])
def test_markup_in_a_label_stays_text(picture: object) -> None:
    assert callable(picture)
    texts = _structure(picture(MARKUP))["texts"]
    assert isinstance(texts, list)
    assert any(text.startswith("</svg><script>alert(1)") for text in texts)


def test_a_picture_of_nothing_is_refused() -> None:
    axis = Scale(label="x")
    with pytest.raises(ValueError, match="at least one point"):
        lines([], x=axis, y=axis, alt="nothing")
    with pytest.raises(ValueError, match="at least one point"):
        dots([], x=axis, alt="nothing")
