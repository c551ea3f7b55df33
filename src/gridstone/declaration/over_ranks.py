"""The axes and needs that probes of MPI ranks share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gridstone.declaration.axis import Axis, Value, values
from gridstone.declaration.need import Axes, Need, mpi, mpi_on_gpu
from gridstone.ranks import LIBRARIES, driver_here, elsewhere, installations, places

TIERS = ("gpu", "node", "network")
"""Where ranks are that talk: on one GPU, on one host (with a GPU each, where they use any), on several hosts."""

PLACES: Mapping[tuple[str, ...], Sequence[tuple[Value, ...]]] = {
    ("memory", "tier"): [("host", "node"), ("host", "network"), *(("device", tier) for tier in TIERS)]
}
"""Which memory the data of ranks is in, and where the ranks are: for `together=`."""

_MOST_RANKS = 64


def libraries() -> Axis:
    """The MPI libraries that are installed; all that are known in the full profile."""
    return values(list(installations()) or LIBRARIES[:1], full=LIBRARIES)


def is_first(library: Value, among: Axis) -> bool:
    """Whether it is the one that was found first: where a probe need not be crossed with all of them."""
    return library == among.standard[0]


def tiers(*, device: bool = True) -> Axis:
    """Where the ranks are: the network where they may be on several hosts, else one host, or with `device` one GPU."""
    near = ["gpu", "node"] if device else ["node"]
    return values(["network"] if elsewhere() else near, full=TIERS if device else TIERS[1:])


def memories() -> Axis:
    """Host memory, and device memory too where there is an NVIDIA driver."""
    return values(["host", "device"] if driver_here() else ["host"], full=["host", "device"])


def rank_counts(cores: int, full: Sequence[int] = (2, 3, 4, 8, 16, 32, 64)) -> Axis:
    """Two ranks, four, and as many as there is room for on so many cores."""
    most = min(_MOST_RANKS, max(2, places(cores)))
    return values(
        sorted({2, min(4, most), most}),
        quick=[2],
        full=[count for count in full if count <= most],
        open=True,
        low=2,
        high=_MOST_RANKS,
    )


def enough(
    ranks: Callable[[Axes], float] | int, ability: Callable[[Axes], str | None] | str | None = None
) -> list[Need]:
    """Ranks of the cell's library at its tier; with an ability, GPUs for them that MPI can do this with.

    ranks: how many, or a function of the axes. ability: as in `mpi_on_gpu`; a word stands for itself in cells whose
    axis `memory` is `device`.
    """

    def library(axes: Axes) -> str:
        return str(axes["library"])

    def tier(axes: Axes) -> str:
        return str(axes["tier"])

    def count(axes: Axes) -> float:
        return ranks if isinstance(ranks, int) else ranks(axes)

    def wanted(axes: Axes) -> str | None:
        if callable(ability):
            return ability(axes)
        return ability if axes.get("memory") == "device" else None

    return [mpi(library, count, tier), mpi_on_gpu(library, count, tier, wanted)]
