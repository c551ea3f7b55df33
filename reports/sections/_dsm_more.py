"""What bounds distributed shared memory, what clusters write into each other, and what does not move the pair model."""

from dataclasses import replace

from gridstone.figure import Dot, Scale, dots, lines
from gridstone.report import Panel, best, listing, measured, percent, series, trusted
from gridstone.units import format_bytes

_METHODS = {
    "repeat": "in a second sweep",
    "sizes": "with clusters of 7, 6, 5 and 3 blocks",
    "half": "with half as many clusters at once",
    "throttled": "on a chip that has just drawn all its power",
}
_MOST_SHARED = 227 << 10  # bytes of a block of sm_90
_CLUSTER = {"shared": 1, "dsm": 16}  # blocks whose shared memory holds the bins
_SURE = 0.05  # p-values above say that nothing differs
_FUNCTIONS = {"store": "stores of 16 B", "st_async": "st.async of 16 B", "bulk": "bulk copies of 8 KiB"}
_LARGEST = {"store": 16, "st_async": 16, "bulk": 8192}


def bound(rows):
    """What bounds the throughput: said where more loads in flight, or wider ones, change it little."""
    chosen = trusted(measured(rows, "dsm/throughput", "bandwidth_sm"))
    if chosen.empty:
        return ""
    words = [f"{best(part)['value']:.1f} at {size:g} blocks" for size, part in chosen.groupby("cluster_size")]
    text = f"Bytes per clock and SM that clusters read, all SMs at once: at most {listing(words)}."
    many = chosen[(chosen["vector"] == 16) & (chosen["pattern"] == "all_to_all")]
    ratios = [
        float(more["value"].iloc[0] / less["value"].iloc[0])
        for _, part in many.groupby("cluster_size")
        if len(more := part[part["unroll"] == 8]) and len(less := part[part["unroll"] == 4])
    ]
    if ratios and max(abs(r - 1) for r in ratios) < 0.05:
        text += (
            " Twice the loads in flight change that by at most "
            f"{100 * max(abs(r - 1) for r in ratios):.0f} %: the network between the SMs bounds it, not latency."
        )
    return text + _alone(chosen)


def _alone(chosen):
    """What goes out of one SM and into one, as all of its cluster read it or it reads all of them."""
    ports = []
    for pattern, words in (("broadcast", "gives out at most {:.1f}"), ("all_to_one", "takes in at most {:.1f}")):
        of_one = chosen[chosen["pattern"] == pattern]
        if len(of_one):
            ports.append(words.format(float((of_one["value"] * of_one["cluster_size"]).max())))
    return f" One SM alone {listing(ports)}." if ports else ""


def unmoved(rows):
    """What other placements and a throttled chip change in the model of pairs, as sentences."""
    words = []
    for method, name in _METHODS.items():
        chosen = {
            metric: trusted(measured(rows, "dsm/pair_model", metric, method=method))
            for metric in ("latency", "within_share", "clock")
        }
        if any(part.empty for part in chosen.values()):
            continue
        level, within, clock = (float(part["value"].iloc[0]) for part in chosen.values())
        words.append(
            f"{name} by {level:.2g} cycles ({percent(within)} of it within its interval, {clock / 1e6:.0f} MHz)"
        )
    return f"The level of the pair model moves {listing(words)}." if words else ""


def by_chance(p_value, most, latency):
    """What the permutation test of the cluster sizes says: whether there is a difference, and how much it is."""
    tested = f"A permutation test, which exchanges the sizes, gives as much with probability {p_value:.2g}"
    if p_value > _SURE:
        return f"{tested}: the size adds nothing that can be told."
    share = f", {100 * most / latency[0]:.1g} % of a load" if latency else ""
    return f"{tested}: the difference is real, and no more than that{share}."


def crossing(rows, names):
    """Which way is fastest up to how many bins, why it ends there, and how the next one compares; as a sentence."""
    if rows.empty or rows["method"].nunique() < 2:
        return ""
    fastest = rows.sort_values("value").drop_duplicates("bins", keep="last").sort_values("bins")
    runs = (fastest["method"] != fastest["method"].shift()).cumsum()
    stretches = [part for _, part in fastest.groupby(runs)]
    words = []
    for part, following in zip(stretches, [*stretches[1:], None], strict=True):
        method, sizes = part["method"].iloc[0], sorted({int(size) for size in part["cluster_size"]})
        of = f" (clusters of {listing([str(size) for size in sizes])})" if method == "dsm" else ""
        end = "beyond" if following is None else f"up to {part['bins'].iloc[-1]:g} bins"
        why = "" if following is None else _ends(rows, method, following.iloc[0])
        words.append(f"{names.get(method, method)}{of} {end}{why}")
    return f"Counting a histogram is fastest in {listing(words)}."


