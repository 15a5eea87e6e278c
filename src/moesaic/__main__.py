"""Runs the command line: ``python -m moesaic``."""

from moesaic.cli import main

main()
