"""Models made from runs. A function is one module here and one in `gridstone.model`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gridstone
from gridstone.errors import NothingMeasured, UsageError
from gridstone.fit import (
    clock,
    collective,
    corun,
    energy,
    host,
    launch,
    memory,
    pack,
    power,
    rate,
    send,
    throughput,
    transfer,
    variability,
)
from gridstone.fit.facts import devices, facts
from gridstone.fit.law import fit_function
from gridstone.fit.peers import with_links
from gridstone.fit.provenance import described, provenance, told, unfed
from gridstone.fit.regret import regrets, summary
from gridstone.fit.save import save
from gridstone.store import Run, load, runs_in

if TYPE_CHECKING:
    import pandas as pd

FUNCTIONS = (
    memory,
    transfer,
    launch,
    host,
    corun,
    pack,
    send,
    collective,
    variability,
    throughput,
    power,
    clock,
    rate,
    energy,
)


def fit(runs: Sequence[Path], folder: Path) -> dict[str, Any]:
    """Fit every function that the runs feed, write the model to `folder` and return its model.json.

    runs: runs or folders of runs, all of one model of GPU and CPU; several machines of the kind make the whole-site
    hold-out possible. Functions without data are listed under `absent`. Raises StoreError for runs that
    cannot be read, UsageError for runs of different devices, NothingMeasured where nothing can be fitted.
    """
    frame, infos = _together(runs)
    for kind, found in (("GPUs", devices(frame, gpu=True)), ("CPUs", devices(frame, gpu=False))):
        if len(found) > 1:
            raise UsageError(f"the runs are of different {kind} ({', '.join(found)}): fit one model for each")
    functions: dict[str, Any] = {}
    absent: dict[str, str] = {}
    arrays: dict[str, Any] = {}
    holdout: list[dict[str, Any]] = []
    decisions: dict[str, dict[str, float]] = {}
    for module in FUNCTIONS:
        wanted = module.sought(frame)
        if not wanted:
            absent[module.NAME] = told(unfed(frame, module.PROBES))
            continue
        fitted = fit_function(module.NAME, module.FORM, wanted)
        probes = sorted({p for law in fitted.record["laws"] for p in law["probes"]})
        used = {one for law in wanted for one in zip(law.cells["run_id"], law.cells["cell_id"], strict=True)}
        functions[module.NAME] = {
            **fitted.record,
            "unfed": unfed(frame, [p for p in module.PROBES if p not in probes]),
            "provenance": provenance(frame, probes, used, infos),
        }
        arrays |= fitted.arrays
        holdout += fitted.holdout
        if module is transfer:
            decisions = summary(regrets(frame, wanted, fitted.holdout))
    if not functions:
        reasons = "; ".join(f"{name}: {why}" for name, why in absent.items())
        raise NothingMeasured(f"nothing to fit: {reasons}")
    document = {
        "gridstone": gridstone.__version__,
        "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "runs": [described(info) for info in infos],
        "facts": facts(frame, infos),
        "functions": functions,
        "absent": absent,
        "decisions": decisions,
    }
    save(folder, document, arrays, holdout)
    return document


def _together(runs: Sequence[Path]) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """All rows of all runs, those of GPU pairs with what joins them, and run.json of each run once."""
    import pandas as pd

    infos: dict[str, dict[str, Any]] = {}
    for path in runs:
        for folder in runs_in(path):
            info = Run(folder).info()
            infos[str(info.get("run_id", folder.name))] = info
    merged = pd.concat([load(path) for path in runs], ignore_index=True)
    merged.attrs.clear()  # pandas would copy them deeply with every selection
    once = merged.drop_duplicates(["run_id", "cell_id", "metric"], ignore_index=True)
    return with_links(once, list(infos.values())), list(infos.values())
