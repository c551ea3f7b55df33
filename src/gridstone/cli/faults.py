"""Where every command begins and ends: errors become one line and an exit code, never a traceback."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from gridstone.cli.output import printable
from gridstone.errors import Ended, GridstoneError, UsageError

INTERRUPTED, DEFECT = 130, 70
_TOLD_TO_END = (signal.SIGTERM, signal.SIGHUP)  # by Slurm when a job's time is up, by a terminal that closes


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code.

    0 done, 1 an asked-for check failed, 2 bad usage or unreadable input, 3 nothing could be measured, 70 a
    defect of gridstone itself (`python -X dev -m gridstone ...` shows where), 130 interrupted, 143 or 129 told to
    end by SIGTERM or SIGHUP.
    """
    _open_streams()
    with _ended_by_signals():
        sys.exit(_status(arguments))


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Where nobody has decided otherwise (nohup ignores SIGHUP), the first of such signals raises Ended.

    Those that follow change nothing: what is under way is being put away.
    """
    told: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        if not told:
            told.append(number)
            raise Ended(number)

    here = threading.current_thread() is threading.main_thread()  # no other may decide on signals
    ours = [number for number in _TOLD_TO_END if here and signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in ours if not told else ():
            signal.signal(number, signal.SIG_DFL)


def _open_streams() -> None:
    """What is printed to a stream that was closed from the beginning goes nowhere; what its encoding lacks is `?`."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115  open as long as the process
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _status(arguments: Sequence[str] | None) -> int:
    try:
        return _done(arguments)
    except KeyboardInterrupt:  # imports take a while, and may be interrupted too
        return INTERRUPTED
    except Ended as told:
        return 128 + told.number


def _done(arguments: Sequence[str] | None) -> int:
    import typer

    misread: type[Exception] = typer.BadParameter.__mro__[1]  # a line that typer cannot read; its place has moved
    try:
        from gridstone.cli.app import app

        code = app(arguments, prog_name="gridstone", standalone_mode=False)
        sys.stdout.flush()
    except GridstoneError as error:
        return _say(str(error), error.exit_code)
    except misread as error:
        return _say(_with_help(error), UsageError.exit_code)
    except typer.Abort:
        return INTERRUPTED
    except BrokenPipeError:
        return _unread()
    except SystemExit as leaving:
        # rich and typer answer a broken pipe with exit code 1, which here says that a check failed.
        if not isinstance(leaving.__context__, BrokenPipeError):
            raise
        return _unread()
    except OSError as error:
        return _say(f"{error.filename or _nameless()}: {error.strerror or error}", UsageError.exit_code)
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        return _say(f"defect in gridstone: {type(error).__name__}: {error}", DEFECT)
    return code if isinstance(code, int) else 0


def _nameless() -> str:
    """What an error of the system that names no file is about."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return "the current folder is gone, change to another one"
    return "the output cannot be written"


def _unread() -> int:
    """Whoever read the output has left: the interpreter must not flush into the pipe once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _with_help(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "gridstone"
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    return f"{message.rstrip('.')} (see `{command} --help`)"


def _say(message: str, code: int) -> int:
    with contextlib.suppress(OSError):  # nobody reads it, and the exit code still tells
        print(f"gridstone: {printable(' '.join(message.split()))}", file=sys.stderr, flush=True)
    return code
