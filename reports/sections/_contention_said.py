"""What the section on conflicts, atomics, fences and barriers says in words and facts."""

import pandas

from gridstone.changepoint import paired_p
from gridstone.report import Fact, listing, measured, median_of, trusted

LOOP = "CAST.SPIN"  # the opcode of a compare-and-swap in a loop: there is no instruction for the operation itself
BANKS = 32
_SLOWER = 0.05  # of a load: as much as rings of places differ by where their lines lie


def fences(rows, metric="latency", **axes):
    """The fences of every scope, where each named axis has the given value."""
    parts = [measured(rows, f"contention/{name}", metric, **axes) for name in ("fence", "fence_system")]
    return pandas.concat([part for part in parts if len(part)] or parts[:1])


def heading(facts):
    """The claim above the section."""
    named = {fact.quantity: fact.value for fact in facts}
    parts = []
    if "bank_conflict" in named:
        parts.append(f"a bank conflict costs {named['bank_conflict']:.2g} cycles per word")
    if "shared_atomic_latency" in named:
        parts.append(f"an atomic add in shared memory {named['shared_atomic_latency']:.0f} cycles")
    if "global_atomic_latency_near" in named:
        parts.append(f"in near L2 {named['global_atomic_latency_near']:.0f}")
    if not parts:
        return "Conflicts, atomics, fences and barriers"
    text = listing(parts)
    return text[0].upper() + text[1:]


def lead(rows):
    """What the machine code says of atomics and fences."""
    parts = []
    opcodes = trusted(rows).dropna(subset="opcodes")
    atomics = opcodes[opcodes["probe"].isin(["contention/shared_atomic_latency", "contention/atomic_throughput"])]
    loops = atomics[atomics["opcodes"].str.contains(LOOP, regex=False)]
    if len(loops):
        names = sorted({f"{f} of {t}" for f, t in zip(loops["function"], loops["dtype"], strict=True)})
        parts.append(f"Shared memory has no instruction for {listing(names)}: there it is a loop around a CAS.")
    fences = opcodes[opcodes["probe"] == "contention/fence"]
    for scope in ("block", "gpu"):
        chosen = fences[(fences["scope"] == scope) & (fences["function"] == "acq_rel")] if len(fences) else fences
        if len(chosen):
            names = [word.split("*")[0] for word in chosen["opcodes"].iloc[0].split()]
            named = [name for name in names if name.startswith(("MEMBAR", "ERRBAR", "CGAERRBAR", "CCTL"))]
            parts.append(f"An acquire-release fence of the {scope.replace('gpu', 'GPU')} is {listing(named)}.")
    return " ".join([*parts, *_sets(rows)])


def _sets(rows):
    """Whether places a power of two apart, which plain address bits would put in one set of L2, are any slower."""
    chosen = trusted(measured(rows, "contention/l2_sets", "latency"))
    if chosen.empty or chosen["pattern"].nunique() < 2:
        return []
    both = chosen.pivot_table(index=["stride", "count"], columns="pattern", values="value").dropna()
    if both.empty:
        return []
    even, odd = both["power_of_two"], both["odd"]
    more, places = even - odd, int(both.index.get_level_values("count").max())
    if more.max() > _SLOWER * odd.median():
        return [f"Places a power of two apart meet in sets of L2: up to {more.max():.0f} cycles more than for others."]
    return [
        f"For up to {places} places a power of two apart, L2 takes at most {max(more.max(), 0.0):.2g} cycles more than "
        f"for an odd stride, {more.mean():+.2g} on average (p {paired_p(even, odd):.2g}): a hash picks its sets."
    ]


def facts(rows):
    """The quantities that other sections and published values are compared with."""
    chase = trusted(measured(rows, "contention/strided_latency", "latency", source="shared", vector=4))
    free, worst = (median_of(chase[chase["stride"] == stride]) if len(chase) else None for stride in (4, 128))
    if free and worst:
        ways = BANKS - 1
        yield Fact(
            quantity="bank_conflict",
            value=(worst[0] - free[0]) / ways,
            lo=(worst[1] - free[2]) / ways,
            hi=(worst[2] - free[1]) / ways,
            n=free[3] + worst[3],
            unit="cycle/word",
            better="lower",
            detail="32 lanes on one bank, against one lane on each",
        )
    adds = {"function": "add", "dtype": "u32"}
    for quantity, probe, metric, axes in (
        ("shared_atomic_latency", "shared_atomic_latency", "latency", {**adds, "count": 1}),
        ("global_atomic_latency_near", "global_atomic_latency", "latency_near", adds),
        ("global_atomic_latency_far", "global_atomic_latency", "latency_far", adds),
        ("fence_block", "fence", "latency", {"function": "acq_rel", "scope": "block", "pattern": "store"}),
        ("fence_gpu", "fence", "latency", {"function": "acq_rel", "scope": "gpu", "pattern": "store"}),
        ("fence_system", "fence", "latency", {"function": "acq_rel", "scope": "system", "pattern": "store"}),
        ("barrier_latency", "barrier", "latency", {"function": "block", "warps": 8}),
    ):
        found = (
            fences(rows, metric, **axes) if probe == "fence" else measured(rows, f"contention/{probe}", metric, **axes)
        )
        chosen = trusted(found)
        estimate = median_of(chosen)
        if estimate:
            value, lo, hi, n = estimate
            clock = chosen["sm_mhz"].median()
            yield Fact(
                quantity=quantity,
                value=value,
                lo=lo,
                hi=hi,
                n=n,
                unit=str(chosen["unit"].iloc[0]),
                better="lower",
                sm_mhz=float(clock) if clock == clock else None,
            )
