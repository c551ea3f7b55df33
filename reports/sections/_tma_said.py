"""What the section on copies that no thread carries says in words and facts."""

from gridstone.report import Fact, amount, best, fact, listing, measured, percent, trusted
from gridstone.units import format_bytes

TIERS = {"l2": "L2", "dram": "DRAM"}
_ENOUGH = 0.99  # of the best load: what comes as close has got there


def lead(rows, loads):
    """The sentences below the heading."""
    return " ".join(filter(None, (_sufficient(rows, loads), _beside_plain(rows), _copied(rows))))


def heading(rows, loads):
    """The claim above the section."""
    top = best(loads)
    if top is not None:
        share = f", {percent(top['value'] / top['limit'])} of its limit" if top["limit"] == top["limit"] else ""
        return f"Bulk copies bring {amount(top['value'], 'B/s')} from DRAM{share}"
    near = _latency(rows, "bulk", "l2")
    if near is not None:
        return f"A bulk copy from L2 takes {near['value']:.0f} cycles"
    law = best(measured(rows, "tma/in_flight", "bandwidth"))
    return f"Reads reach {amount(law['value'], 'B/s')}" if law is not None else "Bulk copies"


def _sufficient(rows, loads):
    """The fewest bytes under way that come within 1 % of the best load, and that bring as much as plain loads do."""
    top = best(loads)
    if top is None:
        return ""
    told = f"Within 1 % of the best, the least under way is {_least(loads, _ENOUGH * top['value'])}."
    plain = best(measured(rows, "tma/in_flight", "bandwidth", method="plain", tier="dram"))
    if plain is None:
        return told
    if top["hi"] < plain["lo"]:
        return f"{told} Plain loads bring more: {amount(plain['value'], 'B/s')}."
    enough = _least(loads, min(plain["value"], top["value"]))
    return f"{told} Plain loads bring {amount(plain['value'], 'B/s')} at most, bulk copies as much from {enough} on."


def _least(loads, rate):
    """The boxes with the fewest bytes under way that bring as much."""
    enough = trusted(loads[loads["value"] >= rate])
    under_way = enough["bytes"] * enough["stages"] * enough["blocks"]
    least = enough.assign(_under_way=under_way).sort_values(["_under_way", "bytes", "stages"]).iloc[0]
    blocks = "one block" if least["blocks"] == 1 else f"{least['blocks']:.0f} blocks"
    boxes = "one box" if least["stages"] == 1 else f"{least['stages']:.0f} boxes"
    return f"{boxes} of {format_bytes(int(least['bytes']))} in {blocks} per SM"


def _beside_plain(rows):
    found = []
    for tier, name in TIERS.items():
        bulk, plain = _latency(rows, "bulk", tier), _latency(rows, "plain", tier)
        if bulk is not None and plain is not None:
            found.append(f"{bulk['value']:.0f} cycles from {name}, where a plain load takes {plain['value']:.0f}")
    return f"A bulk copy of 128 bytes takes {listing(found)}." if found else ""


def _copied(rows):
    top = best(measured(rows, "tma/copy", "bandwidth"))
    if top is None:
        return ""
    share = f", {100 * top['value'] / top['limit']:.1f} % of the limit" if top["limit"] == top["limit"] else ""
    return f"A copy within DRAM reaches {amount(top['value'], 'B/s')}{share}."


def _latency(rows, method, tier):
    """The row of the smallest copy of at least 128 bytes, in as few dimensions as there are."""
    chosen = trusted(measured(rows, "tma/latency", "latency", method=method, tier=tier))
    if chosen.empty:
        return None
    long_enough = chosen[chosen["bytes"] >= 128] if method not in ("plain", "staged", "cp_async") else chosen
    return None if long_enough.empty else long_enough.sort_values(["bytes", "dims"]).iloc[0]


def facts(rows, loads, laws):
    """The quantities that other sections and published values are compared with."""
    for tier in TIERS:
        row, plain = _latency(rows, "bulk", tier), _latency(rows, "plain", tier)
        if row is not None:
            beside = f", a plain load {plain['value']:.4g}" if plain is not None else ""
            yield fact(f"tma_latency_{tier}", row, f"bulk copy of {int(row['bytes'])} bytes{beside}")
    top = best(loads)
    if top is not None:
        how = f"{top['form']}, {format_bytes(int(top['bytes']))} x {int(top['stages'])} x {int(top['blocks'])}"
        yield fact("tma_bandwidth_peak", top, how)
    copied = best(measured(rows, "tma/copy", "bandwidth"))
    if copied is not None:
        yield fact("tma_copy_bandwidth", copied, f"{format_bytes(int(copied['block']))} x {int(copied['stages'])}")
    for (method, tier), law in laws.items():
        if method in ("plain", "bulk"):
            yield Fact(
                quantity=f"little_latency_{tier}_{method}",
                value=law.latency,
                lo=law.latency_lo,
                hi=law.latency_hi,
                n=1,
                unit="cycle",
                better="lower",
                detail=f"from bandwidth over bytes under way; peak {law.peak:.4g} bytes per SM and clock",
            )
