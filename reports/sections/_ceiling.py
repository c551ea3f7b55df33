"""How close rows came to the limit that they carry, and that limit as a line in a figure."""

from gridstone.figure import Limit
from gridstone.report import percent


def share(row):
    """` (83 % of NVLink)`, or nothing where no limit is known."""
    known = row["limit"] == row["limit"]
    return f" ({percent(row['value'] / row['limit'])} of {row['limit_kind']})" if known else ""


def ceiling(rows):
    """The highest limit of the rows, for a figure: of several they lie so close that their names would cross."""
    known = rows[rows["limit"].notna()]
    if known.empty:
        return []
    highest = known.loc[known["limit"].idxmax()]
    return [Limit(label=str(highest["limit_kind"]), y=float(highest["limit"]))]
