"""What it costs to start a kernel, a graph of kernels, and to wait for them."""

from gridstone.figure import Dot, Scale, dots, lines
from gridstone.report import Fact, Panel, Section, amount, best, fact, label, measured, series, trusted

FAMILY = "launch"
ORDER = 30
PROBES = ("launch/kernel", "launch/graph", "launch/sync")

_TIME = Scale(label="time", unit="s", start=0)


def section(rows):
    kernel = measured(rows, "launch/kernel", "time")
    submit = best(kernel[kernel["method"] == "submit"]) if len(kernel) else None
    node = _per_node(rows)
    claims = []
    if submit is not None:
        library = label({"library": submit["library"]})
        claims.append(f"An empty kernel costs {amount(submit['value'], 's')} back to back with {library}")
    if node is not None:
        phrase = f"{amount(node.value, 's')} per node of a graph"
        claims.append(phrase if claims else f"A kernel costs {phrase}")
    facts = [node] if node else []
    if submit is not None:
        facts.insert(0, fact("launch_latency_stream", submit))
    return Section(
        heading=", ".join(claims) or "No launch of this run is ok",
        panels=(*_kernels(kernel), *_sync(rows), *_graphs(rows)),
        facts=tuple(facts),
    )


def _per_node(rows):
    """The slope between the smallest and the largest chain of nodes, so that the launch itself cancels."""
    chains = trusted(measured(rows, "launch/graph", "time", method="linear"))
    if len(chains) < 2:
        return None
    chains = chains.sort_values("count")
    first, last = chains.iloc[0], chains.iloc[-1]
    nodes = float(last["count"] - first["count"])
    return Fact(
        quantity="launch_latency_graph",
        value=(last["value"] - first["value"]) / nodes,
        lo=(last["lo"] - first["hi"]) / nodes,
        hi=(last["hi"] - first["lo"]) / nodes,
        n=int(last["n"]),
        unit="s",
        better="lower",
    )


def _kernels(kernel):
    if kernel.empty:
        return []
    svg = dots(_entries(kernel, "method", "library"), x=_TIME, alt="Time to launch an empty kernel by front end")
    caption = "Submit: per launch, back to back. Round trip: from the launch until the host knows that the kernel ran."
    return [Panel(svg=svg, caption=caption)]


def _entries(rows, *names):
    return [
        Dot(
            label=label({name: row[name] for name in names}),
            value=row["value"],
            lo=row["lo"],
            hi=row["hi"],
            group=row[names[0]] if len(names) > 1 else "",
            flawed=row["status"] != "ok",
        )
        for row in rows.sort_values([*names[:-1], "value"]).to_dict("records")
    ]


def _graphs(rows):
    chosen = measured(rows, "launch/graph", "time")
    if chosen.empty:
        return []
    svg = lines(
        series(chosen, x="count", by=["method"]),
        x=Scale(label="nodes", log=True),
        y=Scale(label="time of the whole graph", unit="s", log=True),
        alt="Device time of a graph of empty kernels over its nodes",
    )
    return [Panel(svg=svg, caption="A graph of empty kernels, one after the other or on four branches.")]


def _sync(rows):
    chosen = measured(rows, "launch/sync", "time")
    if chosen.empty:
        return []
    svg = dots(_entries(chosen, "method"), x=_TIME, alt="Host time of one call that records, waits or synchronises")
    return [Panel(svg=svg, caption="Host time of one call on an idle stream.")]
