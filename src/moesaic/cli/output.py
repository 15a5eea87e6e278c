"""What commands share: how much they show, and how they end when they are asked to."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from moesaic.progress import be_quiet, log_to


class Stopped(BaseException):
    """The process was asked to end, by Ctrl-C or by SIGTERM.

    Not a KeyboardInterrupt, which the command line's library would end without a word.

    Args:
        number: The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.signal = number


def catch_signals() -> None:
    """Makes Ctrl-C and SIGTERM unwind the stack, so that locks and temporary files go; a second one ends at once."""
    if threading.current_thread() is not threading.main_thread():
        return
    own_process = os.getpid()

    def stop(number: int, _: FrameType | None) -> None:
        if os.getpid() != own_process:  # a worker, which inherited the handler
            os._exit(128 + number)
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_DFL)
        raise Stopped(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # a shell ignores Ctrl-C for what runs in the background
            signal.signal(number, stop)


def _quieten(wanted: bool) -> bool:
    if wanted:
        be_quiet()
    return wanted


def _log(path: Path | None) -> Path | None:
    if path is not None:
        log_to(path)
    return path


Quiet = Annotated[bool, typer.Option("--quiet", help="Show errors and results only.", callback=_quieten)]
LogFile = Annotated[
    Path | None,
    typer.Option("--log-file", help="Append every line of progress, with its time, to this file.", callback=_log),
]
