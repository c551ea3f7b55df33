"""The command line: `gridstone list | run | show | doctor | compact | report | fit | ask | advise`."""

from gridstone.cli.faults import main

__all__ = ["main"]
