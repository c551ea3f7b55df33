"""How many bits of an operand change from one to the next: what the power of tensor cores goes by."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gridstone import content

_formats = content.load_module(Path(__file__).with_name("number_formats.py"))


def activity(dtype: str, operands: str) -> float:
    """Of two operands drawn one after the other, the mean share of their bits that differ; 0.5 where all are random.

    Each bit j is set in a share p_j of the letters that `operands` are drawn from, each as likely as the others: two
    draws differ there with probability 2 p_j (1 - p_j) (switching activity, Weste and Harris, "CMOS VLSI Design").
    The unused low bits of tf32 count as bits: they are wires that never change.
    """
    letters = _formats.alphabet(dtype, operands)
    bits = np.unpackbits(np.ascontiguousarray(letters).view(np.uint8)).reshape(letters.size, -1)
    share = bits.mean(axis=0)
    return float((2 * share * (1 - share)).mean())
