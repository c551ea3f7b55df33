"""One session per GPU: what two measured at once would be worth nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from gridstone.declaration import Machine
from gridstone.errors import NothingMeasured


@contextmanager
def gpu_lock(machine: Machine | None, *, all_gpus: bool = False) -> Iterator[None]:
    """Hold the lock of the machine's GPU, or of every visible one.

    Raises NothingMeasured where another gridstone process holds one of them.
    """
    if machine is None or machine.gpu is None:
        yield
        return
    uuids = machine.uuids if all_gpus and machine.uuids else (machine.gpu.uuid,)
    with ExitStack() as held:
        for uuid in sorted(uuids):  # in one order, so that two sessions do not each hold what the other lacks
            lock = FileLock(Path(tempfile.gettempdir()) / f"gridstone-{uuid}.lock", mode=0o666)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                raise NothingMeasured(
                    f"{machine.gpu.name} ({uuid}) is being measured by another gridstone process: "
                    "wait for it, or choose another GPU with --device"
                ) from None
            held.callback(lock.release)
        yield
