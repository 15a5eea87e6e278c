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

_CHUNK = 16  # number of programs that are sent to a process at once

Program = tuple[str, str, str]
"""(program, reference, language)."""


class CodeBleuScores:
    """Computes strict CodeBLEU in processes that are started once. Use it as a context manager.

    Args:
        workers: Number of processes; 1 to compute in the caller's process.
    """

    def __init__(self, workers: int) -> None:
        self._pool = None
        if workers > 1:  # spawned, because a fork would share the threads and the device of the training
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
        """Returns the CodeBLEU of each program with its reference, or None if the program does not parse."""
        chunks = [programs[start : start + _CHUNK] for start in range(0, len(programs), _CHUNK)]
        scored = map(_score, chunks) if self._pool is None else self._pool.map(_score, chunks)
        return [score for chunk in scored for score in chunk]


def _score(programs: Sequence[Program]) -> list[float | None]:
    return [_codebleu(*program) for program in programs]


def _codebleu(program: str, reference: str, language: str) -> float | None:
    if not parses(program, language):  # raises for a language without a grammar, which recipes refuse
        return None
    return strict.score(strict.compare(program, [reference], syntax_of(language) or language)).codebleu


def _end_with_parent() -> None:
    """Makes a worker end if its parent is killed; it would otherwise wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
