"""The decorator that turns a function into a probe, and the cells that a probe unfolds into."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from gridstone.content import ContentError
from gridstone.declaration.axis import Axis, Value, as_axis
from gridstone.declaration.body import metrics_of, takes
from gridstone.declaration.contract import Contract, Demand, applies
from gridstone.declaration.limit import LimitOf
from gridstone.declaration.metric import Metric
from gridstone.declaration.need import Need
from gridstone.errors import GridstoneError

AxisValues = Mapping[str, Value]
GpuUse = Literal["one", "ranks", "all"]
_HOST_RUNNERS = ("on_host", "on_mpi")
_RUNNERS_OF_ALL_GPUS = ("on_peers", "on_nccl")
FAMILIES = (
    "latency bandwidth launch copy host mma wgmma fp8 power dpx pipes dsm tma cache contention gather "
    "scatter duplex corun graph datatype pingpong collective peer nccl halo gemm attention operator"
).split()


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A declared measurement: what is run, over which axes, in which unit, under which limit and contract.

    `body(context, **axes)` runs in the child process and returns the work to be timed.
    """

    name: str
    doc: str
    body: Callable[..., Any]
    file: Path
    source: Path | None
    runner: str
    axes: tuple[Axis, ...]
    metrics: tuple[Metric, ...]
    limits: Mapping[str, LimitOf] = field(default_factory=dict)
    sass: Mapping[str, Sequence[Demand]] = field(default_factory=dict)
    knobs: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    together: Mapping[tuple[str, ...], Sequence[tuple[Value, ...]]] = field(default_factory=dict)
    where: Callable[..., bool] | None = None
    standard: Callable[..., bool] | None = None
    fits: str | None = None
    l2: str = "warm"
    budget: float = 1.0

    @property
    def family(self) -> str:
        """The part of the name before the slash."""
        return self.name.split("/")[0]

    @property
    def on_gpu(self) -> bool:
        """Whether its cells run on a GPU: every runner needs one but those of the host and of MPI ranks on hosts."""
        return self.runner not in _HOST_RUNNERS

    @property
    def on_all_gpus(self) -> bool:
        """Whether its cells may use every visible GPU, and not just the one that is measured."""
        return self.runner in _RUNNERS_OF_ALL_GPUS

    def axis(self, name: str) -> Axis:
        """The axis of that name; KeyError where there is none."""
        return {a.name: a for a in self.axes}[name]

    def points(
        self, profile: str, overrides: Mapping[str, Iterable[Value]] | None = None
    ) -> Iterator[dict[str, Value]]:
        """The axis values of every cell of a profile, with some axes replaced; then `standard` leaves none out."""
        chosen = overrides or {}
        thinned = self.standard if profile != "full" and not chosen else None
        columns = {a.name: tuple(dict.fromkeys(chosen.get(a.name, a.values(profile)))) for a in self.axes}
        tied = {name for names in self.together for name in names}
        parts: list[list[tuple[tuple[str, Value], ...]]] = [
            [((name, value),) for value in column] for name, column in columns.items() if name not in tied
        ]
        for names, rows in self.together.items():
            kept = [row for row in rows if all(v in columns[name] for name, v in zip(names, row, strict=True))]
            parts.append([tuple(zip(names, row, strict=True)) for row in kept])
        with blamed_on(self, "where"):
            for combination in itertools.product(*parts):
                found = dict(itertools.chain.from_iterable(combination))
                point = {name: found[name] for name in columns} if tied else found
                if (self.where is None or self.where(**point)) and (thinned is None or thinned(**point)):
                    yield point

    def defines(self, axes: AxisValues) -> dict[str, str]:
        """The macros a cell is compiled with: `UNROLL=8` for a number, `OP_COPY=1` for a word."""
        macros = {}
        for knob in self.knobs:
            value = axes[knob]
            if isinstance(value, str):
                macros[f"{knob}_{value}".upper()] = "1"
            else:
                macros[knob.upper()] = str(int(value))
        return macros

    def contracts(self, arch: str, axes: AxisValues) -> list[Contract] | None:
        """What the SASS for this target must hold, or None where the declaration says nothing of it."""
        with blamed_on(self, "sass"):
            found = [demand(axes) for spec, demands in self.sass.items() if applies(spec, arch) for demand in demands]
        return [contract for contract in found if contract.count] or None


