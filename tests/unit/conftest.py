"""What several tests of units share."""

from __future__ import annotations

import importlib

import pytest


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures stay empty, which are most of a chapter's time: for tests of what stands beside them alone."""
    for name in ("dots", "fields", "heat", "lines"):
        module = importlib.import_module(f"gridstone.figure.{name}")
        monkeypatch.setattr(module, "draw", lambda paint, *, size, alt: "<svg></svg>")
