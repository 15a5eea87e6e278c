"""Prepares the scoring of programs that decide which training state is kept, if the recipe asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from moesaic.recipe import Optimisation

if TYPE_CHECKING:
    from moesaic.pipeline.session import Session
    from moesaic.train.selection import Programs


@contextmanager
def deciding_programs(
    session: Session, options: Optimisation | None, languages: Sequence[str]
) -> Iterator[Programs | None]:
    """Yields the validation tasks whose programs decide which state is kept, or None if the loss decides.

    Args:
        session: The run.
        options: Options of the training; None if there are no states to choose from.
        languages: Languages of the training.

    Raises:
        DataError: The data stage has not run.
    """
    if options is None or options.select == "loss":
        yield None
        return
    from moesaic.codebleu.rewards import CodeBleuScores
    from moesaic.execution.grading import processors
    from moesaic.train.samples import tasks_of
    from moesaic.train.selection import Programs

    examples = [e for name in languages for e in session.examples(name, "validation")[: options.select_programs]]
    workers = max(1, (session.recipe.evaluate.workers or processors()) // session.ranks.count_here)
    with CodeBleuScores(workers) as score:
        tasks = tasks_of(examples, session.prompt)
        yield Programs(session.prompt, tasks, session.recipe.predict, score, session.ranks)
