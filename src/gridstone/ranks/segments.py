"""Shared memory that MPI has put a name on."""

from __future__ import annotations

from pathlib import Path

_OURS = ("mpich_shm_", "sm_segment.", "vader_segment.")  # of MPICH; of Open MPI 5 and 4


def unlink_shared_memory() -> None:
    """Take the names off the shared memory that MPI has mapped here: without a name it goes with the last process.

    Ranks may be killed at any moment, and what has a name in /dev/shm would then stay for good.
    """
    maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    for path in {Path(line.split(maxsplit=5)[5]) for line in maps.splitlines() if "/dev/shm/" in line}:
        if path.name.startswith(_OURS):
            path.unlink(missing_ok=True)
