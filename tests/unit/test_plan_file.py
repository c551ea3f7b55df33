"""Plans in TOML."""

from __future__ import annotations

from pathlib import Path

import pytest

from gridstone.content import folder
from gridstone.errors import UsageError
from gridstone.plan import Request, cells, load_probes, read_plan


def plan(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "plan.toml"
    path.write_text(text)
    return path


def test_every_key(tmp_path: Path) -> None:
    text = """
    probes = ["latency", "copy/*"]
    profile = "quick"
    seed = 3
    shard = "1/4"
    budget = "10m"
    timeout = 30
    [axes]
    "latency/*.footprint" = "[4KiB:1GiB:x2]"
    "host/stream.threads" = [1, 2]
    share = 0.5
    """
    assert read_plan(plan(tmp_path, text)) == {
        "probes": ("latency", "copy/*"),
        "profile": "quick",
        "seed": 3,
        "shard": "1/4",
        "budget_s": 600.0,
        "timeout_s": 30.0,
        "axes": ("latency/*.footprint=[4KiB:1GiB:x2]", "host/stream.threads=1,2", "share=0.5"),
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("prob = []", "no key of a plan is called prob; did you mean probes"),
        ("zzz = 1", "a plan has probes, profile, seed"),
        ("probes = 'latency'", "probes must be a list of names"),
        ("probes = [1]", "probes must be a list of names"),
        ("profile = 1", "profile must be a word"),
        ("seed = true", "seed must be a whole number"),
        ("seed = 1.5", "seed must be a whole number"),
        ("budget = 'soon'", "budget must be a duration"),
        ("budget = true", "budget must be a duration"),
        ("axes = 1", "axes must be a table"),
        ("[axes]\nx = []", "axes must be a table"),
        ("[axes]\nx = [[1]]", "axes must be a table"),
        ("probes = [", "the plan is not TOML"),
    ],
)
def test_what_a_plan_cannot_say(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=rf"plan\.toml: .*{problem}"):
        read_plan(plan(tmp_path, text))


def test_unreadable_plans(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_plan(tmp_path / "absent.toml")
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        read_plan(tmp_path)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="the plan is not TOML"):
        read_plan(tmp_path / "binary.toml")


@pytest.mark.parametrize("path", sorted(folder("runners").glob("plans/*.toml")), ids=lambda p: p.stem)
def test_the_plans_that_gridstone_brings_hold(path: Path) -> None:
    fields = {"seed": 1} | read_plan(path)
    assert cells(load_probes(), Request(**fields))
