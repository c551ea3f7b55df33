"""Where runs go that nobody gave a place."""

from __future__ import annotations

import tomllib
from pathlib import Path


def runs_folder(here: Path) -> Path:
    """`results/runs` where `here` is a checkout of gridstone, else `gridstone-runs`."""
    try:
        project = tomllib.loads((here / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
    except (OSError, ValueError):
        project = {}
    return here / "results/runs" if project.get("name") == "gridstone" else here / "gridstone-runs"
