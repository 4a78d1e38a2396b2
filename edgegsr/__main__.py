"""`python -m edgegsr` is `edgegsr`."""

from edgegsr.cli import main

main()
