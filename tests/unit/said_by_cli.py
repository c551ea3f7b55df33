"""What a command says on a machine without a GPU: exit code, output and its one fault."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gridstone.cli import main

Said = Callable[..., tuple[int, str, str]]
RUN = ("run", "sample", "--bench", "BENCH")


def speaking(capsys: pytest.CaptureFixture[str], bench: Path) -> Said:
    """Runs a command with a folder of probes in place of BENCH."""

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as leaving:
            main([bench.as_posix() if word == "BENCH" else word for word in arguments])
        out, err = capsys.readouterr()
        assert isinstance(leaving.value.code, int)
        assert "Traceback" not in err
        if leaving.value.code:
            assert re.fullmatch(r"gridstone: .+\n", err), "one line"
        return leaving.value.code, out, err.removeprefix("gridstone: ").rstrip("\n")

    return call
