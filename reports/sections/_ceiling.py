"""How close rows came to the limit that they carry, and that limit as a line in a figure."""

from gridstone.figure import Limit
from gridstone.report import percent


def share(row):
    """` (83 % of NVLink)`, or nothing where no limit is known."""
    known = row["limit"] == row["limit"]
    return f" ({percent(row['value'] / row['limit'])} of {row['limit_kind']})" if known else ""


def ceiling(rows):
    """The limit of the first row that has one, for a figure."""
    known = rows[rows["limit"].notna()]
    return [Limit(label=str(known["limit_kind"].iloc[0]), y=float(known["limit"].iloc[0]))] if len(known) else []
