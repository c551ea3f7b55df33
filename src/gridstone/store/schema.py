"""The columns of a results file: one row per cell and metric, the same name for the same thing everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from gridstone.declaration import Value
from gridstone.errors import GridstoneError

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
Status = Literal["ok", "skipped", "timeout", "crashed", "throttled", "unverified", "impossible"]
STATUSES: tuple[str, ...] = ("ok", "skipped", "timeout", "crashed", "throttled", "unverified", "impossible")


class StoreError(GridstoneError):
    """A results file or folder cannot be read or written; the message says which and what to do."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One metric of one cell. docs/results-format.md gives each column's meaning; nulls are `None`."""

    run_id: str
    probe: str
    cell_id: str
    metric: str
    unit: str
    better: str
    axes: Mapping[str, Value]
    status: str
    reason: str | None = None
    value: float | None = None
    lo: float | None = None
    hi: float | None = None
    n: int = 0
    samples: Sequence[float] = ()
    visits: Sequence[int] = ()
    visit_mhz: Sequence[float] = ()
    processes: Sequence[int] = ()
    passes: Sequence[int] = ()
    drift: float | None = None
    limit: float | None = None
    limit_kind: str | None = None
    sm_mhz: float | None = None
    mem_mhz: float | None = None
    power_w: float | None = None
    temperature_c: float | None = None
    throttle: str | None = None
    device: str | None = None
    device_uuid: str | None = None
    host: str = ""
    t_utc: str = ""
    kernel_sha256: str | None = None
    opcodes: str | None = None
    sass_ok: bool | None = None
    verified: bool | None = None
    wall_s: float | None = None
    overhead_s: float | None = None


COLUMNS = tuple(f.name for f in fields(Row) if f.name != "axes")
# In the order of COLUMNS; files from before such a column are read as if it were empty.
_LATER = ("visit_mhz", "passes", "drift", "opcodes")
_NEVER_NULL = frozenset(f.name for f in fields(Row) if f.default is not None)


def schema(axis_kinds: Mapping[str, type]) -> pa.Schema:
    """The Arrow schema of one probe's file: the contract's columns, then a typed column per axis."""
    import pyarrow as pa

    clash = set(axis_kinds) & set(COLUMNS)
    if clash:
        raise ValueError(f"axis {clash.pop()!r} has the name of a results column")
    columns = [pa.field(name, _types().get(name, pa.string())) for name in COLUMNS]
    axes = [pa.field(name, _axis_types()[kind]) for name, kind in axis_kinds.items()]
    metadata = {"gridstone_format": str(FORMAT), "gridstone_axes": ",".join(axis_kinds)}
    return pa.schema([*columns, *axes], metadata=metadata)


def table(rows: Iterable[Row]) -> pa.Table:
    """Rows of one probe as an Arrow table. Raises ValueError for a row with other axes than the first."""
    import pyarrow as pa

    listed = list(rows)
    kinds = {name: type(value) for name, value in listed[0].axes.items()}
    arrow = schema(kinds)
    if any(row.axes.keys() != kinds.keys() for row in listed):
        raise ValueError(f"rows of {listed[0].probe} with different axes")
    records = [{**{c: getattr(row, c) for c in COLUMNS}, **row.axes} for row in listed]
    for record in records:
        record["samples"] = [float(v) for v in record["samples"]]
        record |= {name: list(record[name]) for name in ("visits", "visit_mhz", "processes", "passes")}
    return pa.Table.from_pylist([_encodable(r) for r in records], schema=arrow)


def rows_of(arrow: pa.Table) -> list[Row]:
    """The rows of a table that `check` has returned."""
    axes = axes_of(arrow.schema)
    return [
        Row(**{name: record[name] for name in COLUMNS}, axes={name: record[name] for name in axes})
        for record in arrow.to_pylist()
    ]


def _encodable(record: Mapping[str, Any]) -> dict[str, Any]:
    """File and host names may hold bytes that are no UTF-8, which Arrow refuses: `?` stands in."""
    return {k: v.encode(errors="replace").decode() if isinstance(v, str) else v for k, v in record.items()}


def check(arrow: pa.Table, where: str) -> pa.Table:
    """A table with every column of this version. Raises StoreError where it is not ours, or of a format not read."""
    import pyarrow as pa

    version = (arrow.schema.metadata or {}).get(b"gridstone_format", b"").decode(errors="replace") or None
    if version is None:
        raise StoreError(f"{where}: Parquet, but not written by gridstone (no gridstone_format): move it elsewhere")
    if version != str(FORMAT):
        raise StoreError(
            f"{where}: results format {version}, this gridstone reads format {FORMAT}: "
            "read it with the gridstone version that its run.json names"
        )
    if b"gridstone_axes" not in arrow.schema.metadata:
        raise StoreError(f"{where}: names no axes: the file was edited: remove it and use --resume")
    for column in _LATER:
        if column not in arrow.column_names:
            kind = _types().get(column, pa.string())
            missing = pa.array([[]] * len(arrow), kind) if column in _NEVER_NULL else pa.nulls(len(arrow), kind)
            place = min(COLUMNS.index(column), arrow.num_columns)
            arrow = arrow.add_column(place, column, missing)
    axes, names = axes_of(arrow.schema), arrow.column_names
    for column in (*COLUMNS, *axes):
        flaw = _flaw(arrow, names, column, axis=column in axes)
        if flaw is not None:
            raise StoreError(
                f"{where}: the column {column} {flaw}: the file is damaged or was edited: remove it and use --resume"
            )
    return arrow


def _flaw(arrow: pa.Table, names: list[str], column: str, *, axis: bool) -> str | None:
    import pyarrow as pa

    found = names.count(column)
    if found != 1:
        return "is missing" if found == 0 else "is there twice"
    values = arrow.column(column)
    if axis and column in COLUMNS:
        return "is said to be an axis"
    wanted = _axis_types().values() if axis else (_types().get(column, pa.string()),)
    if values.type not in wanted:
        return "has another type"
    if column == "status" and (unknown := set(values.to_pylist()) - set(STATUSES) - {None}):
        return f"holds {min(unknown)}, which is no status"
    return "lacks values" if values.null_count and (axis or column in _NEVER_NULL) else None


def axes_of(arrow: pa.Schema) -> list[str]:
    """The axis columns of a results file, in the order of their declaration."""
    listed = (arrow.metadata or {}).get(b"gridstone_axes", b"").decode(errors="replace")
    return listed.split(",") if listed else []


@cache
def _types() -> Mapping[str, pa.DataType]:
    """Of the columns that are no text."""
    import pyarrow as pa

    return {
        "n": pa.int32(),
        "samples": pa.list_(pa.float64()),
        "visits": pa.list_(pa.int32()),
        "visit_mhz": pa.list_(pa.float64()),
        "processes": pa.list_(pa.int32()),
        "passes": pa.list_(pa.int32()),
        "sass_ok": pa.bool_(),
        "verified": pa.bool_(),
        **dict.fromkeys(
            "value lo hi drift limit sm_mhz mem_mhz power_w temperature_c wall_s overhead_s".split(), pa.float64()
        ),
    }


@cache
def _axis_types() -> Mapping[type, pa.DataType]:
    import pyarrow as pa

    return {int: pa.int64(), float: pa.float64(), str: pa.string(), bool: pa.bool_()}
