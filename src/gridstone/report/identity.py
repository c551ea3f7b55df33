"""The identity card: what was measured, and at which clocks, power and temperature it really ran."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridstone.topology import in_words
from gridstone.units import format_bytes

if TYPE_CHECKING:
    import pandas as pd

DASH = "–"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One entry of the card."""

    name: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Card:
    """title: the device. dateline: when, where and how it was measured. groups: entries under a heading each."""

    title: str
    dateline: str
    groups: tuple[tuple[str, tuple[Line, ...]], ...]


def card(rows: pd.DataFrame, info: Mapping[str, Any]) -> Card:
    """The card of a run, or of the newest of several; anything that run.json does not say is a dash."""
    gpu, host = _part(info, "gpu"), _part(info, "host")
    device = _device(rows, gpu, host)
    of = " of the newest run" if _several(rows) else ""
    groups = [(f"Host{of}", _host(rows, host, info)), ("Newest run" if of else "Run", _run(rows, info))]
    if gpu or rows["device_uuid"].notna().any():
        groups[:0] = [(f"GPU{of}", _gpu(gpu)), ("Seen while it was measured", _seen(rows))]
    around = _around(_part(info, "topology"))
    groups += [("Between the GPUs and to other hosts", around)] if around else []
    return Card(title=device, dateline=_dateline(rows, info), groups=tuple(groups))


def _dateline(rows: pd.DataFrame, info: Mapping[str, Any]) -> str:
    began, ended = (str(rows["t_utc"].agg(which)) for which in ("min", "max"))
    if not _several(rows):
        began, ended = str(info.get("started_utc") or began), str(info.get("updated_utc") or ended)
    until = ended[11:16] if ended[:10] == began[:10] else f"{ended[:10]}, {ended[11:16]}"
    parts = [f"{began[:10]}, {began[11:16]} to {until} UTC"]
    names = rows["host"].dropna()
    parts += [f"on {names.iloc[0]}"] if len(names) else []
    profile = _part(info, "request").get("profile")
    parts += [f"{profile} profile"] if profile else []
    return ", ".join(parts)


def _several(rows: pd.DataFrame) -> bool:
    return bool(rows["run_id"].nunique() > 1)


def _device(rows: pd.DataFrame, gpu: Mapping[str, Any], host: Mapping[str, Any]) -> str:
    on_gpu = rows.loc[rows["device_uuid"].notna(), "device"].dropna()
    if len(on_gpu):
        return str(on_gpu.iloc[0])
    known = rows["device"].dropna()
    return str(gpu.get("name") or (known.iloc[0] if len(known) else None) or host.get("cpu_model") or "unknown device")


def _gpu(gpu: Mapping[str, Any]) -> tuple[Line, ...]:
    ecc, mig = gpu.get("ecc"), gpu.get("mig")
    capability = gpu.get("compute_capability")
    pcie = f"{_text(gpu.get('pcie_gen_now'))} x{_text(gpu.get('pcie_width_now'))}"
    most = f"{_text(gpu.get('pcie_gen_max'))} x{_text(gpu.get('pcie_width_max'))}"
    return (
        Line(name="UUID", text=_text(gpu.get("uuid"))),
        Line(
            name="compute capability",
            text=".".join(map(str, capability)) if isinstance(capability, list) else _text(capability),
        ),
        Line(name="driver, CUDA", text=f"{_text(gpu.get('driver'))}, {_text(gpu.get('cuda_driver'))}"),
        Line(name="VBIOS", text=_text(gpu.get("vbios"))),
        Line(name="SMs", text=_text(gpu.get("multiprocessors"))),
        Line(
            name="memory, bus",
            text=f"{_bytes(gpu.get('memory_bytes'))}, {_unit(gpu.get('memory_bus_bits'), 'bit')}",
        ),
        Line(name="L2", text=_bytes(gpu.get("l2_bytes"))),
        Line(name="ECC, MIG", text=f"{_switch(ecc)}, {_switch(mig)}"),
        Line(name="PCIe now (most)", text=f"{pcie} ({most})"),
        Line(name="power limit", text=_unit(gpu.get("power_limit_w"), "W")),
        Line(
            name="SM, memory clock at most",
            text=f"{_text(gpu.get('sm_mhz_max'))}, {_unit(gpu.get('mem_mhz_max'), 'MHz')}",
        ),
    )


