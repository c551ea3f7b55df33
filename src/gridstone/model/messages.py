"""What a collective of ranks takes: messages, whose times are known, and what grows evenly with ranks and bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridstone.model.interpolate import Table, evaluate


@dataclass(frozen=True, kw_only=True)
class Messages:
    """What a message between two of the ranks takes: rising sizes in bytes, and seconds; straight lines in between."""

    sizes: tuple[float, ...]
    seconds: tuple[float, ...]

    def time(self, size: Table) -> Table:
        """(k,): seconds of a message of `size` bytes (k,); one below the smallest that was measured takes as long."""
        knots = np.column_stack([self.sizes, self.seconds, np.zeros(len(self.sizes))])
        return evaluate(knots, np.maximum(size, self.sizes[0])[:, None], "affine")


# What ranks may spend their time on, by name: of ranks (k,), bytes (k,) and what a message takes.
_TERMS: Mapping[str, Callable[[Table, Table, Messages], Table]] = {
    "rank": lambda ranks, size, _: ranks,
    "round": lambda ranks, size, _: np.log2(ranks),  # libraries differ in what they do of 3 ranks, or of 5: on average
    "bytes": lambda ranks, size, _: size,
    "bytes_of_all": lambda ranks, size, _: ranks * size,  # through a memory or a link that all of them share
    "message": lambda ranks, size, messages: messages.time(size),
    "message_a_round": lambda ranks, size, messages: np.log2(ranks) * messages.time(size),  # a tree
    "message_of_each": lambda ranks, size, messages: (ranks - 1) * messages.time(size),  # a star
    "part_of_each": lambda ranks, size, messages: (ranks - 1) * messages.time(size / ranks),  # a ring
}
ALONE = ("rank", "round", "bytes", "bytes_of_all")
"""The terms where nothing is known of messages."""
WITH_MESSAGES = ("rank", "round", "bytes_of_all", "message", "message_a_round", "message_of_each", "part_of_each")


def spent(terms: tuple[str, ...], x: Table, messages: Messages | None) -> Table:
    """(k, terms): each term at ranks and bytes `x` (k, 2), in seconds or as a count. messages: None for ALONE."""
    known = messages or Messages(sizes=(1.0,), seconds=(1.0,))
    return np.column_stack([_TERMS[name](x[:, 0], x[:, 1], known) for name in terms])


@dataclass(frozen=True, kw_only=True)
class Steps:
    """The course of a collective over ranks and bytes: terms that are spent one after the other.

    Messages down a tree, to each of the others, or in parts round a ring are what collectives are made of (Thakur,
    Rabenseifner and Gropp, 2005). weights: how many of them, and for what is no message, seconds; all positive.
    """

    weights: Mapping[str, float]
    messages: Messages | None

    def at(self, x: Table) -> Table:
        """(k,): seconds at ranks and bytes `x` (k, 2)."""
        weights = np.array(list(self.weights.values()))
        return np.asarray(spent(tuple(self.weights), x, self.messages) @ weights)

    def record(self) -> dict[str, Any]:
        """As model.json keeps it."""
        messages = {"sizes": [], "seconds": []} if self.messages is None else vars(self.messages)
        return {"weights": dict(self.weights), "messages": {name: list(values) for name, values in messages.items()}}


def steps(record: Mapping[str, Any]) -> Steps:
    """What `Steps.record` wrote. Raises TypeError or KeyError where something is missing or cannot be."""
    sizes, seconds = (tuple(map(float, record["messages"][name])) for name in ("sizes", "seconds"))
    weights = {str(name): float(weight) for name, weight in record["weights"].items()}
    unknown = weights.keys() - set(WITH_MESSAGES if sizes else ALONE)
    if unknown or not weights or not all(0 < weight < np.inf for weight in weights.values()):
        raise TypeError(f"steps of a collective with the weights {weights}")
    rising = len(sizes) == len(seconds) and bool((np.diff([0.0, *sizes]) > 0).all())
    if not rising or not all(0 < one < np.inf for one in (*sizes, *seconds)):
        raise TypeError(f"messages of {len(sizes)} sizes and {len(seconds)} times that do not belong together")
    return Steps(weights=weights, messages=Messages(sizes=sizes, seconds=seconds) if sizes else None)
