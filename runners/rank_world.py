"""Processes that measure together: asked, chosen by their hosts, and found to be alike."""

from __future__ import annotations

import contextlib
import selectors
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gridstone import content
from gridstone.declaration import Unavailable

_starts = content.load_module(Path(__file__).with_name("rank_start.py"))
_STALL_S = 40.0  # less than a cell's time, so that it can be said which rank did not answer
_TURN_S = 0.5


class Ranks:
    """Processes that have called, by their numbers, and wait for work."""

    def __init__(self, wires: Sequence[Any], started: Any) -> None:
        self._wires, self._started = wires, started
        self._broken = False

    @property
    def hellos(self) -> list[dict[str, Any]]:
        """What each has said of itself."""
        return [wire.hello for wire in self._wires]

    @property
    def clocks(self) -> bool:
        """Whether they are on machines with clocks of their own."""
        return len({hello["boot"] for hello in self.hellos}) > 1

    def members(self, count: int, tier: str, what: str) -> list[int]:
        """Those of one host, or for tier `network` spread evenly over the hosts. what: they are, in a message.

        Raises Unavailable where there are not as many.
        """
        by_host: dict[str, list[int]] = {}
        for number, hello in enumerate(self.hellos):
            by_host.setdefault(str(hello["host"]), []).append(number)
        hosts = list(by_host.values())
        if tier != "network":
            found = max(hosts, key=len)[:count]
        elif len(hosts) < 2:
            raise Unavailable(f"all {what} are on one host, {next(iter(by_host))}: start them on several")
        else:
            found = [group[turn] for turn in range(len(self._wires)) for group in hosts if turn < len(group)][:count]
        if len(found) < count:
            where = f"{len(hosts)} hosts" if tier == "network" else "one host"
            raise Unavailable(f"needs {count} {what} on {where}, there are {len(found)}")
        return sorted(found)

    def ask(self, members: Sequence[int], do: str, /, **words: Any) -> list[Any]:
        """Tell some ranks to do something together; the answer of each, in order.

        Raises RankFailed where one dies or does not answer, or reports an error; Unavailable where it reports that.
        After that there is nothing to be had of any of them: they may wait for one another for ever.
        """
        return self.each(members, do, [words] * len(members))

    def each(self, members: Sequence[int], do: str, words: Sequence[Mapping[str, Any]]) -> list[Any]:
        """The same with other words for each of them."""
        if self._broken:
            return []
        for number, own in zip(members, words, strict=True):
            with contextlib.suppress(OSError):  # its end is noticed below
                self._wires[number].say({"do": do, **own})
        self._broken = True
        answers = self._answers(members)
        self._broken = False
        return answers

    def same_revision(self, ours: str) -> None:
        """Raises RankFailed where one runs another gridstone."""
        other = [n for n, hello in enumerate(self.hellos) if hello["revision"] != ours]
        if other:
            hello, run = self.hellos[other[0]], "run" if len(other) > 1 else "runs"
            raise _starts.RankFailed(
                f"{_named(other)} on {hello['host']} {run} gridstone {hello['revision']}, this is {ours}: "
                "install the same version on every host"
            )

    def alike(self, key: str, what: str) -> None:
        """Raises Unavailable where they differ in something that numbers depend on."""
        found = [hello[key] for hello in self.hellos]
        other = [n for n, one in enumerate(found) if one != found[0]]
        if other:
            raise Unavailable(
                f"{_named(other)} on {self.hellos[other[0]]['host']} {'have' if len(other) > 1 else 'has'} another "
                f"{what} than rank 0: {found[other[0]]} and {found[0]}; measure those of one kind by themselves "
                "(CUDA_VISIBLE_DEVICES, or other hosts)"
            )

    def _answers(self, members: Sequence[int]) -> list[Any]:
        """What each of them answers, in order; the first that fails is what went wrong."""
        answers: dict[int, Any] = {}
        until = time.monotonic() + _STALL_S
        with selectors.DefaultSelector() as ready:
            for number in members:
                ready.register(self._wires[number].socket, selectors.EVENT_READ, number)
            while len(answers) < len(members):
                left = until - time.monotonic()
                if left <= 0:
                    silent = [n for n in members if n not in answers]
                    raise _starts.RankFailed(f"{_named(silent)} did not answer within {_STALL_S:g} s")
                for key, _ in ready.select(min(left, _TURN_S)):
                    number = key.data
                    answer = self._wires[number].hear(until)
                    if answer is None:
                        host = self._wires[number].hello["host"]
                        raise _starts.RankFailed(self._started.told(f"rank {number} of {len(members)} on {host} died"))
                    if answer.get("unavailable") is not None:
                        raise Unavailable(answer["unavailable"])
                    if "error" in answer:
                        raise _starts.RankFailed(f"rank {number} of {len(members)}: {answer['error']}")
                    answers[number] = answer["answer"]
                    ready.unregister(self._wires[number].socket)
        return [answers[number] for number in members]


def _named(numbers: Sequence[int]) -> str:
    return f"rank{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
