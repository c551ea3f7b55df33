"""Kernels are compiled for every target, by processes that begin as soon as it is known which; no GPU is needed."""

from __future__ import annotations

from collections.abc import Iterator
from tempfile import TemporaryDirectory

import pytest
from judging import Case, Judges

_JUDGES = pytest.StashKey[Judges]()
_CACHE = pytest.StashKey["TemporaryDirectory[str]"]()


def _case(item: pytest.Item) -> Case | None:
    found = (
        item.callspec.params.get("case") if isinstance(item, pytest.Function) and hasattr(item, "callspec") else None
    )
    return found if isinstance(found, Case) else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What waits for the processes comes last."""
    items.sort(key=lambda item: _case(item) is not None)


def pytest_collection_finish(session: pytest.Session) -> None:
    asked = [case for item in session.items if (case := _case(item))]
    if asked and not session.config.option.collectonly:
        # A cache of this session's own: what was compiled elsewhere answers no test.
        session.config.stash[_CACHE] = TemporaryDirectory(prefix="gridstone-sass-")
        session.config.stash[_JUDGES] = Judges(asked, session.config.stash[_CACHE].name)


def pytest_unconfigure(config: pytest.Config) -> None:
    judges = config.stash.get(_JUDGES, None)
    if judges:
        judges.close()
        config.stash[_CACHE].cleanup()


@pytest.fixture
def judges(request: pytest.FixtureRequest) -> Judges:
    return request.config.stash[_JUDGES]


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """For the tests here that compile by themselves: a cache of this session's own too."""
    patch = pytest.MonkeyPatch()
    patch.setenv("GRIDSTONE_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield
    patch.undo()
