"""One session per GPU: what two measured at once would be worth nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from gridstone.declaration import Gpu, Machine
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
                raise NothingMeasured(_busy(machine.gpu, uuid)) from None
            held.callback(lock.release)
        yield


def _busy(gpu: Gpu, uuid: str) -> str:
    if uuid == gpu.uuid:
        which, remedy = f"{gpu.name} ({uuid})", "choose another GPU with --device"
    else:
        which, remedy = f"the GPU {uuid}, one of several that this run measures,", "hide it by CUDA_VISIBLE_DEVICES"
    return f"{which} is being measured by another gridstone process: wait for it, or {remedy}"
