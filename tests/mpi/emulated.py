"""Hosts emulated on this machine: network namespaces with a shaped network, and another one to manage them by."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

_HERE = Path(__file__).parent
_TOOLS = ("ip", "nsenter", "unshare", "hostname")
_HOST, _PORT, _MANAGED, _BRIDGE = "gsh", "gsp", "gsm", "gsbr"
_ALONE = Path("/run/gridstone-emulated-hosts.lock")
MANAGER = "10.78.0.254"


def missing() -> str | None:
    """Why no host can be emulated here."""
    if os.geteuid() != 0:
        return "emulated hosts need root"
    lacking = [tool for tool in _TOOLS if shutil.which(tool, path=_path()) is None]
    if lacking:
        return f"emulated hosts need {', '.join(lacking)} (iproute2, util-linux)"
    if not Path("/dev/net/tun").exists():
        return "emulated hosts need /dev/net/tun"
    return None


@contextmanager
def hosts(count: int, bits_per_s: float, delay_s: float, mtu: int = 9000) -> Iterator[list[str]]:
    """The names of `count` hosts on a switch of that rate and delay each way. They are gone afterwards.

    One network at a time: its addresses are this machine's, and what a run that was killed has left is removed first.
    """
    with FileLock(_ALONE):
        yield from _made(count, bits_per_s, delay_s, mtu)


def _made(count: int, bits_per_s: float, delay_s: float, mtu: int) -> Iterator[list[str]]:
    _remove()
    command = [sys.executable, str(_HERE / "switch.py"), _PORT, str(count), str(bits_per_s), str(delay_s)]
    switch = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert switch.stdout is not None and switch.stdout.readline() == b"ready\n"
        _ip("link add", _BRIDGE, "type bridge")
        _ip("addr add", f"{MANAGER}/24 dev", _BRIDGE)
        _ip("link set", _BRIDGE, "up")
        for number in range(count):
            _add(number, mtu)
        yield [f"{_HOST}{number}" for number in range(count)]
    finally:
        switch.kill()
        switch.wait()
        _remove()


def launch(names: list[str]) -> str:
    """GRIDSTONE_MPI_LAUNCH for MPICH on these hosts."""
    shell = f"-launcher ssh -launcher-exec {_HERE / 'on_emulated_host'}"
    return f"{{mpiexec}} {shell} -hosts {','.join(names)} -localhost {MANAGER} -ppn 1 -n {{ranks}}"


def _add(number: int, mtu: int) -> None:
    host, port, managed = f"{_HOST}{number}", f"{_PORT}{number}", f"{_MANAGED}{number}"
    _ip("netns add", host)
    _ip("-n", host, "link set lo up")
    _ip("link set", port, f"address 02:00:00:00:00:{number:02x} mtu {mtu} txqueuelen 20000")
    _ip("link set", port, f"netns {host} name eth0")
    _ip("-n", host, f"addr add 10.77.0.{number + 1}/24 dev eth0")
    _ip("-n", host, "link set eth0 up")
    _ip("link add", managed, f"type veth peer name mgmt0 netns {host}")
    _ip("link set", managed, "master", _BRIDGE, "up")
    _ip("-n", host, f"addr add 10.78.0.{number + 1}/24 dev mgmt0")
    _ip("-n", host, "link set mgmt0 up")
    settings = ("slow_start_after_idle", "0"), ("no_metrics_save", "1")
    for name, value in settings:
        command = ["nsenter", f"--net=/run/netns/{host}", "sh", "-c", f"echo {value} > /proc/sys/net/ipv4/tcp_{name}"]
        subprocess.run(command, check=True)


def _remove() -> None:
    for entry in Path("/run/netns").glob(f"{_HOST}[0-9]*"):
        _ip("netns del", entry.name)
    for device in Path("/sys/class/net").glob(f"{_MANAGED}[0-9]*"):  # they go by themselves, if late
        subprocess.run(["ip", "link", "del", device.name], stderr=subprocess.DEVNULL)
    if Path(f"/sys/class/net/{_BRIDGE}").exists():
        _ip("link del", _BRIDGE)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *" ".join(words).split()], check=True, env=os.environ | {"PATH": _path()})


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
