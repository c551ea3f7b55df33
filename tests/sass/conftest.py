"""Kernels are compiled for every target, by processes that begin as soon as it is known which; no GPU is needed."""

from __future__ import annotations

from collections.abc import Iterator
from tempfile import TemporaryDirectory

import pytest
from judging import Case, Judges

_JUDGES = pytest.StashKey[Judges]()
_CACHE = pytest.StashKey["TemporaryDirectory[str]"]()


def _asks(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and "judges" in item.fixturenames


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What waits for the processes comes last."""
    items.sort(key=_asks)


def pytest_collection_finish(session: pytest.Session) -> None:
    asking = [item for item in session.items if _asks(item)]
    if asking and not session.config.option.collectonly:
        # A cache of this session's own: what was compiled elsewhere answers no test.
        session.config.stash[_CACHE] = TemporaryDirectory(prefix="gridstone-sass-")
        session.config.stash[_JUDGES] = Judges(session.config.stash[_CACHE].name)
        params = [item.callspec.params.get("case") for item in asking if hasattr(item, "callspec")]
        session.config.stash[_JUDGES].ask(case for case in params if isinstance(case, Case))


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
