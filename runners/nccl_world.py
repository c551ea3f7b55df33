"""One process per GPU, on this host or on those of a Slurm job, spoken to over one socket each, gone with this one."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import selectors
import shlex
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
_wires, _rank = (content.load_module(_here.with_name(f"{name}.py")) for name in ("wire", "nccl_rank"))
_PR_SET_PDEATHSIG = 1
_START_S = 50.0  # of the 60 that a runner may take
_STALL_S = 40.0  # less than a cell's time, so that it can be said which rank did not answer
_TURN_S = 0.5
_CLOCK_ROUNDS = 20
_MOST = 300
_libc = ctypes.CDLL(None)


class RankFailed(RuntimeError):
    """A rank died, did not answer, or was never started; the message says which and what it printed."""


class World:
    """The GPUs' processes, waiting for work. device: the file with the `Device` that each of them opens."""

    def __init__(self, gpus: int, device: Path, variables: Mapping[str, str]) -> None:
        self.communicators: dict[str, list[int]] = {}
        self.skew: list[float] = []
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        self._started: list[subprocess.Popen[bytes]] = []
        self._wires: list[Any] = []
        self._hellos: list[dict[str, Any]] = []
        self._broken = False
        away, token = ranks.elsewhere(), secrets.token_hex(16)
        size = ranks.places(gpus) if away else gpus
        told = os.environ.get("GRIDSTONE_MPI_ADDRESS")
        listener = socket.create_server((told or ("" if away else "127.0.0.1"), 0))
        address = told or (socket.gethostname() if away else "127.0.0.1")
        words = [sys.executable, str(_here.with_name("nccl_rank.py")), address, str(listener.getsockname()[1])]
        words.append(str(device))
        environment = os.environ | dict(variables) | {_rank.TOKEN: token}
        try:
            with listener:
                if away:  # on other hosts the GPUs have other names, and Slurm says which are whose
                    environment.pop("CUDA_VISIBLE_DEVICES", None)
                    self._start([*_launcher(size), *words], environment)
                else:
                    for place in range(size):
                        self._start([*words, str(place)], environment)
                self._welcome(listener, token, size)
            self._check()
        except BaseException:
            self.close()
            raise

    def members(self, count: int, tier: str) -> list[int]:
        """Ranks of one host by the places of their GPUs, or for tier `network` spread evenly over the hosts.

        Raises Unavailable where there are not as many.
        """
        by_host: dict[str, list[int]] = {}
        for number, hello in enumerate(self._hellos):
            by_host.setdefault(str(hello["host"]), []).append(number)
        hosts = list(by_host.values())
        if tier != "network":
            found = max(hosts, key=len)[:count]
        elif len(hosts) < 2:
            raise Unavailable(f"all GPUs are on one host, {next(iter(by_host))}: start ranks on several")
        else:
            found = [group[turn] for turn in range(len(self._wires)) for group in hosts if turn < len(group)][:count]
        if len(found) < count:
            where = f"{len(hosts)} hosts" if tier == "network" else "one host"
            raise Unavailable(f"needs {count} GPUs on {where}, there are {len(found)}")
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

    def close(self) -> None:
        """End the ranks, whatever they are doing."""
        for wire in self._wires:
            wire.close()
        for process in self._started:
            process.kill()
        for process in self._started:
            process.wait()
        self._said.close()

    def _start(self, words: list[str], environment: Mapping[str, str]) -> None:
        started = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._said,
            env=environment,
            preexec_fn=_die_with_parent,
        )
        self._started.append(started)

    def _welcome(self, listener: socket.socket, token: str, size: int) -> None:
        """Wait until every rank has called; they are numbered by host and GPU."""
        called: list[tuple[dict[str, Any], Any]] = []
        until = time.monotonic() + _START_S
        listener.settimeout(_TURN_S)
        while len(called) < size:
            ended = [process.returncode for process in self._started if process.poll() is not None]
            if ended:
                raise RankFailed(self._told(f"a rank ended with exit code {ended[0]} before it was there"))
            if time.monotonic() > until:
                raise RankFailed(self._told(f"{len(called)} of {size} ranks were there within {_START_S:g} s"))
            try:
                connected, _ = listener.accept()
            except TimeoutError:
                continue
            wire = _wires.Wire(connected)
            self._wires.append(wire)
            hello = wire.hear(until)
            if hello is None or not secrets.compare_digest(str(hello.get("token", "")), token):
                self._wires.pop().close()
                continue
            if hello.get("unavailable") or hello.get("error"):
                kind = Unavailable if hello.get("unavailable") else RankFailed
                raise kind(f"GPU {hello['place']} on {hello['host']}: {hello['unavailable'] or hello['error']}")
            called.append((hello, wire))
        called.sort(key=lambda one: (str(one[0]["host"]), int(one[0]["place"])))
        self._hellos, self._wires = [hello for hello, _ in called], [wire for _, wire in called]

    def _check(self) -> None:
        """All ranks run this gridstone and one NCCL, on GPUs of one model, each on its own."""
        ours = _rank.revision()
        for number, hello in enumerate(self._hellos):
            if hello["revision"] != ours:
                raise RankFailed(
                    f"rank {number} on {hello['host']} runs gridstone {hello['revision']}, this is {ours}: "
                    "install the same version on every host"
                )
            for what, name in (("gpu", "GPU"), ("nccl", "NCCL")):
                if hello[what] != self._hellos[0][what]:
                    raise Unavailable(
                        f"rank {number} on {hello['host']} has another {name} than rank 0: {hello[what]} and "
                        f"{self._hellos[0][what]}; measure those of one kind by themselves"
                    )
        if len({hello["uuid"] for hello in self._hellos}) < len(self._hellos):
            raise Unavailable("two ranks would share a GPU, which NCCL refuses: start one rank per GPU")
        self.skew = [0.0] * len(self._hellos)
        if len({hello["boot"] for hello in self._hellos}) > 1:
            self.skew = [self._skew(number) for number in range(len(self._hellos))]

    def _skew(self, number: int) -> float:
        """Seconds that a rank's clock is ahead of this one's, by the fastest of some round trips (Cristian)."""
        best, ahead = float("inf"), 0.0
        for _ in range(_CLOCK_ROUNDS):
            sent = time.perf_counter()
            (there,) = self.ask([number], "now")
            back = time.perf_counter()
            if back - sent < best:
                best, ahead = back - sent, there - (sent + back) / 2
        return ahead

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
                    silent = ", ".join(str(n) for n in members if n not in answers)
                    raise RankFailed(f"of {len(members)} ranks no answer within {_STALL_S:g} s from {silent}")
                for key, _ in ready.select(min(left, _TURN_S)):
                    number = key.data
                    answer = self._wires[number].hear(until)
                    if answer is None:
                        host = self._hellos[number]["host"]
                        raise RankFailed(self._told(f"rank {number} of {len(members)} on {host} died"))
                    if answer.get("unavailable") is not None:
                        raise Unavailable(answer["unavailable"])
                    if "error" in answer:
                        raise RankFailed(f"rank {number} of {len(members)}: {answer['error']}")
                    answers[number] = answer["answer"]
                    ready.unregister(self._wires[number].socket)
        return [answers[number] for number in members]

    def _told(self, what: str) -> str:
        """What happened, and the most telling of what the ranks printed. All of it goes to the log."""
        self._said.seek(0)
        text = self._said.read().decode(errors="replace")
        sys.stderr.write(text)
        lines = [line.strip() for line in text.splitlines() if any(c.isalnum() for c in line)]
        telling = [line for line in lines if "rror" in line or "WARN" in line] or lines
        return f"{what}: {telling[-1][:_MOST]}" if telling else what


def _launcher(size: int) -> list[str]:
    """What starts `size` processes of the words that follow it on the hosts of a job."""
    told = os.environ.get("GRIDSTONE_MPI_LAUNCH")
    if told:
        mpiexec = next((str(one.mpiexec) for one in ranks.installations().values()), "mpiexec")
        return [word.replace("{mpiexec}", mpiexec).replace("{ranks}", str(size)) for word in shlex.split(told)]
    return ["srun", "--kill-on-bad-exit=1", "-n", str(size)]


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