def _ends(rows, method, following):
    """Why a way is no longer the fastest at the bins of the row that follows."""
    there = rows[(rows["bins"] == following["bins"]) & (rows["method"] == method)]
    if there.empty:
        most = _CLUSTER.get(method, float("inf")) * _MOST_SHARED
        return ", as many as fit" if 4 * following["bins"] > most else ", with more of which it was not measured"
    row = best(there)
    if row["hi"] >= following["lo"]:
        return ", about as fast as the next from there on"
    return f" ({percent(following['value'] / row['value'] - 1)} behind the next at {following['bins']:g})"


def changes(rows):
    """What a second sweep changes in the model, beside the intervals of the model's own parameters."""
    names = {
        "latency": "level",
        "latency_source": "a source",
        "latency_destination": "a destination",
        "interval_level": "interval of a level",
        "interval_effect": "interval of an effect",
    }
    entries = [
        Dot(
            label=f"{name}, {method}",
            value=row["value"],
            lo=row["lo"],
            hi=row["hi"],
            group="interval" if metric.startswith("interval") else "change",
            flawed=row["status"] != "ok",
        )
        for method in _METHODS
        for metric, name in names.items()
        for row in measured(rows, "dsm/pair_model", metric, method=method).to_dict("records")
    ]
    if not entries:
        return []
    svg = dots(entries, x=Scale(label="cycles", start=0), alt="What a second sweep changes in the model of pairs")
    caption = (
        "The largest change of each kind of parameter in a second sweep, on the pairs that both have, and half the 95 "
        "% intervals of the parameters themselves."
    )
    return [Panel(svg=svg, caption=caption)]


def writes(rows):
    """Bytes that clusters write into each other, by what carries them."""
    chosen = measured(rows, "dsm/write_throughput", "bandwidth_sm", pattern="all_to_all")
    if chosen.empty:
        return []
    largest = chosen[chosen["bytes"] == chosen["function"].map(_LARGEST)]
    panels = []
    if len(largest):
        pictured = [
            replace(one, label=_FUNCTIONS[function])
            for function, part in largest.groupby("function")
            for one in series(part, x="cluster_size")
        ]
        svg = lines(
            pictured,
            x=Scale(label="blocks per cluster", log=True),
            y=Scale(label="bytes per clock and SM", start=0),
            alt="Bytes written into distributed shared memory, all to all, by cluster size",
        )
        panels.append(Panel(svg=svg, caption="Written all to all by 16 warps per SM, until the last byte has arrived."))
    patterns = measured(rows, "dsm/write_throughput", "bandwidth_sm")
    patterns = patterns[patterns["bytes"] == patterns["function"].map(_LARGEST)]
    if patterns["pattern"].nunique() > 1:
        pictured = [
            replace(one, label=f"{str(pattern).replace('_', ' ')}, {function.replace('_', '.')}")
            for (pattern, function), part in patterns[patterns["function"] != "st_async"].groupby(
                ["pattern", "function"]
            )
            for one in series(part, x="cluster_size")
        ]
        if pictured:
            svg = lines(
                pictured,
                x=Scale(label="blocks per cluster", log=True),
                y=Scale(label="bytes per clock and SM", start=0),
                alt="Bytes written into distributed shared memory by pattern and cluster size",
                wide=True,
            )
            caption = "By pattern; all to one and broadcast as bytes per clock of every SM of the cluster."
            panels.append(Panel(svg=svg, caption=caption, wide=True))
    sizes = chosen[chosen["function"] == "bulk"]
    if sizes["bytes"].nunique() > 1:
        svg = lines(
            series(sizes, x="bytes", by=["cluster_size"]),
            x=Scale(label="bytes per copy", unit="B", log=True),
            y=Scale(label="bytes per clock and SM", start=0),
            alt="Bytes that bulk copies write into distributed shared memory by their size",
        )
        most = format_bytes(int(sizes["bytes"].max()))
        panels.append(Panel(svg=svg, caption=f"Bulk copies from shared to shared memory of up to {most}, all to all."))
    return panels