@contextmanager
def blamed_on(probe: Probe, part: str) -> Iterator[None]:
    """What fails within is a fault of that part of the declaration, and ContentError says so."""
    try:
        yield
    except GridstoneError:
        raise
    except Exception as error:
        raise ContentError(f"{probe.file}: {part} of {probe.name}: {type(error).__name__}: {error}") from error


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One point of a probe: the unit that is measured, kept, skipped, resumed and compared."""

    probe: Probe
    axes: AxisValues
    cell_id: str

    @property
    def on_gpu(self) -> bool:
        """Whether it computes on a GPU: all cells of its probe do, or its MPI ranks have their data there."""
        return self.probe.on_gpu or self.axes.get("memory") == "device"

    @property
    def gpu_use(self) -> GpuUse | None:
        """Whose memory that of the GPU is while it is measured: of processes that take turns on `one` GPU, of MPI
        `ranks`, or of processes that use `all` GPUs; None where it computes on no GPU."""
        if not self.on_gpu:
            return None
        return "all" if self.probe.on_all_gpus else "one" if self.probe.on_gpu else "ranks"

    @property
    def label(self) -> str:
        """`latency/pointer_chase[footprint=4096,stride=128]`."""
        inside = ",".join(f"{k}={v}" for k, v in self.axes.items())
        return f"{self.probe.name}[{inside}]"


def cell(probe: Probe, axes: AxisValues, source_digest: str) -> Cell:
    """A cell with its stable id: a hash of the probe, its axis values and what is run."""
    identity = json.dumps([probe.name, dict(sorted(axes.items())), source_digest], sort_keys=True)
    return Cell(probe=probe, axes=dict(axes), cell_id=hashlib.sha256(identity.encode()).hexdigest()[:16])


def probe(
    source: str | None = None,
    /,
    *,
    measures: Metric | Sequence[Metric],
    limit: LimitOf | Mapping[str, LimitOf] | None = None,
    sass: Mapping[str, Demand | Sequence[Demand]] | None = None,
    knobs: Sequence[str] = (),
    needs: Sequence[Need] = (),
    together: Mapping[tuple[str, ...], Sequence[tuple[Value, ...]]] | None = None,
    where: Callable[..., bool] | None = None,
    standard: Callable[..., bool] | None = None,
    runner: str = "on_cupy",
    fits: str | None = None,
    l2: str = "warm",
    budget: float = 1.0,
    family: str | None = None,
    **axes: Axis | Sequence[Value],
) -> Callable[[Callable[..., Any]], Probe]:
    """Declare a probe: `@probe("latency/constant.cu", footprint=pow2("1KiB", "64KiB"), measures=...)`.

    source: kernel file below `kernels_cuda/`, or None where nothing is compiled. knobs: axes that are compiled in as
    macros. sass: contracts by target (`sm_80+`). limit: for the first metric, or by metric name. together: axes that
    vary as one, with the combinations there are, such as the types of a matrix instruction; far quicker to go through
    than a predicate over a large product. where: a predicate over the axes that keeps a cell. standard: another one,
    which counts below the profile `full` where no axis is given on the command line: not all axes need be crossed. l2:
    `warm`, or `flush` before every sample. budget: what a cell may take, as a multiple of the profile's seconds per
    cell. family: the first half of the probe's name, that of its file by default. All further keywords are axes, in the
    order in which cells vary. Raises ValueError for a declaration that cannot hold.
    """
    metrics = metrics_of(measures)
    if limit is None:
        limits: Mapping[str, LimitOf] = {}
    else:
        limits = limit if isinstance(limit, Mapping) else {metrics[0].name: limit}
    demands = {k: (v if isinstance(v, Sequence) else (v,)) for k, v in (sass or {}).items()}
    if l2 not in ("warm", "flush"):
        raise ValueError(f"l2={l2!r}: write 'warm' or 'flush'")
    if family is not None and not family.isidentifier():
        raise ValueError(f"family={family!r}: write one word, such as 'latency'")
    unknown = [k for k in knobs if k not in axes] + [k for k in limits if k not in {m.name for m in metrics}]
    unknown += [name for names in together or {} for name in names if name not in axes]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is neither an axis nor a metric of this probe")
    tied = [name for names in together or {} for name in names]
    if len(set(tied)) != len(tied):
        raise ValueError("an axis can vary together with one set of others only")

    def wrap(body: Callable[..., Any]) -> Probe:
        file = Path(body.__code__.co_filename)
        takes(body, axes)
        return Probe(
            name=f"{family or file.stem}/{body.__name__}",
            doc=(body.__doc__ or "").strip().split("\n")[0],
            body=body,
            file=file,
            source=None if source is None else Path(source),
            runner=runner,
            axes=tuple(_axis(name, given, closed=name in tied) for name, given in axes.items()),
            metrics=metrics,
            limits=limits,
            sass=demands,
            knobs=tuple(knobs),
            needs=tuple(needs),
            together=dict(together or {}),
            where=where,
            standard=standard,
            fits=fits,
            l2=l2,
            budget=budget,
        )

    return wrap


def _axis(name: str, given: Axis | Sequence[Value], *, closed: bool) -> Axis:
    """What varies together has no values but those that are listed."""
    axis = as_axis(name, given)
    return replace(axis, open=False) if closed else axis
