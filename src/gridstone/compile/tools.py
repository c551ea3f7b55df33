"""Where the CUDA headers and nvdisasm are: wheels first, then CUDA_HOME, then the usual places."""

from __future__ import annotations

import os
import shutil
import sys
from functools import cache
from pathlib import Path

from gridstone.errors import GridstoneError

TOOLKIT = Path("/usr/local/cuda")


class ToolMissing(GridstoneError):
    """A tool of the CUDA toolkit is not installed; the message says how to get it."""


def _roots() -> list[Path]:
    wheels = [Path(p) / "nvidia" for p in sys.path if (Path(p) / "nvidia").is_dir()]
    found = [sub for wheel in wheels for sub in sorted(wheel.iterdir(), reverse=True) if sub.is_dir()]
    homes = [os.environ.get("CUDA_HOME"), os.environ.get("CUDA_PATH"), TOOLKIT]
    return [*found, *(Path(h) for h in homes if h)]


@cache
def headers() -> Path:
    """The include folder that holds cuda_runtime.h. Raises ToolMissing."""
    for root in _roots():
        for folder in (root / "include", root / "targets/x86_64-linux/include"):
            if (folder / "cuda_runtime.h").is_file():
                return folder
    raise ToolMissing("the CUDA headers are missing: pip install nvidia-cuda-runtime")


@cache
def nvdisasm() -> Path:
    """The nvdisasm program. Raises ToolMissing."""
    for root in _roots():
        if os.access(root / "bin/nvdisasm", os.X_OK):
            return root / "bin/nvdisasm"
    found = shutil.which("nvdisasm")
    if found:
        return Path(found)
    raise ToolMissing("nvdisasm is missing, machine code cannot be checked: pip install nvidia-cuda-nvdisasm")
