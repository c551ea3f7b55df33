"""Kinds of work beside each other on parts of the SMs: how much slower each goes than alone in the same visit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from gridstone import Unavailable, content
from gridstone.clock import Work

_here = Path(__file__)
_NAMES = ("green", "loads", "side_by_side")
_green, _loads, _side = (content.load_module(_here.with_name(f"{name}.py")) for name in _NAMES)
_UNIT_S, _SPAN_S = 60e-6, 2e-3
_METRICS = ("slowdown", "slowdown_beside", "slowdown_third")


def beside(gpu: Any, kinds: list[str], shares: list[float], method: str) -> Work:
    """Work that observes the slowdown of two or three kinds: the rate alone over that beside the others.

    shares: of the SMs, for each kind. method: `exclusive` gives each kernel as many blocks as it has SMs, one to an
    SM; `free` gives every kernel a block for each SM, which share them; `green` puts two kinds into green contexts.
    """
    sms = gpu.multiprocessors
    pointers: list[int | None] = [None] * len(kinds)
    blocks = [max(1, round(share * sms)) for share in shares]
    if method == "exclusive":
        while sum(blocks) > sms:  # rounding must not leave a block without an SM
            blocks[blocks.index(max(blocks))] -= 1
    elif method == "green":
        one, other, count, rest = _green.two_streams(sms, max(8, round(shares[0] * sms)))
        pointers, blocks = [one, other], [count, rest]
        if min(blocks) < 1:
            raise Unavailable("the SMs cannot be split so by green contexts")
    else:
        blocks = [sms] * len(kinds)
    made = [
        _loads.kind(gpu, name, blocks=count, unit_s=_UNIT_S, exclusive=method != "free", pointer=pointer)
        for name, count, pointer in zip(kinds, blocks, pointers, strict=True)
    ]
    loads = [one.load for one in made]

    def observe() -> dict[str, float]:
        alone = [_side.rates(gpu, [load], _SPAN_S)[0] for load in loads]
        together = _side.rates(gpu, loads, _SPAN_S)
        return {name: a / t for name, a, t in zip(_METRICS, alone, together, strict=False)}

    work: Work = gpu.observe(observe)
    return replace(work, verify=lambda: all(one.right() for one in made))
