"""MPI derived datatypes as strided blocks: decoded, reduced, packed and unpacked."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gridstone.datatypes.decode import canonical
    from gridstone.datatypes.either import pack, unpack
    from gridstone.datatypes.strided import Irregular, Strided

_HOME = {"canonical": "decode", "pack": "either", "unpack": "either", "Irregular": "strided", "Strided": "strided"}

__all__ = ["Irregular", "Strided", "canonical", "pack", "unpack"]


def __getattr__(name: str) -> Any:
    if name in _HOME:  # declarations are listed without numpy
        return getattr(importlib.import_module(f"gridstone.datatypes.{_HOME[name]}"), name)
    raise AttributeError(f"module 'gridstone.datatypes' has no attribute {name!r}")
