"""Decisions from a model of a machine whose laws are known, and what they cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fitted_link import as_cells, link_model
from fitted_machine import write_run
from hypothesis import given
from hypothesis import strategies as st
from link_rows import link_rows, row_time

from gridstone.advise import Option, corun, gather, scatter, weighed
from gridstone.advise.decisions import decisions
from gridstone.errors import UsageError
from gridstone.fit import fit
from gridstone.model import HardwareModel, ModelError, Prediction, load


@pytest.fixture(scope="module")
def model() -> HardwareModel:
    return load(link_model())


def test_the_choice_of_a_gather_costs_little_over_the_best(model: HardwareModel) -> None:
    regrets = []
    for row_bytes in (160, 320, 512, 1000, 1536, 2056, 2060, 2120, 3000, 5000, 12000):
        for align in (0, 4, 48, 100):
            advice = gather(model, rows=1_000_000, row_bytes=row_bytes, align=align, threads=2)
            truths = {
                o.name: row_time(o.name, row_bytes, align)
                for o in advice.ranking
                if o.name not in ("staged", "per_row", "batch")
            }
            assert advice.choice in truths
            regrets.append(truths[advice.choice] / min(truths.values()) - 1)
    assert np.mean(regrets) < 0.01


def test_a_model_of_other_runs_says_what_it_lacks(tmp_path: Path) -> None:
    fit([write_run(tmp_path / "run", as_cells(link_rows(("scatter",))))], tmp_path / "model")
    with pytest.raises(ModelError, match="no run held gather/zero_copy"):
        gather(load(tmp_path / "model"), rows=10_000, row_bytes=2048)


def test_what_choices_cost_on_held_out_cells_is_part_of_the_model(model: HardwareModel) -> None:
    assert set(model.decisions) == {"gather", "scatter"}
    for cost in model.decisions.values():
        assert cost["n"] >= 15
        assert 0 <= cost["mean"] <= 0.02
        assert cost["mean"] <= cost["max"]
        assert 0 <= cost["hit"] <= 1


def test_advice_says_what_it_left_out_and_how_sure_it_is(model: HardwareModel) -> None:
    advice = gather(model, rows=10_000, row_bytes=2052, align=4, threads=1)
    assert advice.choice in ("masked", "circular")
    assert advice.ranking[0].name == advice.choice
    assert any(reason.startswith("bulk was not weighed: ") for reason in advice.because)
    assert 0 < advice.p_best <= 1
    assert 0 <= advice.regret < 0.2
    few = gather(model, rows=8, row_bytes=2048)
    assert any("fewer than 1024 rows" in reason for reason in few.because)


def test_short_rows_of_a_large_table_are_left_to_the_host(model: HardwareModel) -> None:
    words = {"rows": 1_000_000, "row_bytes": 128, "threads": max_threads(model)}
    assert gather(model, **words).choice != "staged"
    near, far = gather(model, **words), gather(model, **words, working_set=4 << 30)
    plain = [next(o.cost.value for o in one.ranking if o.name == "plain") for one in (near, far)]
    assert plain[1] > 5 * plain[0]


def max_threads(model: HardwareModel) -> int:
    law = model.functions["transfer_time"].law(src="host", dst="device", method="gather/staged", duplex=False)
    return int(law.box["threads"][1] or 1)


def test_blocks_go_the_way_that_costs_least(model: HardwareModel) -> None:
    advice = scatter(model, blocks=256, block_bytes=16384, direction="d2h")
    assert {option.name for option in advice.ranking} == {"kernel", "packed", "batch", "per_block"}
    assert [float(o.cost.value) for o in advice.ranking] == sorted(float(o.cost.value) for o in advice.ranking)
    assert advice.because[0].startswith(f"{advice.ranking[1].name} costs ")
    assert scatter(model, blocks=256, block_bytes=16384, direction="both").ranking
    with pytest.raises(UsageError, match="batch, per_block were not weighed: blocks=4"):
        scatter(model, blocks=4, block_bytes=16384)
    flagged = scatter(model, blocks=4, block_bytes=16384, extrapolate="flag")
    assert not any(option.cost.in_domain for option in flagged.ranking)


def test_what_disturbs_least_is_first_and_what_it_suffers_is_said(model: HardwareModel) -> None:
    advice = corun(model, kind="gather")
    assert advice.ranking[-1].name == "h2d"
    assert "h2d itself goes 1.70 times slower beside gather" in advice.because
    stream = corun(model, kind="stream", split=75)
    assert stream.ranking[-1].name == "gemv"
    assert any("were not weighed: split=75" in reason for reason in stream.because)


@pytest.mark.parametrize(
    ("decide", "words", "message"),
    [
        (gather, {"rows": 0, "row_bytes": 4}, "positive"),
        (gather, {"rows": 9, "row_bytes": 4, "align": -4}, "not negative"),
        (gather, {"rows": 9, "row_bytes": 400, "working_set": 100}, "does not hold one row"),
        (gather, {"rows": 9, "row_bytes": 1 << 40}, "nothing to choose among"),
        (scatter, {"blocks": 0, "block_bytes": 4096}, "positive"),
        (corun, {"kind": "gathr"}, "did you mean gather"),
        (corun, {"kind": "gather", "method": "gren"}, "did you mean green"),
    ],
)
def test_what_is_no_question_gets_one_line_that_helps(model, decide, words, message):
    with pytest.raises(UsageError, match=message):
        decide(model, **words)


def test_a_decision_is_what_takes_a_model_and_advises() -> None:
    assert {"gather", "scatter", "corun"} <= set(decisions())
    assert not {"weighed", "Advice", "Option"} & set(decisions())


@given(costs=st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=6), width=st.floats(1.0, 1.5))
def test_the_choice_is_the_least_and_chances_are_chances(costs: list[float], width: float) -> None:
    options = [
        Option(
            name=str(i),
            cost=Prediction(
                value=c, lo=c / width, hi=c * width, unit="s", in_domain=True, source="measured", level=0.95
            ),
        )
        for i, c in enumerate(costs)
    ]
    advice = weighed(options)
    assert float(advice.ranking[0].cost.value) == min(costs)
    assert 0 <= advice.p_best <= 1
    assert advice.regret >= 0


def test_nothing_to_choose_among_is_an_error() -> None:
    with pytest.raises(UsageError, match="nothing to choose among: why"):
        weighed([], ["why"])
