"""`gridstone fit` and `gridstone ask` as a person types them."""

from __future__ import annotations

import json
import re

import pytest
import typer
from fitted_machine import HOST_CELLS, model_folder, write_run
from typer.testing import CliRunner

from gridstone.cli.ask import ask
from gridstone.cli.fit import fit
from gridstone.errors import GridstoneError

app = typer.Typer()
app.command()(fit)
app.command()(ask)


def run(*words: object) -> str:
    result = CliRunner().invoke(app, [str(w) for w in words])
    if isinstance(result.exception, GridstoneError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_an_answer_has_its_interval_unit_domain_and_source():
    text = run("ask", model_folder(), "transfer_time", "src=host", "dst=device", "bytes=5KiB")
    assert " us  (" in text
    assert "95% interval" in text
    assert "in domain, interpolated" in text


def test_json_holds_the_prediction_and_what_was_asked():
    words = ("transfer_time", "src=host", "dst=device", "bytes=1MiB", "duplex=yes", "--json")
    record = json.loads(run("ask", model_folder(), *words))
    assert record["arguments"] == {"src": "host", "dst": "device", "bytes": 2**20, "duplex": True}
    assert record["lo"] <= record["value"] <= record["hi"]
    assert (record["unit"], record["source"]) == ("s", "measured")


def test_extrapolation_is_asked_for_and_marked():
    words = ("launch_overhead", "mode=graph/linear", "n=1e4")
    with pytest.raises(GridstoneError, match="outside what was measured"):
        run("ask", model_folder(), *words)
    assert "OUT OF DOMAIN, extrapolated" in run("ask", model_folder(), *words, "--extrapolate", "flag")


def test_without_a_function_it_lists_what_there_is():
    text = run("ask", model_folder())
    for expected in ("memory_time(pattern, bytes", "pattern=chase level=global", "1 KiB to 1 GiB", "latency_dram"):
        assert expected in text
    record = json.loads(run("ask", model_folder(), "--json"))
    assert "bytes" in record["functions"]["transfer_time"]["arguments"]
    assert record["functions"]["transfer_time"]["laws"][0]["domain"]["bytes"] == [4.0, 2**30]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["transfer_time", "src=host", "src=device"], "src is given twice"),
        (["memory_tim"], "did you mean memory_time"),
        (["transfer_time", "sorce=host"], "no argument sorce.*did you mean src"),
        (["transfer_time", "src=host", "dst=device"], "needs bytes="),
        (["transfer_time", "src=host", "dst=device", "bytes"], "bytes has no value"),
        (["transfer_time", "src=host", "dst=device", "bytes=much"], "bytes=much is not a number"),
        (["transfer_time", "src=hots", "dst=device", "bytes=1"], "write host or device"),
        (["transfer_time", "src=host", "dst=device", "bytes=4", "duplex=perhaps"], "not true or false"),
        (["transfer_time", "src=host", "dst=device", "bytes=4", "--extrapolate", "maybe"], "write refuse or flag"),
    ],
)
def test_a_slip_gets_one_line_that_helps(words, message):
    with pytest.raises(GridstoneError, match=message) as error:
        run("ask", model_folder(), *words)
    assert "\n" not in str(error.value)


def test_fit_says_what_it_made_and_what_it_could_not(tmp_path):
    source = write_run(tmp_path / "run", {"host/memcpy": HOST_CELLS["host/memcpy"]}, device=None)
    text = run("fit", source, "-o", tmp_path / "model")
    assert "host_time" in text and "held-out error" in text
    assert re.search(r"transfer_time    not fitted: not in the runs: \d+ probes of copy, peer, gather, scatter", text)
    record = json.loads(run("fit", source, "-o", tmp_path / "model", "--json"))
    assert record["functions"]["host_time"]["laws"][0]["keys"] == {"kind": "memcpy"}
