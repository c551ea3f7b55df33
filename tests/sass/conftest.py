"""Kernels are compiled for every target in threads while the tests that ask for them run; no GPU is needed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of this session's own: what was compiled elsewhere answers no test."""
    patch = pytest.MonkeyPatch()
    patch.setenv("GRIDSTONE_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield
    patch.undo()


@pytest.fixture(scope="session")
def pool(cache: None) -> Iterator[ThreadPoolExecutor]:
    import cuda.core  # noqa: F401  its first import is not safe in several threads at once

    with ThreadPoolExecutor(len(os.sched_getaffinity(0)) + 1) as threads:
        yield threads
        threads.shutdown(cancel_futures=True)
