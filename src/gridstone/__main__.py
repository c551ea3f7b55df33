"""`python -m gridstone`, the same as `gridstone`."""

from gridstone.cli import main

main()
