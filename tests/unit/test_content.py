"""Content is loaded by path, once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gridstone import content


def test_a_checkout_is_read_in_place() -> None:
    assert content.folder("bench") == content.root() / "bench"
    assert (content.folder("kernels_cuda") / "include").is_dir()


def test_a_file_is_executed_once_and_leaves_no_importable_name(tmp_path: Path) -> None:
    log = tmp_path / "log"
    source = tmp_path / "latency.py"
    source.write_text(f"open({str(log)!r}, 'a').write('x')\nvalue = 3\n")
    first = content.load_module(source)
    again = content.load_module(tmp_path / "." / "latency.py")
    assert first is again
    assert first.value == 3
    assert log.read_text() == "x"
    assert "latency" not in sys.modules


def test_files_of_one_name_in_two_folders_are_two_modules(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "launch.py").write_text(f"where = {name!r}\n")
    assert [content.load_module(tmp_path / n / "launch.py").where for n in ("a", "b")] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [("1 / 0", "ZeroDivisionError"), ("def", "SyntaxError"), ("import no_such_x", "no_such_x")],
)
def test_a_broken_file_is_named_with_the_reason_and_can_be_mended(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "broken.py"
    path.write_text(text)
    with pytest.raises(content.ContentError, match=rf"broken\.py: .*{reason}"):
        content.load_module(path)
    path.write_text("fine = True\n# longer, so that no stale bytecode is taken for it")
    assert content.load_module(path).fine


def test_what_a_file_prints_is_no_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "talks.py").write_text("print('hello')")
    content.load_module(tmp_path / "talks.py")
    assert capsys.readouterr() == ("", "hello\n")


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(content.ContentError, match=r"none\.py: no such Python file"):
        content.load_module(tmp_path / "none.py")
    with pytest.raises(content.ContentError, match="no such folder"):
        content.python_files(tmp_path / "none")


def test_only_declarations_are_listed(tmp_path: Path) -> None:
    for name in ("b.py", "a.py", "_private.py", "test_a.py", "conftest.py", "a.cu"):
        (tmp_path / name).touch()
    assert [p.name for p in content.python_files(tmp_path)] == ["a.py", "b.py"]
