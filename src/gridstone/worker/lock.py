"""One session per GPU: what two measured at once would be worth nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from gridstone.declaration import Machine
from gridstone.errors import NothingMeasured


@contextmanager
def gpu_lock(machine: Machine | None) -> Iterator[None]:
    """Hold the lock of the machine's GPU. Raises NothingMeasured where another gridstone process holds it."""
    if machine is None or machine.gpu is None:
        yield
        return
    path = Path(tempfile.gettempdir()) / f"gridstone-{machine.gpu.uuid}.lock"
    lock = FileLock(path, mode=0o666)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise NothingMeasured(
            f"{machine.gpu.name} ({machine.gpu.uuid}) is being measured by another gridstone process: "
            "wait for it, or choose another GPU with --device"
        ) from None
    try:
        yield
    finally:
        lock.release()
