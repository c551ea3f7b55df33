"""A Slurm of this test's own: two nodes on this machine, in a folder, as whoever runs it."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_DAEMONS = ("munged", "slurmctld", "slurmd")
_COMMANDS = ("srun", "salloc", "sbatch", "scancel", "sinfo", "squeue")
_START_S = 20.0
_END_S = 15.0

_CONF = """\
ClusterName=gridstone
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=pmi2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
KillWait=1
PluginDir={plugins}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str | None:
    """Why there is no Slurm here."""
    lacking = [name for name in (*_DAEMONS, *_COMMANDS) if _which(name) is None]
    return f"no Slurm: {', '.join(lacking)} missing (apt-get install slurm-wlm munge)" if lacking else None


@contextmanager
def nodes(count: int, folder: Path) -> Iterator[Mapping[str, str]]:
    """The environment in which srun and salloc speak to `count` nodes. Their daemons end afterwards.

    What other tests say of ranks is not in it: in a job the job says.
    """
    running: list[subprocess.Popen[bytes]] = []
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("GRIDSTONE_MPI", "SLURM_"))}
    environment = ours | {"PATH": _path(), "SLURM_CONF": str(folder / "slurm.conf")}
    try:
        folder.chmod(0o755)
        for name in ("state", "spool"):
            (folder / name).mkdir()
        key = folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        _configure(count, folder)
        files = [f"--{name}={folder / f'munge.{name}'}" for name in ("socket", "pid-file", "log-file", "seed-file")]
        munged = [_which("munged"), "--force", "--foreground", f"--key-file={key}", *files]
        running.append(_start(munged, folder, environment))
        _wait(lambda: (folder / "munge.socket").exists(), "munged", folder)
        running.append(_start([_which("slurmctld"), "-D", "-i"], folder, environment))
        for number in range(count):
            (folder / "spool" / f"n{number}").mkdir()
            command = [_which("slurmd"), "-D", "-N", f"n{number}"]
            stepd = _stepd()
            running.append(_start([*command, *(["-d", str(stepd)] if stepd else [])], folder, environment))
        _wait(lambda: _idle(environment) == count, "slurm", folder)
        yield environment
    finally:
        until(lambda: not listed("squeue", "%i", environment), _END_S)
        for process in reversed(running):
            process.terminate()
        for process in running:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        _end_steps(folder)


def _end_steps(folder: Path) -> None:
    """A step that has lost its srun outlives the daemon that began it: end those of this folder."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            began = f"SLURM_CONF={folder / 'slurm.conf'}".encode() in (entry / "environ").read_bytes()
            if began and (entry / "cmdline").read_bytes().startswith(b"slurmstepd"):
                os.kill(int(entry.name), signal.SIGKILL)


def _configure(count: int, folder: Path) -> None:
    host, first = socket.gethostname().split(".")[0], _free_port()
    lines = [f"NodeName=n{n} NodeHostname={host} NodeAddr=127.0.0.1 Port={_free_port()} CPUs=2" for n in range(count)]
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    text = _CONF.format(host=host, port=first, user=user, folder=folder, plugins=_plugins(), nodes="\n".join(lines))
    (folder / "slurm.conf").write_text(text)


def _start(command: list[str | None], folder: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    assert command[0] is not None
    log = folder / f"{Path(command[0]).name}.out"
    with log.open("ab") as output:
        return subprocess.Popen([str(c) for c in command], stdout=output, stderr=output, env=dict(environment))


def _wait(ready: Callable[[], bool], what: str, folder: Path) -> None:
    if not until(ready, _START_S):
        logs = "\n".join(p.read_text(errors="replace")[-1500:] for p in sorted(folder.glob("*.[lo][ou][gt]")))
        raise TimeoutError(f"{what} did not start: {logs}")


def until(ready: Callable[[], bool], within_s: float) -> bool:
    """Whether it has become ready in time."""
    end = time.monotonic() + within_s
    while not ready():
        if time.monotonic() > end:
            return False
        threading.Event().wait(0.1)
    return True


def _idle(environment: Mapping[str, str]) -> int:
    return listed("sinfo", "%t", environment, "-N").count("idle")


def listed(command: str, form: str, environment: Mapping[str, str], *options: str) -> list[str]:
    """What sinfo or squeue lists in that form."""
    words = [str(_which(command)), "-h", *options, "-o", form]
    return subprocess.run(words, capture_output=True, text=True, env=dict(environment)).stdout.split()


def _plugins() -> Path:
    """Where the plugins of the slurmctld on the PATH lie."""
    prefix = Path(str(_which("slurmctld"))).resolve().parent.parent
    return next(iter(sorted(prefix.glob("lib/*/slurm-wlm"))), prefix / "lib" / "slurm")


def _stepd() -> Path | None:
    prefix = Path(str(_which("slurmctld"))).resolve().parent.parent
    return next((p for p in (prefix / "sbin" / "slurmstepd-wlm", prefix / "sbin" / "slurmstepd") if p.exists()), None)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _which(name: str) -> str | None:
    return shutil.which(name, path=_path()) or shutil.which(f"{name}-wlm", path=_path())


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
