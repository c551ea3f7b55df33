"""A fitted model on disk."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gridstone import model
from gridstone.errors import UsageError
from gridstone.model.artifact import ARRAYS_NAME, FORMAT, HOLDOUT_NAME, JSON_NAME
from gridstone.model.document import SCHEMA_NAME
from gridstone.store import write_atomically

if TYPE_CHECKING:
    from gridstone.model.interpolate import Table

_HOLDOUT = "function law probe cell_id axes unit measured lo hi predicted pred_lo pred_hi kind fold".split()


def save(
    folder: Path,
    document: Mapping[str, Any],
    arrays: Mapping[str, Table],
    holdout: Sequence[Mapping[str, Any]],
) -> None:
    """Write model.json with its schema, arrays.npz and holdout.parquet; a model already there is replaced.

    Raises UsageError for a folder that holds something else, StoreError where it cannot be written.
    """
    import pandas as pd

    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / JSON_NAME).exists())):
        raise UsageError(f"{folder}: is there and is no model: give -o a new or empty folder")
    packed = io.BytesIO()
    np.savez_compressed(packed, allow_pickle=False, **dict(arrays))
    content = packed.getvalue()
    stamped = {"format": FORMAT, "arrays_sha256": hashlib.sha256(content).hexdigest(), **document}
    text = json.dumps(stamped, indent=1, allow_nan=False, default=str) + "\n"
    schema = (Path(model.__file__).parent / SCHEMA_NAME).read_bytes()
    frame = pd.DataFrame(list(holdout), columns=_HOLDOUT)
    write_atomically(folder / ARRAYS_NAME, lambda p: _write(p, content))
    write_atomically(folder / HOLDOUT_NAME, lambda p: frame.to_parquet(p, index=False))
    write_atomically(folder / SCHEMA_NAME, lambda p: _write(p, schema))
    write_atomically(folder / JSON_NAME, lambda p: _write(p, text.encode()))


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