def _seen(rows: pd.DataFrame) -> tuple[Line, ...]:
    known = rows["throttle"].dropna().unique()
    reasons = sorted({r for text in known for r in str(text).split("|") if r})
    held_back = ", ".join(reasons).replace("_", " ") or ("nothing seen" if len(known) else DASH)
    return (
        Line(name="SM clock", text=_spread(rows["sm_mhz"], "MHz")),
        Line(name="memory clock", text=_spread(rows["mem_mhz"], "MHz")),
        Line(name="power", text=_spread(rows["power_w"], "W")),
        Line(name="temperature", text=_spread(rows["temperature_c"], "°C")),
        Line(name="clock held back by", text=held_back),
    )


def _around(topology: Mapping[str, Any]) -> tuple[Line, ...]:
    """The links between GPUs, and the network adapters that are up, of the host that was measured."""
    named = (line.partition(": ") for line in in_words(topology))
    return tuple(Line(name=name, text=text) for name, _, text in named)


def _host(rows: pd.DataFrame, host: Mapping[str, Any], info: Mapping[str, Any]) -> tuple[Line, ...]:
    names = rows["host"].dropna()
    lines = (
        Line(name="name", text=str(names.iloc[0]) if len(names) else _text(host.get("hostname"))),
        Line(name="CPU", text=_text(host.get("cpu_model"))),
        Line(name="sockets, usable cores", text=f"{_text(host.get('sockets'))}, {_text(host.get('cores_usable'))}"),
        Line(name="memory", text=_bytes(host.get("memory_bytes"))),
        Line(name="system", text=_text(host.get("os"))),
        Line(name="kernel", text=_text(host.get("kernel"))),
        Line(name="container", text=_text(host.get("container"))),
        Line(name="frequency governor", text=_text(host.get("governor"))),
    )
    missing = info.get("no_gpu")
    return (*lines, Line(name="GPU", text=str(missing))) if missing else lines


def _run(rows: pd.DataFrame, info: Mapping[str, Any]) -> tuple[Line, ...]:
    suite = _part(info, "gridstone")
    revision = str(suite.get("revision") or DASH)[:12]
    dirty = " with local changes" if suite.get("dirty") else ""
    status, ended = info.get("status"), info.get("updated_utc")
    return (
        Line(name="id", text=_text(info.get("run_id") or rows["run_id"].iloc[0])),
        Line(name="status", text=_text(status)),
        Line(name="from", text=_text(info.get("started_utc") or rows["t_utc"].min())),
        Line(name="to", text=_text(ended or rows["t_utc"].max())),
        Line(name="gridstone", text=f"{_text(suite.get('version'))}, {revision}{dirty}"),
    )


def _part(info: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = info.get(name)
    return part if isinstance(part, Mapping) else {}


def _text(value: Any) -> str:
    return DASH if value is None or value == "" else str(value)


def _unit(value: Any, unit: str) -> str:
    if isinstance(value, float):
        return f"{value:.4g} {unit}"
    return DASH if value is None else f"{value} {unit}"


def _bytes(value: Any) -> str:
    return format_bytes(value) if isinstance(value, int) else _text(value)


def _switch(value: Any) -> str:
    return DASH if value is None else "on" if value else "off"


def _spread(values: pd.Series, unit: str) -> str:
    known = values.dropna()
    if known.empty:
        return DASH
    if known.min() == known.max():
        return f"{known.min():.0f} {unit} throughout"
    return f"{known.min():.0f} / {known.median():.0f} / {known.max():.0f} {unit}"
