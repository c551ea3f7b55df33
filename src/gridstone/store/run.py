"""A run on disk: run.json, a part per finished cell, and one file per probe once compacted."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import socket
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridstone.store.files import below, explain, legible, write_atomically
from gridstone.store.schema import FORMAT, Row, StoreError, check, rows_of, table

if TYPE_CHECKING:
    import pyarrow as pa

_BEYOND_REPAIR = "`gridstone show` still reads the results; to measure more, start a new run"
_KINDS: dict[str, type] = {"run_id": str, "request": dict, "cells": list}


def new_run_id() -> str:
    """`20261124T101500Z-node7-3fa2`: sortable by time, readable, unique."""
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{now}-{socket.gethostname().split('.')[0]}-{secrets.token_hex(2)}"


class Run:
    """The folder of one run. Each cell is a file of its own until `compact`: a crash loses none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # What each part holds, and the checksum of its file. As rows: a table takes ten times the memory.
        self._written: dict[Path, tuple[int, tuple[Row, ...]]] = {}

    @property
    def parts(self) -> Path:
        """Where the cells wait for compaction: `parts/<family>/<name>/<cell_id>.parquet`."""
        return self.folder / "parts"

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Make the folder and be the only process that writes to it. StoreError where another one does.

        Readers need no lock. A file system without locks, as some clusters have, gives none.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.folder, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise StoreError(explain(self.folder, error)) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise StoreError(f"{self.folder}: another gridstone process is writing this run: wait for it") from None
        except OSError:
            pass
        try:
            yield
        finally:
            os.close(descriptor)

    def write_info(self, info: Mapping[str, Any]) -> None:
        """Replace run.json."""
        text = json.dumps({"format": FORMAT, **info}, indent=1, sort_keys=False, default=str)
        write_atomically(self.folder / "run.json", lambda p: _write_text(p, text + "\n"))

    def info(self) -> dict[str, Any]:
        """run.json. Raises StoreError where it is missing, broken or of another format."""
        path = self.folder / "run.json"
        try:
            info: dict[str, Any] = json.loads(path.read_text())
        except (FileNotFoundError, NotADirectoryError):
            raise StoreError(f"{self.folder}: not a gridstone run (it has no run.json)") from None
        except (OSError, ValueError, RecursionError) as error:
            raise StoreError(f"{path}: cannot be read ({error}): {_BEYOND_REPAIR}") from error
        version = info.get("format") if isinstance(info, dict) else None
        if version is None:
            raise StoreError(f"{path}: not written by gridstone (it names no format): {_BEYOND_REPAIR}")
        if version != FORMAT:
            raise StoreError(
                f"{path}: results format {version}, this gridstone reads format {FORMAT}: "
                "read it with the gridstone that wrote it"
            )
        for key, kind in _KINDS.items():
            if not isinstance(info.get(key, kind()), kind):
                raise StoreError(f"{path}: {key} is not what gridstone writes there: {_BEYOND_REPAIR}")
        return info

    def write_cell(self, rows: Sequence[Row]) -> None:
        """Keep the rows of one finished cell, or of several of one probe that ended together, named by the first."""
        path = self.parts / rows[0].probe / f"{rows[0].cell_id}.parquet"
        part = _part(table(rows))
        write_atomically(path, lambda p: _write_bytes(p, part))
        self._written[path] = zlib.crc32(part), tuple(rows)

    def kept(self) -> dict[str, list[Row]]:
        """The rows of each cell that has some, by the cell's id. Raises StoreError for a file that cannot be read."""
        found: dict[str, dict[str, Row]] = {}
        for file in self.files():
            for row in rows_of(read(file)):
                found.setdefault(row.cell_id, {})[row.metric] = row
        return {cell_id: list(rows.values()) for cell_id, rows in found.items()}

    def files(self) -> Iterator[Path]:
        """Every results file of the run: compacted ones first, then parts, whose rows are the later ones."""
        found = [path for path in below(self.folder, ".parquet") if not path.name.startswith(".")]
        yield from (path for path in found if self.parts not in path.parents)
        yield from (path for path in found if self.parts in path.parents)

    def compact(self, finish: Callable[[pa.Table], pa.Table] = lambda merged: merged) -> list[Path]:
        """Merge the parts of each probe into `<family>/<name>.parquet`, then remove them; what was written.

        finish: what becomes of the table of a whole probe, also of one that has no parts. May be stopped at any moment
        and repeated; a cell that is written meanwhile stays a part.
        """
        written = []
        for directory in sorted({p.parent for p in self.parts.rglob("*.parquet")}):
            target = (self.folder / directory.relative_to(self.parts)).with_suffix(".parquet")
            sources = [*([target] if target.exists() else []), *sorted(directory.glob("[!.]*.parquet"))]
            merged = finish(_merge([self._read(p) for p in sources], str(directory)))
            write_atomically(target, lambda p, t=merged: _write_table(p, t))  # type: ignore[misc]
            for part in sources:
                if part != target:
                    part.unlink(missing_ok=True)
            written.append(target)
        self._remove_empty_parts()
        for target in (file for file in self.files() if self.parts not in file.parents and file not in written):
            before = read(target)
            after = finish(before)
            if not after.equals(before):
                write_atomically(target, lambda p, t=after: _write_table(p, t))  # type: ignore[misc]
                written.append(target)
        return written

    def _read(self, path: Path) -> pa.Table:
        """What is in a file: what was written to it, where its bytes are still those, which is known far sooner."""
        known = self._written.get(path)
        if known is not None:
            with contextlib.suppress(OSError):
                if zlib.crc32(path.read_bytes()) == known[0]:
                    return table(known[1])
        return read(path)

    def _remove_empty_parts(self) -> None:
        for directory in [*sorted(self.parts.rglob("*/"), reverse=True), self.parts]:
            with contextlib.suppress(OSError):  # a cell that has arrived since keeps its folder
                directory.rmdir()


def read(path: Path) -> pa.Table:
    """One results file, checked. Raises StoreError where it is broken or not ours."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    legible(path)
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        arrow = file.read(use_threads=False)  # a part is so small that threads would take twice as long
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = str(error).split("\n")[0]
        if isinstance(error, PermissionError):
            raise StoreError(f"{path}: no permission to read it") from error
        raise StoreError(f"{path}: not a readable Parquet file ({reason}): remove it and use --resume") from error
    return check(arrow, str(path))


def _merge(tables: Sequence[pa.Table], where: str) -> pa.Table:
    """One table, a (cell, metric) only once: the last wins, which is the part of a cell that was visited again."""
    import pyarrow as pa

    try:
        merged = pa.concat_tables(tables, promote_options="none")
    except pa.ArrowInvalid as error:
        raise StoreError(
            f"{where}: cells with different axes: the probe was changed during the run, start a new one"
        ) from error
    keys = zip(merged.column("cell_id").to_pylist(), merged.column("metric").to_pylist(), strict=True)
    return merged.take(list({key: index for index, key in enumerate(keys)}.values()))


def _write_table(path: Path, arrow: pa.Table) -> None:
    import pyarrow.parquet as pq

    pq.write_table(arrow, path, compression="zstd", write_page_checksum=True)


def _part(arrow: pa.Table) -> bytes:
    """The file of a part, which is read once: compressing its sixty columns would take most of the time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(
        arrow, sink, compression="none", use_dictionary=False, write_statistics=False, write_page_checksum=True
    )
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def _write_bytes(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _write_text(path: Path, text: str) -> None:
    path.write_text(text)
