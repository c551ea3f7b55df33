"""A switch between TAP devices: python switch.py PREFIX PORTS BITS_PER_S DELAY_S. It serves until its parent ends.

Each port sends at the given rate, and what it sent arrives after the delay, as over a cable. The kernel's own
shaping is not everywhere to be had, and a token bucket distorts both.
"""

from __future__ import annotations

import collections
import ctypes
import fcntl
import os
import select
import signal
import struct
import sys
import time

_TUNSETIFF, _TAP_WITHOUT_HEADER = 0x400454CA, 0x1002
_PREAMBLE_AND_GAP = 24  # bytes on the wire around a frame of Ethernet, its checksum included
_SOON_NS = 50_000  # waking up takes about so long: what is due earlier is waited for by asking again
_BURST = 8


def ports(prefix: str, count: int) -> list[int]:
    """A file descriptor per TAP device, which is made."""
    opened = []
    for number in range(count):
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22s", f"{prefix}{number}".encode(), _TAP_WITHOUT_HEADER, b""))
        opened.append(device)
    return opened


def serve(opened: list[int], bits_per_s: float, delay_s: float) -> None:
    """Pass frames on: the last byte of the address that they go to is the number of the port."""
    now, count = time.monotonic_ns, len(opened)
    delay, per_byte = int(delay_s * 1e9), 8e9 / bits_per_s
    under_way: list[collections.deque[tuple[int, int, bytes]]] = [collections.deque() for _ in opened]
    free_at = [0] * count
    while True:
        moved, due = False, now() + 1_000_000_000
        for port, device in enumerate(opened):
            for _ in range(_BURST):
                try:
                    frame = os.read(device, 65536)
                except OSError:
                    break
                free_at[port] = max(now(), free_at[port]) + int((len(frame) + _PREAMBLE_AND_GAP) * per_byte)
                under_way[port].append((free_at[port] + delay, frame[5] if not frame[0] & 1 else count, frame))
                moved = True
            queue = under_way[port]
            while queue and queue[0][0] <= now():
                _, target, frame = queue.popleft()
                moved = True
                for other in [target] if target < count else [n for n in range(count) if n != port]:
                    try:
                        os.write(opened[other], frame)
                    except OSError:  # its queue is full: lost, as on a cable
                        continue
            if queue:
                due = min(due, queue[0][0])
        left = due - now()
        if not moved and left > _SOON_NS:
            select.select(opened, [], [], (left - _SOON_NS) / 1e9)


def main() -> None:
    """Make the ports, say so, serve."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    prefix, count, rate, delay = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
    opened = ports(prefix, count)
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    serve(opened, rate, delay)


if __name__ == "__main__":
    main()
