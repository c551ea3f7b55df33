"""What the DPX intrinsics compute, in numpy; arguments as in operation_reference.py."""

from __future__ import annotations

import numpy as np

# Types and functions go by their names in numpy, which declarations are listed without.
_KINDS = {"s32": "int32", "u32": "uint32", "s16x2": "int16", "u16x2": "uint16"}


def _three(pick, added, relu, kind):
    """max or min of (x + a, b) or of (x, a, b), and of 0 where `relu`; sums wrap."""

    def apply(x, a, b, _):
        x, a, b = (np.ascontiguousarray(v).view(kind) for v in (x, a, b))
        chosen = getattr(np, pick)
        found = chosen(x + a, b) if added else chosen(chosen(x, a), b)
        return np.ascontiguousarray(np.maximum(found, 0) if relu else found).view(np.uint32)

    return apply


def _two(first, second, kind):
    """Of (x, a), and of 0: `first` in even steps, `second` in odd ones."""

    def apply(x, a, _b, j):
        x, a = (np.ascontiguousarray(v).view(kind) for v in (x, a))
        return np.maximum(getattr(np, second if j % 2 else first)(x, a), 0).view(np.uint32)

    return apply


def _with_predicate(pick, kind):
    """`pick` of (x, a) where x was it, in the upper half of two; b elsewhere."""

    def apply(x, a, b, _):
        x, a = (np.ascontiguousarray(v).view(kind) for v in (x, a))
        found = getattr(np, pick)(x, a)
        was_first = (found == x)[1::2] if found.itemsize == 2 else found == x
        return np.where(was_first, found.view(np.uint32), b)

    return apply


def _references():
    found = {}
    for side, pick in (("max", "maximum"), ("min", "minimum")):
        other = "minimum" if side == "max" else "maximum"
        for name, kind in _KINDS.items():
            for relu in (False, True) if name.startswith("s") else (False,):
                end = f"{name}_relu" if relu else name
                found[f"viadd{side}_{end}"] = _three(pick, True, relu, kind)
                found[f"vi{side}3_{end}"] = _three(pick, False, relu, kind)
                if relu:
                    found[f"vi{side}_{end}"] = _two(pick, other, kind)
            found[f"vib{side}_{name}"] = _with_predicate(pick, kind)
    for name in ("s32", "s16x2"):
        found[f"vimax_{name}_relu_fused"] = _two("maximum", "maximum", _KINDS[name])
    return found


REFERENCES = _references()
