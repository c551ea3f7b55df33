"""From globs, overrides, seed and shard to cells."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_probes import H200, HOST_ONLY, NODE, PROBES, chase, move, work

from gridstone import probe, seconds
from gridstone.declaration import Machine
from gridstone.errors import UsageError
from gridstone.plan import Request, cells, load_probes, missing, recorded, select
from gridstone.plan.overrides import overrides
from gridstone.plan.shard import Shard, parse_shard

FAMILY = "plan_probes"


def asked(**fields: object) -> Request:
    return Request(**{"seed": 7, **fields})  # type: ignore[arg-type]


def ids(request: Request) -> list[str]:
    return [c.cell_id for c in cells(PROBES, request)]


def test_selection_by_name_glob_and_family_keeps_catalogue_order() -> None:
    assert select(PROBES, ()) == PROBES
    assert select(PROBES, [f"{FAMILY}/work", f"{FAMILY}/c*"]) == [chase, work]
    assert select(PROBES, [FAMILY]) == PROBES


@pytest.mark.parametrize(
    ("glob", "near"),
    [
        (f"{FAMILY}/chasse", f"did you mean {FAMILY}/chase"),
        ("chasse", f"did you mean {FAMILY}/chase"),
        ("plan_prob", f"did you mean {FAMILY}"),
        ("zzz", "`gridstone list` shows them all"),
    ],
)
def test_unknown_probe_suggests_the_nearest(glob: str, near: str) -> None:
    with pytest.raises(UsageError, match=f"no probe is called {glob}") as refusal:
        select(PROBES, [glob])
    assert near in str(refusal.value)


def test_overrides_address_a_probe_a_glob_a_family_or_everything() -> None:
    everywhere = overrides(PROBES, ["footprint=4KiB"])
    assert everywhere == {chase.name: {"footprint": (4096,)}}
    assert overrides(PROBES, [f"{FAMILY}/*.footprint=4KiB"]) == everywhere
    assert overrides(PROBES, [f"{FAMILY}.footprint=4KiB"]) == everywhere
    later = overrides(PROBES, ["footprint=4KiB", f"{chase.name}.footprint=8KiB", "threads=1"])
    assert later == {chase.name: {"footprint": (8192,)}, work.name: {"threads": (1,)}}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("footprnt=1", r"no axis is called footprnt; did you mean footprint\? \(the axes of the selected probes"),
        (f"{FAMILY}/chase.strid=1", rf"did you mean stride\? \(the axes of {FAMILY}/chase are footprint, stride\)"),
        (f"{FAMILY}/chas.stride=1", rf"no selected probe is called {FAMILY}/chas; did you mean {FAMILY}/chase\?"),
        (f"{FAMILY}/move.method=mapped", "method=mapped is not one of pinned, pageable"),
        ("footprint", r"write probe\.axis=values"),
        ("=4", r"write probe\.axis=values"),
        (f"{FAMILY}/chase.=4", r"write probe\.axis=values"),
    ],
)
def test_impossible_overrides_say_what_is_possible(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        overrides(PROBES, [text])


def test_profiles_and_overrides_decide_the_cells() -> None:
    assert {c.probe.name for c in cells(PROBES, asked())} == {chase.name, move.name, work.name}
    one = cells(PROBES, asked(probes=(chase.name,), axes=("footprint=[4KiB:16KiB:x2]", "stride=128")))
    assert sorted(c.axes["footprint"] for c in one) == [4096, 8192, 16384]
    assert len(ids(asked(profile="full"))) > len(ids(asked(profile="quick")))


def test_a_cell_keeps_its_id_whatever_else_is_asked_for() -> None:
    alone = cells(PROBES, asked(probes=(move.name,), axes=("bytes=4", "method=pinned")))
    assert alone[0].cell_id in ids(asked(seed=1, profile="full"))


def test_the_order_is_the_seeds_and_mixes_the_probes() -> None:
    assert ids(asked()) == ids(asked())
    assert ids(asked()) != ids(asked(seed=8))
    assert sorted(ids(asked())) == sorted(ids(asked(seed=8)))
    names = [c.probe.name for c in cells(PROBES, asked())]
    changes = sum(a != b for a, b in itertools.pairwise(names))
    assert changes > 3 * len(PROBES)


@given(seed=st.integers(0, 2**63 - 1), count=st.integers(1, 30))
def test_shards_are_disjoint_and_complete(seed: int, count: int) -> None:
    whole = ids(asked(seed=seed, profile="quick"))
    shares = [ids(asked(seed=seed, profile="quick", shard=f"{i}/{count}")) for i in range(1, count + 1)]
    assert sorted(i for share in shares for i in share) == sorted(whole)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "1/0", "a/b", "-1/4", "1/4/2", ""])
def test_shards_that_cannot_be(text: str) -> None:
    with pytest.raises(UsageError, match="write i/n"):
        parse_shard(text)


def test_a_shard_counts_from_one() -> None:
    assert parse_shard("2/3") == Shard(index=2, count=3)
    assert Shard(index=2, count=3).of("abcdefg") == ["b", "e"]


def test_empty_selections_are_refused() -> None:
    with pytest.raises(UsageError, match="no cell with threads=2, warm=False: its declaration rules"):
        cells(PROBES, asked(axes=("threads=2", "warm=no")))
    with pytest.raises(UsageError, match=r"--shard 9/9 is empty: there are only 6 cells"):
        cells(PROBES, asked(probes=(move.name,), shard="9/9"))
    with pytest.raises(UsageError, match="selection is empty"):
        cells([], asked())


def test_too_many_combinations_are_refused_before_they_are_made() -> None:
    with pytest.raises(UsageError, match="combinations of its axes are too many"):
        cells(PROBES, asked(axes=("stride=[8:8000:+8]", "footprint=[128:128000:+128]")))


def test_what_varies_together_is_no_product_that_could_be_too_large() -> None:
    kinds = [f"k{i}" for i in range(400)]
    pairs = [(kind, kind) for kind in kinds]

    @probe(None, m=kinds, n=kinds, dtype=["f16", "s8"], together={("m", "n"): pairs}, measures=seconds())
    def tied(gpu, **axes):
        """A probe of 800 cells whose axes have 320000 combinations."""

    assert len(cells([tied], asked())) == 800


def test_a_recorded_request_survives_run_json_and_gives_the_same_cells(tmp_path: Path) -> None:
    request = asked(probes=(chase.name,), axes=("stride=128",), shard="1/2", budget_s=3.0, bench=(str(tmp_path),))
    info = json.loads(json.dumps({"request": request.record()}))
    assert recorded(info) == request
    assert ids(recorded(info)) == ids(request)


@pytest.mark.parametrize("info", [{}, {"request": None}, {"request": {"seed": "x"}}, {"request": {"sed": 1}}])
def test_a_request_that_is_not_understood_is_refused(info: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="start a new run"):
        recorded(info)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"profile": "standart"}, "did you mean standard"),
        ({"profile": "zzz"}, "there are quick, standard, full"),
        ({"seed": -1}, "--seed -1"),
        ({"timeout_s": 0.0}, "longer than 0 s"),
        ({"budget_s": 0.0}, "longer than 0 s"),
        ({"shard": "3/2"}, "write i/n"),
    ],
)
def test_requests_that_cannot_be(fields: dict[str, object], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        asked(**fields)


def test_needs_of_a_gpu_and_its_packages_are_unsaid() -> None:
    walk, shift, use = (next(c for c in cells(PROBES, asked()) if c.probe is p) for p in PROBES)
    assert missing(walk, NODE) is None
    assert missing(walk, HOST_ONLY) == missing(shift, HOST_ONLY) == "no NVIDIA driver found"
    bare = Machine(host="n", cpu="c", cores=4, memory=1, gpu=H200, gpus=1)
    assert "cupy is not installed (pip install 'gridstone[cuda13]')" in str(missing(shift, bare))
    without_compiler = Machine(host="n", cpu="c", cores=4, memory=1, gpu=H200, gpus=1, packages=("cupy",))
    assert "cuda is not installed" in str(missing(walk, without_compiler))
    assert missing(shift, without_compiler) is None
    assert missing(use, bare) in (None, "needs 64 CPU cores, this process may use 4")


def test_declared_needs_follow_the_unsaid_ones() -> None:
    (big,) = cells(PROBES, asked(probes=(chase.name,), axes=("footprint=1TiB", "stride=128")))
    assert missing(big, NODE) == "needs 1 TiB of GPU memory, NVIDIA H200 has 43.4 GiB for each measuring process"


_PROBE = "from gridstone import probe, seconds\n@probe(None, measures=seconds())\ndef nap(host): ...\n"


def test_folders_of_ones_own_add_to_the_catalogue(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(_PROBE + "alias = nap\n")
    own = load_probes([])
    assert [p.name for p in load_probes([tmp_path, tmp_path])][len(own) :] == ["mine/nap"]


def test_two_probes_of_one_name_are_refused(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(_PROBE)
    with pytest.raises(UsageError, match=r"mine/nap is declared in .*a/mine\.py and in .*b/mine\.py"):
        load_probes([tmp_path / "a", tmp_path / "b"])


def test_folders_without_a_probe_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no Python file there"):
        load_probes([tmp_path])
    (tmp_path / "mine.py").write_text("x = 1\n")
    with pytest.raises(UsageError, match="no file there declares a probe"):
        load_probes([tmp_path])
