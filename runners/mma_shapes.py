"""The matrix instructions of one warp that PTX has from sm_80 to sm_90, and what machine code becomes of each.

A new type is a line of `_FLOATS` or `_INTEGERS`, and its bits in mma_formats.py and mma.cuh.
"""

from typing import NamedTuple


class Shape(NamedTuple):
    """D of `acc_type`, m x n, += A of `a_type`, m x k (half of it, if sparse) x B of `b_type`, k x n."""

    a_type: str
    b_type: str
    acc_type: str
    m: int
    k: int
    sparse: bool = False
    function: str = "mul"

    @property
    def n(self):
        return 8

    @property
    def bits(self):
        """Of an element of A."""
        return {"f16": 16, "bf16": 16, "tf32": 32, "f64": 64, "s4": 4, "u4": 4, "b1": 1}.get(self.a_type, 8)

    @property
    def digits(self):
        """As machine code spells it: 16816."""
        return f"{self.m}{self.n}{self.k}"


def _pairs(*types):
    return [(a, b) for a in types for b in types]


# (types of A and B, accumulators, dense (m, k), sparse k), as the PTX ISA lists them for sm_80 to sm_90.
_FLOATS = (
    (_pairs("f16"), ("f16", "f32"), ((8, 4), (16, 8), (16, 16)), (16, 32)),
    (_pairs("bf16"), ("f32",), ((16, 8), (16, 16)), (16, 32)),
    (_pairs("tf32"), ("f32",), ((16, 4), (16, 8)), (8, 16)),
    (_pairs("f64"), ("f64",), ((8, 4), (16, 4), (16, 8), (16, 16)), ()),
    (_pairs("e4m3", "e5m2"), ("f32",), ((16, 16), (16, 32)), (64,)),
    (_pairs("e4m3", "e5m2"), ("f16",), ((16, 16), (16, 32)), ()),
)
_INTEGERS = (
    (_pairs("s8", "u8"), "mul", ((8, 16), (16, 16), (16, 32)), (32, 64)),
    (_pairs("s4", "u4"), "mul", ((8, 32), (16, 32), (16, 64)), (64, 128)),
    (_pairs("b1"), "xor", ((8, 128), (16, 128), (16, 256)), ()),
    (_pairs("b1"), "and", ((8, 128), (16, 128), (16, 256)), ()),
)
FLOATS = frozenset(
    Shape(a, b, acc, m, k, sparse)
    for pairs, accumulators, dense, thin in _FLOATS
    for a, b in pairs
    for acc in accumulators
    for m, k, sparse in [*((m, k, False) for m, k in dense), *((16, k, True) for k in thin)]
)
INTEGERS = frozenset(
    Shape(a, b, "s32", m, k, sparse, function)
    for pairs, function, dense, thin in _INTEGERS
    for a, b in pairs
    for m, k, sparse in [*((m, k, False) for m, k in dense), *((16, k, True) for k in thin)]
)


def machine_code(shape, major):
    """(opcode, times per product) of the machine code that a generation makes of it: one, or those that stand in.

    None where the generation lacks the instruction, nothing where no claim is made of it. Where `by_call` says so they
    are those of a subroutine of the assembler's own.
    """
    stem, digits, kind = f"{'SP.' if shape.sparse else ''}", shape.digits, shape.a_type
    acc = shape.acc_type.upper()
    a, b = shape.a_type.upper(), shape.b_type.upper()
    if kind == "f16" and shape.m == 8:  # each quarter's product by multiply-adds of float32, after shuffles
        return [("FFMA", 32 if acc == "F32" else 16)]
    if kind == "f64":
        if major in (80, 89):
            return [(r"DMMA\.884", 1)] if shape.m == 8 else None
        if major == 90:
            return [(rf"DMMA\.{shape.m}x8x{shape.k}", 1)]
        return [(r"DMMA\.8x8x4", shape.m * shape.k // 32)]
    if kind in ("f16", "bf16", "tf32"):
        return [(rf"HMMA\.{stem}{digits}\.{acc}{'' if kind == 'f16' else f'.{a}'}", 1)]
    if kind in ("e4m3", "e5m2"):
        return _float8(shape, major, stem, acc)
    if kind == "b1":
        both = 2 if shape.function == "xor" else 1  # ones of a and of b, less twice those of both
        if major < 90:
            return [(rf"BMMA\.{digits}\.{shape.function.upper()}\.POPC", 1)]
        if major == 90:
            return [(rf"BMMA\.{digits}\.AND\.POPC", both)]
        return [(r"IMMA\.16832\.U8\.U8", both * (8 if shape.k == 256 else 4))]
    wide = 16 if shape.m == 8 and major >= 100 else shape.m
    if kind in ("s4", "u4") and major >= 90:  # half of K at once, unpacked to 8 bits
        return [(rf"IMMA\.{stem}{wide}8{shape.k // 2}\.{a[0]}8\.{b[0]}8", 2)]
    return [(rf"IMMA\.{stem}{wide}{shape.n}{shape.k}\.{a}\.{b}", 1)]


def by_call(shape, major):
    """Whether the assembler calls a subroutine for it."""
    if shape.a_type in ("s4", "u4"):
        return major >= 90
    if shape.a_type == "b1":
        return major >= 100 or (major == 90 and shape.function == "xor")
    return shape.a_type == "f16" and shape.m == 8


def _float8(shape, major, stem, acc):
    if major == 80:
        return None
    if major in (89, 120):
        return [(rf"QMMA\.{stem}{shape.digits}\.{acc}\.{shape.a_type}\.{shape.b_type}".upper(), 1)]
    if shape.sparse and major == 100:
        return []  # shuffles whose threads a subroutine gathers first: not one loop with one count
    half = 32 if shape.sparse else shape.k // 2
    words = {16: 6, 32: 12, 64: 16}[shape.k]
    last = ("FADD", 4) if acc == "F32" else (r"HADD2", 2)
    return [(rf"HMMA\.{stem}168{half}\.{acc}", 2), (r"F2FP\.F16\.E[45]M[32]\.UNPACK_B", words), last]
