"""gridstone measures GPUs and the machines around them, and keeps the results so that they can be trusted.

`gridstone.load(path)` reads runs; `gridstone.model.load(path)` reads a fitted model; the names below declare
probes: `from gridstone import probe, pow2, cycles`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__version__ = "0.1.0"


def load(path: Any) -> pd.DataFrame:
    """Rows of a run, finished or not, or of a folder of runs, as a DataFrame; see docs/results-format.md."""
    from gridstone.store import load as read

    return read(path)


def __getattr__(name: str) -> Any:
    import gridstone.declaration as declarations

    if name in declarations.__all__:
        return getattr(declarations, name)
    raise AttributeError(f"module 'gridstone' has no attribute {name!r}")
