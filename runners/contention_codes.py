"""Which cells the probes of bench/contention*.py have, and what each claims of its machine code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gridstone import compute_capability, constant, gpu_memory
from gridstone.declaration import Need

Axes = Mapping[str, Any]

# Lanes that load some stride apart

_WIDTH = {4: "", 8: r"\.64", 16: r"\.128"}


def load(axes):
    stem = "LDS" if axes["source"] == "shared" else r"LDG\.E"
    return rf"{stem}{_WIDTH[axes['vector']]}(\.STRONG\.SM)?"


def useful_stride(source, vector, stride):
    """Strides that are whole accesses, and one place for all."""
    return stride % vector == 0 and (source, vector) != ("global", 4)


def bank_limit(machine, axes, samples):
    """128 B per clock where each lane has bytes of its own; words that lanes share are counted once per lane."""
    return constant(128, "32 banks of 4 bytes per clock")(machine, axes, samples) if axes["stride"] else None


# Atomics, fences and barriers

# What an instruction of the machine code is called; where shared memory has none, a loop around a compare-and-swap.
_NATIVE_IN_SHARED = {("add", "u32"), ("min", "u32"), ("exch", "u32"), ("cas", "u32"), ("exch", "u64"), ("cas", "u64")}
_SUFFIX = {"u32": "", "u64": r"\.64", "f32": r"(\.F32)?\.FTZ\.RN", "f64": r"\.F64\.RN"}
_SUFFIX |= {"f16x2": r"\.F16x2\.RN", "bf16x2": r"\.BF16x2\.RN"}
_DTYPES = {"add": ("u32", "u64", "f32", "f64", "f16x2", "bf16x2"), "min": ("u32",), "exch": ("u32", "u64")}
_DTYPES["cas"] = ("u32", "u64")
FUNCTIONS, TYPES = ["add", "min", "exch", "cas"], ["u32", "u64", "f32", "f64", "f16x2", "bf16x2"]


def native(axes):
    return axes["source"] != "shared" or (axes["function"], axes["dtype"]) in _NATIVE_IN_SHARED


def atomic(axes, stem):
    if not native(axes):
        return r"ATOMS\.CAST\.SPIN(\.64)?"
    name = axes["function"].upper()
    if axes["source"] == "shared":
        return rf"ATOMS\.{name}{_SUFFIX[axes['dtype']]}"
    return rf"{stem}\.E\.{name}{_SUFFIX[axes['dtype']]}\.STRONG\.GPU"


def offered(function, dtype, **_):
    return dtype in _DTYPES[function]


def claims(*demands, axis="dtype", since_sm_90="bf16x2"):
    """The contracts; of what only sm_90 and later have, nothing is claimed before."""

    def earlier(demand):
        def before(axes):
            found = demand(axes)
            return replace(found, count=0) if axes[axis] == since_sm_90 else found

        return before

    return {"sm_80-sm_89": [earlier(demand) for demand in demands], "sm_90+": [*demands]}


def hopper_for(axis, value):
    """Compute capability 9.0 where the axis has that value."""
    needed = compute_capability(9.0).missing
    return Need(name="cc>=9.0", missing=lambda machine, axes: needed(machine, axes) if axes[axis] == value else None)


def filled(source, function, dtype, method, pattern, count):
    if not offered(function, dtype) or (method == "red" and function in ("exch", "cas")):
        return False
    if method == "red" and source == "shared":
        return False
    if (source, dtype, pattern, count) == ("shared", "bf16x2", "all", 1):
        return False  # sums stay exact only if most threads add 0, and nobody contends for what stays as it is
    whole = (function, dtype) == ("add", "u32")
    return whole or (pattern, count) in (("all", 1), ("all", 32), ("warp", 32))


def fence(axes):
    """The scope that the machine code names: that of a cluster is the GPU's."""
    order = "ALL" if axes["function"] == "acq_rel" else "SC"
    return rf"MEMBAR\.{order}\.{ {'block': 'CTA', 'system': 'SYS'}.get(axes['scope'], 'GPU') }"


def offered_scope(function, scope, **_):
    return scope != "cluster" or function == "acq_rel"


# Where the blocks of a grid meet: a launch has so many lines, and as many samples of a visit lines of their own. Bytes
# from one line of a launch to the next, within reach of translation, and from those of a launch to the next's.
MEETING_LINES, MEETING_SAMPLES = 64, 6
NEXT_LINE, NEXT_LAUNCH = 17281 * 128, 8193 * 128


def meeting_bytes(multiprocessors):
    """What the lines take of the GPU's memory."""
    return MEETING_SAMPLES * multiprocessors * NEXT_LAUNCH + MEETING_LINES * NEXT_LINE


def _no_place_to_meet(machine, axes):
    if machine.gpu is None:
        return None
    return gpu_memory(lambda _: meeting_bytes(machine.gpu.multiprocessors)).missing(machine, axes)


place_to_meet = Need(name="gpu memory", missing=_no_place_to_meet)
