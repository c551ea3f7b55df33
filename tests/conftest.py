"""What every test may rely on."""

from __future__ import annotations

import gc
import os

from hypothesis import settings

# Before anything imports numpy: with a core taken by something else, threads that share out a small matrix spend their
# time waiting for each other, and that busily.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

pytest_plugins = ["pytester"]

# Shared, slow machines: an example may take its time, and the same examples run everywhere.
settings.register_profile("gridstone", deadline=None, derandomize=True, max_examples=60, database=None)
settings.load_profile("gridstone")


def pytest_collection_finish() -> None:
    """Thousands of tests stay to the end: looked through by every full collection, they were a twelfth of all time."""
    gc.collect()
    gc.freeze()
