"""Programs of ranks that go well, and others that go wrong on purpose."""

from __future__ import annotations

import os
import threading


def numbers(rank):
    """Each rank observes numbers of its own."""
    return rank.Program(observe=lambda: {"slowdown": 1.0 + rank.rank, "slowdown_beside": 3.0 - rank.rank})


def surroundings(rank):
    """What this rank was told."""
    seen = {"blocks": float(os.environ.get("NCCL_MAX_CTAS", 0)), "kernel": float(len(rank.device.cubin or b""))}
    return rank.Program(observe=lambda: seen)


def protocol(rank):
    """Right where the communicator was made for LL128."""
    return rank.Program(step=rank.comm.align, verify=lambda: rank.comm.protocol == "LL128")


def wrong(rank):
    """The last rank finds that its result is wrong."""
    return rank.Program(step=rank.comm.align, verify=lambda: rank.rank + 1 < rank.size)


def dies(rank):
    """The last rank ends in its first step."""
    return rank.Program(step=lambda: os._exit(7) if rank.rank else rank.comm.align())


def hangs(rank):
    """The last rank does not come back from its first step."""
    return rank.Program(step=lambda: threading.Event().wait() if rank.rank else None)


def fails(rank):
    """The last rank raises."""
    if rank.rank:
        raise MemoryError("no room for this")
    return rank.Program(step=lambda: None)
