"""Send and Recv of host memory by one rank with itself: what arrives, what is refused, and what must not change."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridstone.datatypes import Irecv, Isend, Recv, Send, canonical
from gridstone.errors import UsageError


@pytest.fixture
def column(mpi: Any) -> Iterator[Any]:
    """A column of an 8 x 8 matrix of float64, as wide as one number."""
    strided = mpi.DOUBLE.Create_vector(8, 1, 8)
    made = strided.Create_resized(0, 8).Commit()
    strided.Free()
    yield made
    made.Free()


@pytest.mark.parametrize("as_form", [False, True])
def test_nothing_comes_from_nowhere(mpi: Any, column: Any, as_form: bool) -> None:
    kept = np.arange(64.0)
    Recv(mpi.COMM_SELF, canonical(column) if as_form else column, kept, mpi.PROC_NULL)
    assert np.array_equal(kept, np.arange(64.0))


@pytest.mark.parametrize("as_form", [False, True])
def test_a_message_that_is_too_short_says_so(mpi: Any, column: Any, as_form: bool) -> None:
    into, wanted = np.zeros(64), {"count": 1 if as_form else 3}
    pending = Irecv(mpi.COMM_SELF, canonical(column, 3) if as_form else column, into, 0, **wanted)
    Send(mpi.COMM_SELF, column, np.arange(64.0), 0, count=2)
    with pytest.raises(UsageError, match="128 bytes came, and the datatype of the receive has 192"):
        pending.Wait()


def test_what_may_not_change_is_not_received_into(mpi: Any, column: Any) -> None:
    frozen = np.zeros(64)
    frozen.flags.writeable = False
    for kept in (frozen, bytes(512)):
        with pytest.raises(UsageError, match="read-only"):
            Irecv(mpi.COMM_SELF, column, kept, 0)


def test_a_buffer_lives_until_its_message_has_gone(mpi: Any) -> None:
    many = 1 << 18
    datatype, into = mpi.DOUBLE.Create_contiguous(many).Commit(), np.zeros(many)
    leaving = Isend(mpi.COMM_SELF, datatype, np.full(many, 7.0), 0)
    gc.collect()
    others = [np.full(many, 9.0) for _ in range(4)]
    Recv(mpi.COMM_SELF, datatype, into, 0)
    leaving.Wait()
    assert (into == 7.0).all() and len(others) == 4
    datatype.Free()


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_either_order_are_buffers(mpi: Any, order: Any) -> None:
    source, target = np.arange(64.0).reshape(8, 8).astype(np.float64, order=order), np.zeros((8, 8), order=order)
    half = mpi.DOUBLE.Create_subarray(
        [8, 8], [4, 8], [2, 0], {"C": mpi.ORDER_C, "F": mpi.ORDER_FORTRAN}[order]
    ).Commit()
    for form in (half, canonical(half)):
        target[...] = 0
        leaving = Isend(mpi.COMM_SELF, form, source, 0)
        Recv(mpi.COMM_SELF, form, target, 0)
        leaving.Wait()
        assert np.array_equal(target[2:6], source[2:6]) and not target[:2].any() and not target[6:].any()
    half.Free()


def test_a_strided_block_with_a_count_or_by_mpi_is_refused(mpi: Any, column: Any) -> None:
    with pytest.raises(UsageError, match="a Strided is one element"):
        Isend(mpi.COMM_SELF, canonical(column), np.zeros(64), 0, count=2)
    with pytest.raises(UsageError, match="needs an MPI datatype, and a Strided was given"):
        Isend(mpi.COMM_SELF, canonical(column), np.zeros(64), 0, method="mpi")


_MEANWHILE = """
import cupy, numpy as np
from mpi4py import MPI
from gridstone.datatypes import Irecv, Send

irregular = MPI.INT.Create_indexed([1, 3, 2], [0, 4, 9]).Commit()
field = cupy.full(16, 8, dtype=np.int32)
waiting = Irecv(MPI.COMM_SELF, irregular, field, 0)
field[2] = field[15] = 99  # a kernel that computes on what lies between
Send(MPI.COMM_SELF, irregular, np.arange(100, 116, dtype=np.int32), 0)
waiting.Wait()
wanted = [100, 8, 99, 8, 104, 105, 106, 8, 8, 109, 110, 8, 8, 8, 8, 99]
assert field.get().tolist() == wanted, field.get()
"""


def test_what_is_computed_between_the_blocks_meanwhile_stays(mpi: Any) -> None:
    stand_in = str(Path(__file__).parent / "stand_in")
    path = os.pathsep.join([stand_in, os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", _MEANWHILE], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
