"""Words between a runner and the processes that it has started: one JSON object per line over a socket."""

from __future__ import annotations

import json
import socket
import time
from typing import Any


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
