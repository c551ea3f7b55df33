"""MPI derived datatypes as strided blocks: decoded, reduced, packed, sent and unpacked."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gridstone.datatypes.decode import canonical
    from gridstone.datatypes.either import pack, unpack
    from gridstone.datatypes.message import Irecv, Isend, Pending, Recv, Send
    from gridstone.datatypes.strided import Irregular, Strided

_HOME = {
    "canonical": "decode",
    **dict.fromkeys(("pack", "unpack"), "either"),
    **dict.fromkeys(("Irecv", "Isend", "Pending", "Recv", "Send"), "message"),
    **dict.fromkeys(("Irregular", "Strided"), "strided"),
}

__all__ = ["Irecv", "Irregular", "Isend", "Pending", "Recv", "Send", "Strided", "canonical", "pack", "unpack"]


def __getattr__(name: str) -> Any:
    if name in _HOME:  # declarations are listed without numpy
        return getattr(importlib.import_module(f"gridstone.datatypes.{_HOME[name]}"), name)
    raise AttributeError(f"module 'gridstone.datatypes' has no attribute {name!r}")
