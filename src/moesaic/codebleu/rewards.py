"""CodeBLEU as a reward: scores programs as they are written, in processes that run during a whole training."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from types import TracebackType

from moesaic.codebleu import strict
from moesaic.languages import syntax_of
from moesaic.parsing import parses

_CHUNK = 16  # programs sent to a process at once

Program = tuple[str, str, str]
"""A program, its reference and their language."""


class CodeBleuScores:
    """Strict CodeBLEU of programs, in processes that are started once. Use as a context manager.

    Args:
        workers: Processes; with 1 the caller's own does the work.
    """

    def __init__(self, workers: int) -> None:
        self._pool = None
        if workers > 1:  # spawned: a fork would share the threads and the device of the one who trains
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with_parent)

    def __enter__(self) -> CodeBleuScores:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def __call__(self, programs: Sequence[Program]) -> list[float | None]:
        """Returns the CodeBLEU of each program against its reference; None: it does not parse."""
        chunks = [programs[start : start + _CHUNK] for start in range(0, len(programs), _CHUNK)]
        scored = map(_score, chunks) if self._pool is None else self._pool.map(_score, chunks)
        return [score for chunk in scored for score in chunk]


def _score(programs: Sequence[Program]) -> list[float | None]:
    return [_codebleu(*program) for program in programs]


def _codebleu(program: str, reference: str, language: str) -> float | None:
    if not parses(program, language):  # raises where no grammar reads it, which recipes refuse
        return None
    return strict.score(strict.compare(program, [reference], syntax_of(language) or language)).codebleu


def _end_with_parent() -> None:
    """Ends a worker whose parent was killed; it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
