"""Words between a runner and the processes that it has started: one JSON object per line over a socket."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import queue
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import gridstone
from gridstone.declaration import Unavailable

TOKEN = "GRIDSTONE_RANK_TOKEN"
_PR_SET_PDEATHSIG = 1


class Wire:
    """One end of the socket. hello: what the other end has said of itself, for whoever keeps it there."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.hello: dict[str, Any] = {}
        self._rest = b""
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def say(self, words: dict[str, Any]) -> None:
        """Send an object. Raises OSError where the other end has gone."""
        self.socket.settimeout(None)
        self.socket.sendall(json.dumps(words).encode() + b"\n")

    def hear(self, until: float | None = None) -> dict[str, Any] | None:
        """The next object; None where the other end hung up, said no object, or not all of it by then (monotonic)."""
        while b"\n" not in self._rest:
            self.socket.settimeout(None if until is None else max(0.01, until - time.monotonic()))
            try:
                more = self.socket.recv(1 << 16)
            except OSError:
                return None
            if not more:
                return None
            self._rest += more
        line, self._rest = self._rest.split(b"\n", 1)
        try:
            found = json.loads(line)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    def close(self) -> None:
        """Hang up."""
        self.socket.close()


# What the process at the other end does


def called(host: str, port: int) -> Wire:
    """The wire to the runner that has started this process, which is to end where its parent does."""
    die_with_parent()
    return Wire(socket.create_connection((host, port), timeout=30))


def identity(*files: str) -> dict[str, Any]:
    """What every process says of itself. files: those whose text both ends must have in common."""
    return {
        "token": os.environ.get(TOKEN, ""),
        "revision": revision(*files),
        "host": os.environ.get("SLURMD_NODENAME") or os.uname().nodename,
        "boot": _boot(),
        "pid": os.getpid(),
    }


def revision(*files: str) -> str:
    """What both ends must agree on: the version, and the text of these files and of this one."""
    text = b"".join(Path(file).read_bytes() for file in (__file__, *files))
    return f"{gridstone.__version__}-{hashlib.sha256(text).hexdigest()[:12]}"


def serve(
    wire: Wire,
    server: Any,
    *,
    failed: Callable[[], object] = lambda: None,
    leaving: Callable[[], object] = lambda: None,
) -> NoReturn:
    """Call the methods of `server` that the runner names, and answer what they return, until it hangs up.

    Then this process ends, whatever it is doing: what it waits for may never let it go. failed: called after a method
    has raised, once that is said; leaving: before the end.
    """
    waiting: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(wire, waiting, leaving), daemon=True).start()
    while True:
        words = waiting.get()
        try:
            wire.say({"answer": getattr(server, words.pop("do"))(**words)})
        except BaseException as error:
            wire.say(fault(error))
            failed()


def fault(error: BaseException) -> dict[str, Any]:
    """What is said of an error; all of it is printed."""
    traceback.print_exc()
    sys.stderr.flush()
    text = str(error).strip().split("\n")[0]
    return {"error": f"{type(error).__name__}: {text}", "unavailable": text if isinstance(error, Unavailable) else None}


def die_with_parent() -> None:
    """Be killed when the process ends that has started this one."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _listen(wire: Wire, waiting: queue.SimpleQueue[dict[str, Any]], leaving: Callable[[], object]) -> None:
    try:
        while (words := wire.hear()) is not None:
            waiting.put(words)
        leaving()
    finally:
        os._exit(1)


def _boot() -> str:
    """Differs between machines, whose clocks differ, and not between containers on one."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return os.uname().nodename
