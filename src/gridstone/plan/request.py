"""What was asked for, in full: over the same probes it gives the same cells in the same order."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from gridstone.declaration import PROFILE_NAMES
from gridstone.errors import UsageError
from gridstone.plan.nearest import suggestion
from gridstone.plan.shard import parse_shard


@dataclass(frozen=True, kw_only=True)
class Request:
    """Recorded in run.json under `request`; a resumed run is derived from it.

    probes: globs and families, none for all. axes: texts as `-a` takes them. shard: `i/n`. bench: folders of
    further probes, absolute. timeout_s: seconds for one cell; budget_s: seconds of measuring for the whole
    run, None for no bound. Raises UsageError for a profile, seed or shard that cannot be.
    """

    seed: int
    probes: tuple[str, ...] = ()
    profile: str = "standard"
    axes: tuple[str, ...] = ()
    shard: str = "1/1"
    bench: tuple[str, ...] = ()
    device: str | None = None
    timeout_s: float = 60.0
    budget_s: float | None = None

    def __post_init__(self) -> None:
        if self.profile not in PROFILE_NAMES:
            near = suggestion(self.profile, PROFILE_NAMES) or f" (there are {', '.join(PROFILE_NAMES)})"
            raise UsageError(f"no profile is called {self.profile}{near}")
        if not 0 <= self.seed < 2**63:
            raise UsageError(f"--seed {self.seed}: write a number from 0 to 2^63-1")
        if self.timeout_s <= 0 or (self.budget_s is not None and self.budget_s <= 0):
            raise UsageError("a timeout or a budget must be longer than 0 s")
        parse_shard(self.shard)

    def record(self) -> dict[str, Any]:
        """The request as plain data for run.json."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}


def recorded(info: Mapping[str, Any]) -> Request:
    """The request of a run, from its run.json. Raises UsageError where its cells cannot be derived."""
    asked = info.get("request")
    names = {field.name for field in fields(Request)}
    if isinstance(asked, Mapping) and set(asked) <= names:
        plain: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in asked.items()}
        texts = (text for v in plain.values() if isinstance(v, tuple) for text in v)
        if all(isinstance(text, str) for text in texts):
            with contextlib.suppress(TypeError):  # a field is missing or of the wrong kind
                return Request(**plain)
    raise UsageError(
        "the run does not record a request that this gridstone understands: resume it with the gridstone "
        "that began it, or start a new run"
    )
