"""Pairs of GPUs: what joins them, and which run would tell what a model does not know of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

METHODS = ("engine", "read", "write")  # of peer/copy


def joined(runs: Iterable[Mapping[str, Any]], src: int, dst: int) -> str | None:
    """What joins two GPUs of the machine that `runs` (their run.json) are of: `nvlink x 18`, `pcie`, `node`.

    The tier and, of NVLink, how many links. None where no run says it, or two runs say different things.
    """
    found = {
        f"{link.get('tier')} x {link['count']}" if link.get("count") else str(link.get("tier"))
        for run in runs
        for link in (run.get("topology") or {}).get("links") or ()
        if (link.get("src"), link.get("dst")) == (src, dst)
    }
    return found.pop() if len(found) == 1 else None


def unmeasured(runs: Iterable[Mapping[str, Any]], src: int, dst: int, method: str, duplex: bool) -> str:
    """Why a model has no law for copies from GPU `src` to GPU `dst`, and the run that would give it one."""
    runs = tuple(runs)
    gpus = max((len((run.get("topology") or {}).get("gpus") or ()) for run in runs), default=0)
    if gpus and max(src, dst) >= gpus:
        return f"gpu{max(src, dst)} is not in the machine that was measured: it has {gpus} GPU{'s' * (gpus > 1)}"
    way = {"engine": "by a copy engine"}.get(method, f"with method={method}") + (", both ways" if duplex else "")
    if method == "engine" and not duplex:
        link = joined(runs, src, dst)
        why = f"are joined by {link}" if link else "are joined by what no run says"
        lacks = f"they {why}, and it takes two sizes of peer/pairs beside two pairs joined alike with a ladder of sizes"
    else:
        lacks = "that is known of pairs with a ladder of sizes only"
    command = f"gridstone run peer/copy -a peer/copy.src={src} -a peer/copy.dst={dst}"
    return f"gpu{src} to gpu{dst} {way}: {lacks}; run `{command}` there, and fit that run too"
