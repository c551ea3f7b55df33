"""Errors that are shown to a person as one line, each with its documented exit code."""

from __future__ import annotations


class GridstoneError(Exception):
    """The message says what is wrong and what to do; the command line shows it without a traceback."""

    exit_code = 2


class UsageError(GridstoneError):
    """What was asked for does not exist or cannot be."""


class NothingMeasured(GridstoneError):
    """The request was sound, but this machine could measure none of it."""

    exit_code = 3
