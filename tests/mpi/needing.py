"""What a test of ranks on several hosts needs."""

from __future__ import annotations

import pytest

from gridstone import ranks


def mpich_and(reason: str | None) -> None:
    """Skips the test for a reason, or where there is no MPICH or no mpi4py."""
    if reason is not None:
        pytest.skip(reason)
    if "mpich" not in ranks.installations():
        pytest.skip(ranks.absent("mpich", sorted(ranks.installations())))
    pytest.importorskip("mpi4py")
