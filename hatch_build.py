"""Carries the content folders in a wheel, below gridstone/share/; an editable install reads them in place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDERS = ("bench", "kernels_cuda", "runners", "reports")


class ContentHook(BuildHookInterface):  # type: ignore[type-arg, misc]
    """Maps each content file to its place in the wheel; caches and editors' leavings stay out."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it collects files; `version` is `standard` or `editable`."""
        if version == "editable":
            return
        root = Path(self.root)
        for folder in FOLDERS:
            for path in sorted((root / folder).rglob("*")):
                relative = path.relative_to(root)
                hidden = any(part.startswith(".") or part == "__pycache__" for part in relative.parts)
                if path.is_file() and not hidden:
                    build_data["force_include"][str(path)] = f"gridstone/share/{relative.as_posix()}"
