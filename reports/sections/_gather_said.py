"""What the section on gathers says in words: the line model, ratios to the host's way, and what fills the link."""

from pathlib import Path

from gridstone.content import load_module
from gridstone.model.lines import LINE
from gridstone.report import amount, best, listing, measured, percent, trusted
from gridstone.units import format_bytes

_lines, _graph = (load_module(Path(__file__).with_name(f"_gather_{name}.py")) for name in ("lines", "graph"))
_ENOUGH = 0.99
_BOUND = 0.5  # of the best: what stays below is bound by how much is under way
_POWERS = [1 << power for power in range(6, 15)]  # shorter rows are held up by how many requests may be under way
_RATIO_ROWS = (32, 128, 512, 2048, 8192)
_MUCH = 4 << 30  # the table of the host's gathers; those in place are out of less, but for gather/distribution
_MUCH_SAID = format_bytes(_MUCH)


def out_of_much(rows):
    """Gathers in place of random rows out of as large a table as the host gathers from."""
    chosen = measured(rows, "gather/distribution", "bandwidth", distribution="uniform")
    return chosen[chosen["footprint"] == _MUCH] if len(chosen) else chosen


def lead(rows):
    """All that the section says below its heading."""
    words, law = [], _lines.law(rows)
    ratios = _ratios(rows)
    if ratios:
        words.append(f"In place over gathered by the host and copied, out of {_MUCH_SAID}: {listing(ratios)}.")
    words.append(_lines.reach(rows))
    if law is not None:
        words.append(_lines.said(law))
    words += [_of_contiguous(rows), _graph.gain(rows)]
    words.append(_fills_the_link(rows))
    return " ".join(filter(None, words))


def _of_contiguous(rows):
    """The least that aligned rows of 128 bytes and more reach of rows in order, which are contiguous memory.

    Of what rows in order reach the median over their sizes: that these are cut into rows makes no difference to them.
    """
    in_order = trusted(measured(rows, "gather/distribution", "bandwidth", distribution="sequential"))
    in_order = in_order[in_order["row_bytes"] >= LINE] if len(in_order) else in_order
    aligned = trusted(_lines.in_place(rows))
    aligned = aligned[aligned["align"] == 0] if len(aligned) else aligned
    if in_order.empty or aligned.empty:
        return ""
    contiguous = float(in_order["value"].median())
    whole = aligned[aligned["row_bytes"].isin([size for size in _POWERS if size >= LINE])]
    if whole.empty:
        return ""
    tops = whole.groupby("row_bytes")["value"].max()
    return (
        f"Aligned rows of {LINE} B and more reach at least {100 * float(tops.min()) / contiguous:.1f} % of rows "
        f"that lie in order ({amount(contiguous, 'B/s')})."
    )


def _ratios(rows):
    in_place = out_of_much(rows)
    found = []
    for row_bytes in _RATIO_ROWS:
        top, other = (
            best(in_place[in_place["row_bytes"] == row_bytes]) if len(in_place) else None,
            conventional(rows, row_bytes),
        )
        if top is not None and other is not None:
            found.append(f"{top['value'] / other['value']:.2f} at {format_bytes(row_bytes)}")
    return found


def conventional(rows, row_bytes):
    """The best cell of the host's gather and copy for rows of that size; None where there is none."""
    staged = measured(rows, "gather/staged", "bandwidth")
    return best(staged[staged["row_bytes"] == row_bytes]) if len(staged) else None


def _fills_the_link(rows):
    """How few bytes under way, and how few SMs, are as good as the best of plain loads; and what bounds fewer."""
    chosen = trusted(measured(rows, "gather/in_flight", "bandwidth", method="plain", vector=16))
    if chosen.empty:
        return ""
    top = chosen["value"].max()
    enough = chosen[chosen["value"] >= _ENOUGH * top]
    few, concentrated = enough.loc[_under_way(enough).idxmin()], enough.loc[enough["sms"].idxmin()]
    fewer_sms = f", or no more than {_shape(concentrated)}" if concentrated["sms"] < few["sms"] else ""
    words = (
        f"{percent(_ENOUGH)} of the most that plain loads of 16 bytes reach need {format_bytes(_under_way(few))} under "
        f"way ({_shape(few)}){fewer_sms}."
    )
    bound = chosen[chosen["value"] < _BOUND * top]
    if len(bound) > 2:
        latency = float((_under_way(bound) / bound["value"]).median())
        words += f" Fewer bytes are bound by the {amount(latency, 's')} that a load takes, more by the link."
    return words


def _shape(cell):
    loads = _counted(int(cell["unroll"]), "load")
    return f"{_counted(int(cell['sms']), 'SM')} of {_counted(int(cell['warps']), 'warp')} with {loads} each"


def _under_way(cells):
    return cells["sms"] * cells["warps"] * cells["unroll"] * 32 * cells["vector"]


def _counted(count, thing):
    return f"{count} {thing}{'' if count == 1 else 's'}"
