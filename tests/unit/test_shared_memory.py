"""Memory that processes of one parent share: found while somebody holds it, complete or not at all, gone with them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gridstone import content

FILE = content.folder("runners") / "shared_memory.py"
shared = content.load_module(FILE)
SIZE = 3 << 20
MAKER = f"""
import ctypes, sys
from pathlib import Path
from gridstone import content
shared = content.load_module(Path({str(FILE)!r}))
memory = shared.made(sys.argv[1], {SIZE}, 2)
ctypes.memset(memory.address, 0x5A, {SIZE})
if sys.argv[2] == "sealed":
    memory.seal()
print("ready", flush=True)
sys.stdin.read()
"""
SEEKER = f"""
import ctypes, sys
from pathlib import Path
from gridstone import content
shared = content.load_module(Path({str(FILE)!r}))
memory = shared.found(sys.argv[1], int(sys.argv[2]))
print("none" if memory is None else ctypes.string_at(memory.address + memory.size - 1, 1).hex())
"""


@pytest.fixture
def name() -> str:
    return f"gridstone-test-{os.getpid()}"


@pytest.fixture
def holder(name: str, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """A sibling of the seekers that holds memory, sealed unless the test says otherwise."""
    how = getattr(request, "param", "sealed")
    process = subprocess.Popen(
        [sys.executable, "-c", MAKER, name, how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.communicate()


def sought(name: str, size: int) -> str:
    done = subprocess.run([sys.executable, "-c", SEEKER, name, str(size)], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_sibling_finds_what_the_first_has_filled(holder: subprocess.Popen[str], name: str) -> None:
    assert sought(name, SIZE) == "5a"
    assert sought(name, SIZE // 2) == "5a"


def test_more_than_there_is_is_not_found(holder: subprocess.Popen[str], name: str) -> None:
    assert sought(name, SIZE + 1) == "none"


@pytest.mark.parametrize("holder", ["open"], indirect=True)
def test_what_is_not_complete_is_not_found(holder: subprocess.Popen[str], name: str) -> None:
    assert sought(name, SIZE) == "none"


def test_it_is_gone_when_its_holder_was_killed(holder: subprocess.Popen[str], name: str) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert sought(name, SIZE) == "none"
    assert not [path for path in Path("/dev/shm").glob("*") if name in path.name]


def test_it_outlives_its_maker_while_another_holds_it(name: str) -> None:
    first = shared.made(name, SIZE, 2)
    first.seal()
    second = shared.found(name, SIZE)
    assert second is not None
    first.close()
    third = shared.found(name, SIZE)
    assert third is not None
    second.close()
    third.close()
    assert shared.found(name, SIZE) is None


def test_processes_of_another_parent_are_no_siblings(holder: subprocess.Popen[str], name: str) -> None:
    assert shared.found(name, SIZE) is None  # the holder is this process's child


def test_a_process_whose_name_holds_brackets_has_its_parent_read(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("77 (a) b (c)) S 42 77 77 0 -1")
    assert shared._parent(tmp_path) == 42
