"""The real workload: features of mini-batches of a sampled graph, by method, alone and beside matrix products."""

from gridstone.figure import Dot, Scale, dots
from gridstone.model.lines import METHODS
from gridstone.report import Panel, amount, label, listing, measured, percent, trusted
from gridstone.units import format_bytes

_PUBLISHED = (0.65, 0.92)  # how much faster whole training went with rows read in place
_METRICS = ("time", "time_products", "time_both", "time_epoch", "hidden")


def panels(rows):
    """Data time of a mini-batch by method, and the share of it that the products of the batch before hide."""
    chosen = measured(rows, "gather/epoch", "time")
    if chosen.empty:
        return []
    hidden = measured(rows, "gather/epoch", "hidden").set_index("cell_id")["value"].to_dict()
    made = []
    for bits in sorted(chosen["bits"].unique(), reverse=True):
        of_graph = chosen[chosen["bits"] == bits]
        entries = [
            Dot(
                label=label({"method": row["method"]})
                + (f", {percent(hidden[row['cell_id']])} hidden" if row["cell_id"] in hidden else ""),
                value=row["value"],
                lo=row["lo"],
                hi=row["hi"],
                flawed=row["status"] != "ok",
            )
            for row in of_graph.sort_values("value").to_dict("records")
        ]
        svg = dots(
            entries, x=Scale(label="time per mini-batch", unit="s"), alt="Time to bring the features of a mini-batch"
        )
        caption = (
            f"Features of two sampled layers of an R-MAT graph of {_graph(of_graph)}; hidden: the share of that time "
            "in which the matrix products of the batch before run too."
        )
        made.append(Panel(svg=svg, caption=caption))
    return made


def _graph(cells):
    vertices = 1 << int(cells["bits"].iloc[0])
    size = format_bytes(int(cells["row_bytes"].iloc[0]) * vertices)
    return f"{vertices / 1e6:.0f} million vertices out of {size}"


def gain(rows):
    """What reading in place gains on the features of mini-batches, and on training, beside what was published."""
    cells = _by_method(rows)
    in_place = [name for name in METHODS if name in cells]
    if "staged" not in cells or not in_place:
        return ""
    way = min(in_place, key=lambda name: cells[name]["time"])
    near, far = cells[way], cells["staged"]
    words = [
        f"Features of a mini-batch of a graph come {percent(far['time'] / near['time'] - 1)} faster in place "
        f"({label({'method': way})}) than through the host; an epoch with every vertex a seed once takes "
        f"{amount(near['time_epoch'], 's')} of them in place, {amount(far['time_epoch'], 's')} through the host."
    ]
    products = near["time_products"]
    in_turn = (far["time"] + products) / (near["time"] + products) - 1
    words.append(
        f"With products of {amount(products, 's')} a batch, training would gain {percent(in_turn)} where data and "
        f"products take turns and {percent(far['time_both'] / near['time_both'] - 1)} where they overlap."
    )
    wanted = [(far["time"] - (1 + share) * near["time"]) / share for share in _PUBLISHED]
    published = f"Published are {100 * _PUBLISHED[0]:.0f} to {percent(_PUBLISHED[1])} for whole training"
    if min(wanted) > 0:
        times = listing([amount(value, "s") for value in sorted(wanted)])
        words.append(f"{published}: what these data times give where a batch's other work takes {times}.")
    else:
        words.append(f"{published}, more than these data times give beside any other work.")
    return " ".join(words)


def _by_method(rows):
    """The ok values of the largest graph: by method, then by metric."""
    found = {}
    for metric in _METRICS:
        cells = trusted(measured(rows, "gather/epoch", metric))
        for row in cells[cells["bits"] == cells["bits"].max()].to_dict("records") if len(cells) else []:
            found.setdefault(row["method"], {})[metric] = float(row["value"])
    return {name: values for name, values in found.items() if len(values) == len(_METRICS)}
