"""What was compiled and checked before: cuda-core's program cache, which holds any bytes by key."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any


def cache_folder() -> Path:
    """`$GRIDSTONE_CACHE`, else `gridstone` below the user's cache folder."""
    given = os.environ.get("GRIDSTONE_CACHE")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "gridstone"


def derived_key(parts: Iterable[bytes | str]) -> bytes:
    """A key for what follows from these parts, in this order."""
    digest = hashlib.blake2b(digest_size=32)
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.digest()


def recall(key: bytes) -> bytes | None:
    """What was kept under the key, or None."""
    found = _cache(cache_folder()).get(key)
    return None if found is None else bytes(found)


def keep(key: bytes, data: bytes) -> None:
    """Keep bytes (at least one) under a key."""
    with suppress(OSError):  # a full disk costs the next run a compilation, and this one nothing
        _cache(cache_folder())[key] = data


@functools.cache
def _cache(path: Path) -> Any:
    from cuda.core.utils import FileStreamProgramCache

    try:
        return FileStreamProgramCache(path=path)
    except OSError:
        return {}  # a home that cannot be written to: kept for this process alone
