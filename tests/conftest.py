"""What every test may rely on."""

from __future__ import annotations

from hypothesis import settings

pytest_plugins = ["pytester"]

# Shared, slow machines: an example may take its time, and the same examples run everywhere.
settings.register_profile("gridstone", deadline=None, derandomize=True, max_examples=60, database=None)
settings.load_profile("gridstone")
