"""The heat map: one picture within the SVG, its groups named, nothing fetched, the same bytes every time."""

from __future__ import annotations

import re

import pytest

from gridstone.figure import Block, heat

NAN = float("nan")
BLOCKS = (
    Block(label="GPC 0", columns=[[33.0, 190.0, 200.0], [190.0, 33.0, 210.0], [201.0, 211.0, 33.0]]),
    Block(label="GPC 1", columns=[[33.0, 185.0], [184.0, NAN]]),
)


def drawn() -> str:
    return heat(BLOCKS, x="SM that loads", y="SM that answers", unit="cycle/hop", alt="Latency by pair")


def test_groups_and_axes_are_named_and_nothing_is_fetched() -> None:
    svg = drawn()
    for word in ("GPC 0", "GPC 1", "SM that loads", "SM that answers", "cycle/hop", 'aria-label="Latency by pair"'):
        assert word in svg
    links = re.findall(r'href="([^"]{1,30})', svg)
    assert links and all(link.startswith(("#", "data:image/png;base64,")) for link in links)


def test_the_same_values_give_the_same_bytes() -> None:
    assert drawn() == drawn()


def test_a_matrix_without_a_value_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one point"):
        heat([Block(label="GPC 0", columns=[[NAN]])], x="", y="", unit="", alt="")
