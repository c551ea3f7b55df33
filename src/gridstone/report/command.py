"""The command that measures a section again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any


def command(probes: Sequence[str], axes: Mapping[str, Sequence[str]], info: Mapping[str, Any]) -> str:
    """`gridstone run` over these probes with the profile, seed, axes and folders of the run's own request."""
    request = info.get("request")
    asked: Mapping[str, Any] = request if isinstance(request, Mapping) else {}
    words = ["gridstone", "run", *probes]
    for name in ("profile", "seed"):
        if asked.get(name) is not None:
            words += [f"--{name}", str(asked[name])]
    for text in _texts(asked, "axes"):
        if any(_speaks_of(text, probe, axes.get(probe, ())) for probe in probes):
            words += ["-a", text]
    for folder in _texts(asked, "bench"):
        words += ["--bench", folder]
    return shlex.join(words)


def _texts(asked: Mapping[str, Any], name: str) -> Iterator[str]:
    given = asked.get(name)
    yield from map(str, given if isinstance(given, list) else ())


def _speaks_of(text: str, probe: str, axes: Sequence[str]) -> bool:
    """Whether `axis=...`, `family.axis=...` or `glob.axis=...` means an axis of the probe."""
    target, _, axis = text.partition("=")[0].strip().rpartition(".")
    return axis in axes and (not target or fnmatchcase(probe, target) or probe.split("/")[0] == target)
