"""One of n equal shares of a request, so that n machines or n jobs measure it together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from gridstone.errors import UsageError

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Shard:
    """Share `index` of `count`, counted from 1."""

    index: int = 1
    count: int = 1

    def of(self, items: Sequence[T]) -> list[T]:
        """Every `count`-th item: the shares are disjoint, complete, and differ by one item at most."""
        return list(items[self.index - 1 :: self.count])


def parse_shard(text: str) -> Shard:
    """`2/4` as the second of four shares. Raises UsageError."""
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise UsageError(f"--shard {text}: write i/n with i from 1 to n, such as 1/4")
    return Shard(index=int(match[1]), count=int(match[2]))
