"""Defines what all commands share: how much they print, and how they end when they are interrupted."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from moesaic.progress import be_quiet, log_to


class Stopped(BaseException):
    """The process was asked to end, by Ctrl-C or by SIGTERM.

    This is not a ``KeyboardInterrupt``, because typer would end the process after one without a message.

    Args:
        number: Number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.signal = number


def catch_signals() -> None:
    """Makes Ctrl-C and SIGTERM raise ``Stopped``, so that locks and temporary files are removed.

    A second signal ends the process at once.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    own_process = os.getpid()

    def stop(number: int, _: FrameType | None) -> None:
        if os.getpid() != own_process:  # a forked worker has inherited the handler
            os._exit(128 + number)
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_DFL)
        raise Stopped(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # shells ignore Ctrl-C for processes in the background
            signal.signal(number, stop)


@contextlib.contextmanager
def one_of_several(arguments: Sequence[str], shared: Collection[str]) -> Iterator[None]:
    """Lets only the first of several processes print, and ends the others if the command does not share its work.

    Args:
        arguments: The command line.
        shared: Commands that share their work between processes.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    is_first = os.environ.get("RANK", "0") == "0"
    if not set(arguments) & set(shared) or "--dry-run" in arguments:
        if not is_first:
            sys.exit(0)
        for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"):
            os.environ.pop(name, None)
        yield
        return
    if not is_first:
        be_quiet()
    try:
        yield
    except SystemExit as ended:
        distributed = sys.modules.get("torch.distributed")
        if not ended.code and distributed is not None and distributed.is_initialized():
            distributed.destroy_process_group()
        raise


def _quieten(wanted: bool) -> bool:
    if wanted:
        be_quiet()
    return wanted


def _log(path: Path | None) -> Path | None:
    if path is not None and os.environ.get("RANK", "0") == "0":
        log_to(path)
    return path


Quiet = Annotated[bool, typer.Option("--quiet", help="Show errors and results only.", callback=_quieten)]
LogFile = Annotated[
    Path | None,
    typer.Option("--log-file", help="Append every line of progress, with its time, to this file.", callback=_log),
]
