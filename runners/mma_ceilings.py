"""What tensor cores can do at most per SM and clock, by type of operand, from the rates that data sheets state."""

from __future__ import annotations

from typing import Any

# Dense operations of f16 per SM and clock, a product and its addition counted as two; twice that when sparse. Narrower
# operands go in proportion: a step takes as many bytes of A and B whatever their type.
_F16_RATE = {
    (8, 0): (2048, "312 TFLOP/s of the A100 at 1410 MHz on 108 SMs"),
    (8, 9): (1024, "362 TFLOP/s of the L40S at 2520 MHz on 142 SMs"),
    (9, 0): (4096, "989 TFLOP/s of the H100 SXM at 1830 MHz on 132 SMs"),
}
_F64_RATE = {
    (8, 0): (128, "19.5 TFLOP/s of the A100 at 1410 MHz on 108 SMs"),
    (9, 0): (256, "67 TFLOP/s of the H100 SXM at 1980 MHz on 132 SMs"),
}


def peak(shape: Any, capability: tuple[int, int]) -> tuple[int, str] | None:
    """Operations per SM and clock that a chip can do at most of a shape, and the source; None where none is known.

    What is emulated has the ceiling of what it is made of: FP8 on sm_90 of f16, 4-bit integers of 8-bit ones.
    """
    if shape.a_type == "f64":
        return _F64_RATE.get(capability)
    if capability not in _F16_RATE or (shape.a_type == "f16" and shape.m == 8):
        return None
    rate_f16, source = _F16_RATE[capability]
    bits = shape.bits
    if capability == (9, 0):
        bits = 16 if shape.a_type in ("e4m3", "e5m2") else max(bits, 8) if shape.a_type in ("s4", "u4") else bits
    scaled = rate_f16 * 16 // bits
    relation = "" if bits == 16 else f", x {16 / bits:g} for operands of {bits} bits"
    return scaled * (1 + shape.sparse), source + relation + (", x 2 for half of A" if shape.sparse else "")
