"""MPI for the tests that need it; they are skipped, with the reason, where there is none."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="session")
def mpi() -> Any:
    """mpi4py's MPI module, initialised as a single rank."""
    pytest.importorskip("mpi4py", reason="mpi4py is not installed (pip install 'gridstone[mpi]')")
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"mpi4py finds no MPI library ({error}): pip install 'gridstone[mpi]'")
    return MPI
