"""Contracts with the machine code."""

from __future__ import annotations

import pytest

from gridstone.declaration import Contract, applies, loop


@pytest.mark.parametrize(
    ("spec", "arch", "speaks"),
    [
        ("sm_80+", "sm_80", True),
        ("sm_80+", "sm_120a", True),
        ("sm_90+", "sm_89", False),
        ("sm_90", "sm_90a", True),
        ("sm_90", "sm_100a", False),
        ("sm_90-sm_99", "sm_90a", True),
        ("sm_90-sm_99", "sm_100a", False),
    ],
)
def test_a_contract_names_its_targets(spec: str, arch: str, speaks: bool) -> None:
    assert applies(spec, arch) is speaks


@pytest.mark.parametrize("bad", ["90", "sm_", "compute_90", "sm_90x"])
def test_a_word_that_is_no_target_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="not a target"):
        applies(bad, "sm_90a")


def test_the_count_is_a_number_an_axis_or_a_function() -> None:
    axes = {"unroll": 8, "vector": 16}
    assert loop("LDG")(axes) == Contract(opcode="LDG", count=1, clocked=False)
    assert loop("LDG", count="unroll")(axes).count == 8
    assert loop("LDG", count=lambda a: a["unroll"] * 2)(axes).count == 16
    assert loop(lambda a: f"LDG.*{8 * a['vector']}", clocked=True)(axes) == Contract(
        opcode="LDG.*128", count=1, clocked=True
    )
