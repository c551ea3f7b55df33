"""Writing that survives a crash: every file appears whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from pathlib import Path

from gridstone.store.schema import StoreError


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Call `write` on a temporary name beside `path`, flush it to disk, then rename it into place.

    Raises StoreError where the disk is full, the folder cannot be written, or there is a folder or a device of that
    name: a rename would put a file in its place.
    """
    legible(path)
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "a device or a pipe"
        raise StoreError(f"{path}: is {kind}: give the name of a file")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise StoreError(explain(path, error)) from error
        raise


def legible(path: Path) -> None:
    """Raises StoreError for a path whose bytes are no UTF-8: Arrow takes none, and JSON cannot name it."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = str(path).encode(errors="replace").decode()
        raise StoreError(f"{shown}: the name is not UTF-8: rename the folder, or choose another one") from None


def below(folder: Path, ending: str) -> list[Path]:
    """What in a folder and those below it has a name that ends so, sorted; nothing where there is no such folder.

    Raises StoreError where one of the folders cannot be read: what is in it would be missed unsaid.
    """

    def refuse(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise StoreError(f"{error.filename}: cannot be read ({error.strerror})") from error

    walked = os.walk(folder, onerror=refuse)
    return sorted(
        Path(place) / name for place, *kinds in walked for names in kinds for name in names if name.endswith(ending)
    )


def explain(path: Path, error: OSError) -> str:
    """Why `path` could not be written, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{path.parent}: the disk is full: free some space, then try again (a run goes on with --resume)"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{path.parent}: no permission to write there: choose another folder with --out"
    return f"{path}: cannot be written ({error.strerror or error}): choose another folder with --out"
