"""What tensor cores draw: power, clock and operations per second at once, by what their operands hold."""

from pathlib import Path

from gridstone import Metric, Unavailable, compute_capability, content, loop, per_clock, probe, rate, values

_kinds = content.load_module(Path(__file__).parent.parent / "runners" / "warpgroup_kinds.py")
_tiles = content.load_module(Path(__file__).parent.parent / "runners" / "warpgroup_tiles.py")

_N, _WARPS = 256, 8
_KINDS = {kind[0]: kind for kind in _kinds.TYPES if kind[0] == kind[1] and kind[2] != "f16"}
_BURST_CYCLES = 250_000  # 0.15 ms
_SUSTAINED_CYCLES = 480_000_000  # 0.3 s: a few steps of the energy counter, beside which the gaps are nothing
_WHOLE = "bf16"  # the type whose sustained cells cover every kind of operands; the others have the costliest alone


def _drawn(samples):
    """Watts: the steps of the energy counter over their time, while the kernel ran."""
    if "power" not in samples.observed:
        raise Unavailable("sensor and energy counter move on every 0.1 s, in which a burst is nothing")
    power = samples.observed["power"]
    if (power != power).all():
        raise Unavailable("the driver tells neither energy nor power of this GPU")
    return power


def _energy(samples):
    return _drawn(samples) * samples.seconds / samples.work


def _cells(a_type, b_type, acc_type, operands, regime, **_fixed):
    if _KINDS.get(a_type) != (a_type, b_type, acc_type):
        return False
    return regime == "burst" or a_type == _WHOLE or operands == "normal" or (a_type == "e4m3" and operands == "zeros")


@probe(
    "wgmma/throughput.cu",
    a_type=values(["f16", "bf16", "tf32", "e4m3", "s8"], quick=["bf16"]),
    b_type=["f16", "bf16", "tf32", "e4m3", "s8"],
    acc_type=["f32", "s32"],
    tile_n=[_N],
    warps=[_WARPS],
    operands=values(_tiles.OPERANDS, quick=["zeros", "normal"]),
    regime=["burst", "sustained"],
    knobs=["a_type", "b_type", "acc_type", "tile_n", "warps"],
    measures=[
        rate(unit="flop/s"),
        per_clock(unit="flop/cycle"),
        Metric(name="power", unit="W", better="lower", reduce=_drawn),
        Metric(name="energy", unit="J/flop", better="lower", reduce=_energy),
    ],
    limit={"rate": _kinds.at_most_per_second, "throughput": _kinds.at_most_per_clock},
    sass={"sm_90": loop(_kinds.opcode, count=_tiles.UNROLL, clocked=True)},
    needs=[compute_capability(9.0, exactly=True)],
    where=_cells,
)
def tensor(gpu, *, operands, regime, warps, **axes):
    """Dense m64n256 on every SM: bursts from rest, and sustained at power equilibrium with the power drawn."""
    length = _BURST_CYCLES if regime == "burst" else _SUSTAINED_CYCLES
    rounds = _tiles.rounds_for(length, axes["tile_n"], warps)
    return _tiles.fill(gpu, axes, warps=warps, operands=operands, rounds=rounds)
