"""Types of warpgroup matrix instructions: what machine code calls them, and what tensor cores do of them at most."""

from pathlib import Path

from gridstone import constant, content, per_sm_clock

_tiles = content.load_module(Path(__file__).with_name("warpgroup_tiles.py"))

# (A, B, accumulator): what the machine code calls the pair, and dense operations per clock and SM
_H, _F8, _I8 = 4096, 8192, 8192
TYPES = {
    ("f16", "f16", "f32"): ("HGMMA", ".F32", _H),
    ("f16", "f16", "f16"): ("HGMMA", ".F16", _H),
    ("bf16", "bf16", "f32"): ("HGMMA", ".F32.BF16", _H),
    ("tf32", "tf32", "f32"): ("HGMMA", ".F32.TF32", _H // 2),
    **{
        (a, b, acc): ("QGMMA", f".{acc}.{a}.{b}".upper(), _F8)
        for a in ("e4m3", "e5m2")
        for b in ("e4m3", "e5m2")
        for acc in ("f32", "f16")
    },
    **{(a, b, "s32"): ("IGMMA", f".{a}.{b}".upper(), _I8) for a in ("s8", "u8") for b in ("s8", "u8")},
    ("b1", "b1", "s32"): ("BGMMA", ".AND.POPC", 8 * _I8),
}
_SOURCE = "H100 whitepaper: 4096 dense operations with f16, half with tf32, twice with 8 bits; twice where A is sparse"
_N_OF_INTEGERS = {8, 16, 24, *range(32, 257, 16)}


def offered(kind, n, sparse):
    """Whether PTX has the instruction."""
    if kind not in TYPES:
        return False
    return (n in _N_OF_INTEGERS or kind[2] != "s32") and not (sparse and kind[0] == "b1")


def opcode(axes):
    """The machine instruction that axes speak of, as a regular expression."""
    kind = (axes["a_type"], axes["b_type"], axes["acc_type"])
    name, words, _ = TYPES[kind]
    sparse = axes.get("sparse", False)
    k = _tiles.shape_of(axes).k
    return rf"{name}{'.SP' if sparse else ''}.64x{axes['tile_n']}x{k}{words}".replace(".", r"\.")


def most_per_clock(axes):
    """Operations per clock and SM that the tensor cores can give."""
    return TYPES[axes["a_type"], axes["b_type"], axes["acc_type"]][2] * (2 if axes.get("sparse") else 1)


def at_most_per_clock(machine, axes, samples):
    """Limit of a throughput per clock and SM."""
    return constant(most_per_clock(axes), _SOURCE)(machine, axes, samples)


def at_most_per_second(machine, axes, samples):
    """Limit of a rate, at the clock that was seen."""
    return per_sm_clock(most_per_clock(axes), _SOURCE)(machine, axes, samples)
