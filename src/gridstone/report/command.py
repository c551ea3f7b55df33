"""The command that measures a section again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any


def command(probes: Sequence[str], info: Mapping[str, Any]) -> str:
    """`gridstone run` over these probes with the profile, axes and plan of the run's own request."""
    request = info.get("request")
    asked: Mapping[str, Any] = request if isinstance(request, Mapping) else {}
    words = ["gridstone", "run", *probes]
    if asked.get("profile"):
        words += ["--profile", str(asked["profile"])]
    axes = asked.get("axes")
    for text in axes if isinstance(axes, list | tuple) else ():
        words += ["-a", str(text)]
    for name in ("plan", "bench"):
        if asked.get(name):
            words += [f"--{name}", str(asked[name])]
    return shlex.join(words)
