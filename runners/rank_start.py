"""Processes that are to measure together: started, met where they call, and ended, whatever they are doing."""

from __future__ import annotations

import contextlib
import os
import secrets
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gridstone import content, ranks
from gridstone.declaration import Unavailable

_wires = content.load_module(Path(__file__).with_name("wire.py"))
_TURN_S = 0.5
_LEAVE_S, _STOP_S = 1.0, 2.0  # for those whose wire is closed, and for those that were told to end
_MOST = 300
_TELLING = ("rror", "signal", "Signal", "WARN")


class RankFailed(RuntimeError):
    """A rank died, did not answer, or was never started; the message says which and what it printed."""


class Started:
    """Processes, and the file that all of them print to. name: what each is, in a message."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `end`)
        self._folder = tempfile.TemporaryDirectory(prefix="gridstone-", ignore_cleanup_errors=True)
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, words: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start one more. Raises RankFailed where there is no such command."""
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=self._said,
                stderr=self._said,
                env={**environment, **ranks.in_folder(self._folder.name)},
                preexec_fn=_wires.die_with_parent,
            )
        except OSError as error:
            raise RankFailed(f"{words[0]} cannot be started: {error.strerror}") from error
        self.processes.append(process)

    def ended(self) -> int | None:
        """The exit code of the first that has ended, None while all are there."""
        return next((p.returncode for p in self.processes if p.poll() is not None), None)

    def told(self, what: str) -> str:
        """What happened, and the most telling of what the processes printed. All of it goes to the log."""
        until = time.monotonic() + _LEAVE_S
        while self.ended() is None and time.monotonic() < until:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.processes[0].wait(_TURN_S / 10)  # so that it has had its say
        self._said.seek(0)
        text = self._said.read().decode(errors="replace")
        sys.stderr.write(text)
        lines = [line.strip() for line in text.splitlines() if any(c.isalnum() for c in line)]
        telling = [line for line in lines if any(word in line for word in _TELLING)] or lines
        return f"{what}: {telling[-1][:_MOST]}" if telling else what

    def end(self) -> None:
        """End them, whatever they are doing: those that do not leave by themselves, nor when told to, are killed."""
        self._wait(_LEAVE_S)
        for number, patience in ((signal.SIGTERM, _STOP_S), (signal.SIGKILL, None)):
            for process in self.processes:
                if process.poll() is None:
                    process.send_signal(number)
            self._wait(patience)
        self._said.close()
        self._folder.cleanup()

    def _wait(self, allowed: float | None) -> None:
        until = None if allowed is None else time.monotonic() + allowed
        for process in self.processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(None if until is None else max(0.0, until - time.monotonic()))


class Meeting:
    """Where processes call, and those that were met.

    words: what they are told of it; environment: and by which token they are known.
    """

    def __init__(self) -> None:
        away, told = ranks.elsewhere(), os.environ.get("GRIDSTONE_MPI_ADDRESS")
        self._token = secrets.token_hex(16)
        self.met: list[Any] = []
        self._listener = socket.create_server((told or ("" if away else "127.0.0.1"), 0))
        address = told or (socket.gethostname() if away else "127.0.0.1")
        self.words = [address, str(self._listener.getsockname()[1])]
        self.environment = {_wires.TOKEN: self._token}

    def callers(self, size: int, started: Started, within_s: float) -> Iterator[Any]:
        """The wire of each of `size` processes as it calls, with its `hello`.

        Raises RankFailed where one ends or not all call in time.
        """
        until = time.monotonic() + within_s
        with selectors.DefaultSelector() as ready:
            ready.register(self._listener, selectors.EVENT_READ)
            try:
                while len(self.met) < size:
                    code = started.ended()
                    if code is not None and not ready.select(0):  # its last words come first
                        raise RankFailed(started.told(f"{started.name} ended with exit code {code}"))
                    if time.monotonic() > until:
                        raise RankFailed(
                            started.told(f"{len(self.met)} of {size} ranks were there within {within_s:g} s")
                        )
                    for key, _ in ready.select(_TURN_S):
                        if key.data is None:
                            wire = _wires.Wire(self._listener.accept()[0])
                            ready.register(wire.socket, selectors.EVENT_READ, wire)  # it may say who it is much later
                            continue
                        ready.unregister(key.fileobj)
                        if self._is_ours(key.data):
                            self.met.append(key.data)
                            yield key.data
                        else:  # a stranger, or it died while it started: that is noticed above
                            key.data.close()
            finally:
                for key in list(ready.get_map().values()):
                    if key.data is not None:
                        key.data.close()

    def _is_ours(self, wire: Any) -> bool:
        """Whether a process that has spoken shows the token. Keeps what it says of itself."""
        wire.hello = wire.hear(time.monotonic() + _TURN_S) or {}
        return secrets.compare_digest(str(wire.hello.get("token", "")).encode(), self._token.encode())

    def close(self) -> None:
        """Nobody else is to call."""
        self._listener.close()


def began(hello: Mapping[str, Any], name: str) -> None:
    """Raises what a process says that could not begin, before its end is noticed."""
    if hello.get("unavailable") or hello.get("error"):
        kind = Unavailable if hello.get("unavailable") else RankFailed
        raise kind(f"{name} on {hello['host']}: {hello['unavailable'] or hello['error']}")
