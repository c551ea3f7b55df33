"""A package that is imported when it is first used: declarations name numpy, listing them never calls it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


class _Later(ModuleType):
    """Stands in for a package, and passes every attribute on to the real one."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def deferred(package: str) -> Iterator[None]:
    """Within the block, `import package` costs nothing; what was imported so works as ever afterwards.

    Does nothing where the package is loaded already.
    """
    if package in sys.modules:
        yield
        return
    later = _Later(package)
    sys.modules[package] = later
    try:
        yield
    finally:
        if sys.modules.get(package) is later:
            del sys.modules[package]
