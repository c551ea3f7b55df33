"""Ranks: started by mpiexec, spoken to over one socket each, gone when this process is, however it ends."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gridstone import content, ranks
from gridstone.declaration import Unavailable

_here = Path(__file__)
_rank, _wires = (content.load_module(_here.with_name(f"{name}.py")) for name in ("mpi_rank", "wire"))
PLACEMENT = _rank.PLACEMENT
_PR_SET_PDEATHSIG = 1
_START_S = 25.0  # of the 60 that a runner may take, for two libraries
_STALL_S = 40.0  # less than a cell's time, so that it can be said which rank did not answer
_TURN_S = 0.5
_MOST = 300
_libc = ctypes.CDLL(None)


class RankFailed(RuntimeError):
    """A rank died, did not answer, or was never started; the message says which and what MPI said."""


class World:
    """`size` ranks of one MPI library that wait for work."""

    def __init__(
        self, installation: ranks.Installation, size: int, cores: int, more: Mapping[str, str] | None = None
    ) -> None:
        """more: further variables of their environment."""
        self.library, self.size = installation.library, size
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        self._peers: dict[int, Any] = {}
        self._broken = False
        token = secrets.token_hex(16)
        away = ranks.elsewhere()
        told = os.environ.get("GRIDSTONE_MPI_ADDRESS")
        listener = socket.create_server((told or ("" if away else "127.0.0.1"), 0))
        address = told or (socket.gethostname() if away else "127.0.0.1")
        words = [sys.executable, str(_here.with_name("mpi_rank.py")), address, str(listener.getsockname()[1])]
        given = os.environ | installation.variables(size, cores) | dict(more or {}) | {_rank.TOKEN: token}
        self._mpiexec = subprocess.Popen(
            [*installation.command(size, cores, given), *words],
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._said,
            env=given,
            preexec_fn=_die_with_parent,
        )
        try:
            with listener:
                self._welcome(listener, token)
            self._check()
        except BaseException:
            self.close()
            raise

    @property
    def clocks(self) -> bool:
        """Whether the ranks are on machines with clocks of their own."""
        return len({peer.hello["boot"] for peer in self._peers.values()}) > 1

    def members(self, count: int, tier: str) -> list[int]:
        """Ranks that talk over a tier: all on one host (`node`, `gpu`), or spread evenly over the hosts (`network`).

        Raises Unavailable where the ranks were not started so that there are as many.
        """
        by_host: dict[str, list[int]] = {}
        for number, peer in sorted(self._peers.items()):
            by_host.setdefault(str(peer.hello["host"]), []).append(number)
        if tier != "network":
            found = max(by_host.values(), key=len)[:count]
        elif len(by_host) < 2:
            raise Unavailable(f"all ranks are on one host, {next(iter(by_host))}: start them on several")
        else:
            hosts = list(by_host.values())
            found = [group[turn] for turn in range(self.size) for group in hosts if turn < len(group)][:count]
        if len(found) < count:
            where = "one host" if tier != "network" else f"{len(by_host)} hosts"
            raise Unavailable(f"needs {count} ranks on {where}, there are {len(found)}")
        return sorted(found)

    def ask(self, members: Sequence[int], do: str, /, **words: Any) -> list[Any]:
        """Tell some ranks to do something together; the answer of each.

        Raises RankFailed where one dies or does not answer, or reports an error; Unavailable where it reports that.
        After that there is nothing to be had of any of them: they may wait for one another for ever.
        """
        if self._broken:
            return []
        asked = {number: self._peers[number] for number in members}
        for peer in asked.values():
            with contextlib.suppress(OSError):  # its end is noticed below
                peer.say({"do": do, **words})
        self._broken = True
        answers = self._answers(asked)
        self._broken = False
        return [answer["answer"] for answer in answers]

    def close(self) -> None:
        """End the ranks and mpiexec."""
        for peer in self._peers.values():
            peer.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._mpiexec.wait(1.0)
        if self._mpiexec.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self._mpiexec.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._mpiexec.wait(2.0)
        if self._mpiexec.poll() is None:
            self._mpiexec.kill()
            self._mpiexec.wait()
        self._said.close()

    def _welcome(self, listener: socket.socket, token: str) -> None:
        """Wait until every rank has called."""
        until = time.monotonic() + _START_S
        listener.settimeout(_TURN_S)
        while len(self._peers) < self.size:
            if self._mpiexec.poll() is not None:
                raise RankFailed(self._told(f"mpiexec ended with exit code {self._mpiexec.returncode}"))
            if time.monotonic() > until:
                missing = [n for n in range(self.size) if n not in self._peers]
                raise RankFailed(self._told(f"{_named(missing)} did not start within {_START_S:g} s"))
            try:
                connected, _ = listener.accept()
            except TimeoutError:
                continue
            peer = _wires.Wire(connected)
            hello = peer.hear(until)
            if hello is None or not secrets.compare_digest(str(hello.get("token", "")), token):
                peer.close()  # not one of ours, or it died while MPI started: mpiexec will say so
                continue
            peer.hello = hello
            if hello["size"] != self.size:
                peer.close()
                raise RankFailed(
                    f"{self.size} ranks were started by {self._mpiexec.args[0]}, and each found itself one of "  # type: ignore[index]
                    f"{hello['size']}: it is not the mpiexec of the MPI library under mpi4py ({hello['library']})"
                )
            self._peers[int(hello["rank"])] = peer

    def _check(self) -> None:
        """All ranks run this gridstone and the library that was asked for."""
        ours = _rank.revision()
        other = [n for n, peer in sorted(self._peers.items()) if peer.hello["revision"] != ours]
        if other:
            hello = self._peers[other[0]].hello
            raise RankFailed(
                f"{_named(other)} on {hello['host']} run gridstone {hello['revision']}, this is {ours}: "
                "install the same version on every host"
            )
        models = {n: peer.hello["gpu"] for n, peer in sorted(self._peers.items())}
        other = [n for n, model in models.items() if model != models[0]]
        if other:
            raise Unavailable(
                f"{_named(other)} on {self._peers[other[0]].hello['host']} compute on {models[other[0]]}, rank 0 on "
                f"{models[0]}: choose ranks with the same model of GPU (CUDA_VISIBLE_DEVICES, or other hosts)"
            )
        found = str(self._peers[0].hello["library"])
        if ("Open MPI" in found) != (self.library == "openmpi"):
            raise Unavailable(
                f"mpi4py loads {found} where {self.library} was asked for: set MPI4PY_LIBMPI or reinstall it"
            )

    def _answers(self, asked: dict[int, Any]) -> list[dict[str, Any]]:
        """What each of them answers, in order; the first that fails is what went wrong."""
        answers: dict[int, dict[str, Any]] = {}
        until = time.monotonic() + _STALL_S
        with selectors.DefaultSelector() as ready:
            for number, peer in asked.items():
                ready.register(peer.socket, selectors.EVENT_READ, (number, peer))
            while len(answers) < len(asked):
                left = until - time.monotonic()
                if left <= 0:
                    silent = [n for n in asked if n not in answers]
                    raise RankFailed(f"{_named(silent)} did not answer within {_STALL_S:g} s")
                for key, _ in ready.select(min(left, _TURN_S)):
                    number, peer = key.data
                    answer = peer.hear(until)
                    if answer is None:
                        raise RankFailed(self._told(f"rank {number} of {len(asked)} on {peer.hello['host']} died"))
                    if answer.get("unavailable") is not None:
                        raise Unavailable(answer["unavailable"])
                    if "error" in answer:
                        raise RankFailed(f"rank {number} of {len(asked)}: {answer['error']}")
                    answers[number] = answer
                    ready.unregister(peer.socket)
        return [answers[number] for number in asked]

    def _told(self, what: str) -> str:
        """What happened, and the first of what mpiexec and the ranks printed. All of it goes to the log."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._mpiexec.wait(1.0)  # so that it has had its say
        self._said.seek(0)
        text = self._said.read().decode(errors="replace")
        sys.stderr.write(text)
        lines = [line.strip() for line in text.splitlines() if any(c.isalnum() for c in line)]
        telling = [line for line in lines if "rror" in line or "signal" in line.lower()] or lines
        return f"{what}: {telling[-1][:_MOST]}" if telling else what


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _named(numbers: Sequence[int]) -> str:
    return f"rank{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
