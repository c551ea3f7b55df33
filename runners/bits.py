"""Bits of numbers in numpy: halves of words, signs, and rounding to bf16."""

import numpy as np


def halves(x, kind):
    """A uint32 array as the two 16-bit values of each word, the lower one first."""
    return np.ascontiguousarray(x).view(kind)


def words(x):
    """16-bit values as the uint32 array that they lie in."""
    return np.ascontiguousarray(x).view(np.uint32)


def signed(x):
    """The same bits as signed numbers."""
    return x.view(f"i{x.itemsize}")


def unsigned(x):
    """The same bits as unsigned numbers."""
    return np.ascontiguousarray(x).view(f"u{x.itemsize}")


def rounded_to_bf16(x):
    """The upper 16 bits of float32 values after rounding to nearest, ties to even; no NaN."""
    bits = x.view(np.uint32)
    return ((bits + np.uint32(0x7FFF) + (bits >> np.uint32(16) & np.uint32(1))) >> np.uint32(16)).astype(np.uint32)
