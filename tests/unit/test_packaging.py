"""Wheel, source distribution, editable install, and the environment that the Makefile sets up."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path, PurePosixPath
from types import ModuleType

import pytest

import gridstone
from gridstone import content
from gridstone.plan import load_probes

ROOT = content.root()
pytestmark = pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="needs a checkout")
FOLDERS = ("bench", "kernels_cuda", "runners", "reports")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", folder], cwd=ROOT, check=True)
    return folder


def content_files() -> set[str]:
    """The content that is committed, or would be: what git does not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *FOLDERS]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("needs a git checkout")
    return {name for name in listed.stdout.splitlines() if (ROOT / name).is_file()}


def test_a_wheel_is_one_package_that_carries_all_content(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = wheel.namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"gridstone", f"gridstone-{gridstone.__version__}.dist-info"}
    carried = {name.removeprefix("gridstone/share/") for name in names if name.startswith("gridstone/share/")}
    assert carried == content_files()
    assert "gridstone/py.typed" in names


def test_a_source_distribution_carries_what_a_wheel_is_built_from(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {str(PurePosixPath(*PurePosixPath(name).parts[1:])) for name in archive.getnames()}
    assert content_files() <= names
    assert {"Makefile", "hatch_build.py", ".ci/environment.py", "LICENSE", "tests/conftest.py"} <= names
    assert not [name for name in names if name.startswith("results/")]


def test_an_installed_wheel_lists_its_probes_from_anywhere(built: Path, tmp_path: Path) -> None:
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    wheel = next(built.glob("*.whl"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", site]
    subprocess.run([*pip, wheel], check=True)
    environment = {**os.environ, "PYTHONPATH": str(site)}
    where = "from gridstone import content; print(content.root())"
    for arguments, expected in (
        (["-c", where], str(site / "gridstone" / "share")),
        (["-m", "gridstone", "list"], "latency/pointer_chase"),
    ):
        ran = subprocess.run(
            [sys.executable, *arguments], cwd=elsewhere, env=environment, capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stderr
        assert expected in ran.stdout
    assert list(elsewhere.iterdir()) == []


def test_an_editable_build_reads_the_content_in_place(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel:editable", "-d", tmp_path]
    subprocess.run(command, cwd=ROOT, check=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = wheel.namelist()
        pointers = [wheel.read(name).decode().strip() for name in names if name.endswith(".pth")]
    assert not [name for name in names if "share" in name]
    assert pointers == [str(ROOT / "src")]


def test_the_version_is_one() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert declared == gridstone.__version__


def test_the_readme_lists_each_probe_and_no_other() -> None:
    table = (ROOT / "README.md").read_text().split("## What is measured")[1].split("\n## ")[0]
    listed = re.findall(r"`(\w+/\w+)`", "".join(line.split("|")[1] for line in table.splitlines() if "|" in line))
    assert sorted(listed) == sorted(probe.name for probe in load_probes())


@pytest.fixture(scope="module")
def environment() -> ModuleType:
    return content.load_module(ROOT / ".ci" / "environment.py")


@pytest.mark.parametrize(
    ("text", "major", "extra"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19", 535, "cuda12"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release", 580, "cuda13"),
        ("| NVIDIA-SMI 610.10    Driver Version: 610.10.01    CUDA Version: 14.0 |", 610, "cuda13"),
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  470.57.02", 470, ""),
        ("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.", None, ""),
    ],
)
def test_the_extra_fits_the_driver(environment: ModuleType, text: str, major: int | None, extra: str) -> None:
    assert environment.parse_driver(text) == major
    assert environment.cuda_extra(major) == extra


PAGE = "".join(
    f'<a href="../../packages/ab/pip-{version}-py3-none-any.whl#sha256={digest}">pip</a>'
    for version, digest in (
        ("9.0", "1" * 64),
        ("26.10", "2" * 64),
        ("26.9.1", "3" * 64),
        ("27.0b1", "4" * 64),
    )
)


def test_the_newest_final_pip_is_found_on_an_index_page(environment: ModuleType) -> None:
    url, digest = environment.newest_pip("https://index.example/simple/pip/", PAGE)
    assert url == "https://index.example/packages/ab/pip-26.10-py3-none-any.whl"
    assert digest == "2" * 64
    with pytest.raises(ValueError, match="no pip wheel"):
        environment.newest_pip("https://index.example/simple/pip/", "<html>")


@pytest.mark.parametrize("honest", [True, False])
def test_pip_is_checked_against_the_digest_of_the_index(
    environment: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, honest: bool
) -> None:
    index, name = tmp_path / "index", "pip-1.0-py3-none-any.whl"
    (index / "pip" / "index.html").parent.mkdir(parents=True)
    (index / name).write_bytes(b"a wheel")
    digest = hashlib.sha256(b"a wheel" if honest else b"another").hexdigest()
    page = tmp_path / "page"
    page.write_text(f'<a href="{(index / name).as_uri()}/{name}#sha256={digest}">')
    opened = {"https://index.example/simple/pip/": page}
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example/simple/")
    monkeypatch.setattr(
        environment.urllib.request, "urlopen", lambda url, timeout: opened.get(url, index / name).open("rb")
    )
    if honest:
        assert environment.download_pip(tmp_path).read_bytes() == b"a wheel"
    else:
        with pytest.raises(SystemExit, match="digest does not match"):
            environment.download_pip(tmp_path)


def test_without_pip_and_network_the_remedy_is_said(
    environment: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(url: str, timeout: float) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(environment.urllib.request, "urlopen", unreachable)
    with pytest.raises(SystemExit, match="apt-get install python3-venv"):
        environment.download_pip(tmp_path)


needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    plain = {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k != "MFLAGS"}
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, env=plain)


@needs_make
def test_make_says_what_it_can_do() -> None:
    shown = make().stdout
    assert [line.split()[0] for line in shown.splitlines()][:6] == [
        "help",
        "run",
        "test",
        "check",
        "bench",
        "report",
    ]


@needs_make
def test_make_installs_for_the_driver_and_measures(tmp_path: Path) -> None:
    planned = make("-n", "run", f"VENV={tmp_path}", "CUDA=cuda13").stdout
    assert f".ci/environment.py {tmp_path} cuda13 fit" in planned
    assert f"{tmp_path}/bin/gridstone run" in planned
    assert "reference" not in planned


@needs_make
def test_make_without_a_gpu_also_shows_the_reference_run(tmp_path: Path) -> None:
    planned = make("-n", "run", f"VENV={tmp_path}", "CUDA=").stdout
    assert "reference" in planned


@needs_make
def test_make_without_a_new_enough_python_says_so(tmp_path: Path) -> None:
    ran = make("-n", "test", f"VENV={tmp_path}", "PYTHON=")
    assert ran.returncode != 0
    assert "Python 3.11 or newer is needed" in ran.stderr
