"""Errors that are shown to a person as one line, each with its documented exit code, and the end by a signal."""

from __future__ import annotations


class GridstoneError(Exception):
    """The message says what is wrong and what to do; the command line shows it without a traceback."""

    exit_code = 2


class UsageError(GridstoneError):
    """What was asked for does not exist or cannot be."""


class NothingMeasured(GridstoneError):
    """The request was sound, but this machine could measure none of it."""

    exit_code = 3


class Ended(BaseException):
    """A signal says that this process is to end: what is under way is put away as after Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
