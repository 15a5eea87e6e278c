"""The report of a run: tables for the terminal and a self-contained page, made from a workspace.

Nothing here loads a model or imports torch. Every figure is read from ``results.json`` and other files of the run.
"""

from __future__ import annotations

from moesaic.report.few import few_line
from moesaic.report.kept import kept_line
from moesaic.report.page import render_report, write_report
from moesaic.report.summary import paired_line, ratio_line
from moesaic.report.terminal import language_table, terminal_table

__all__ = [
    "few_line",
    "kept_line",
    "language_table",
    "paired_line",
    "ratio_line",
    "render_report",
    "terminal_table",
    "write_report",
]
