"""What a recipe rewards programs for, with everything that judges them: opened for a training, closed after it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moesaic.codebleu.rewards import CodeBleuScores
from moesaic.execution.rewards import ProgramRuns, processors
from moesaic.pipeline.session import Session
from moesaic.pipeline.tasks import read_tasks
from moesaic.progress import say
from moesaic.train.judges import codebleu_judge, passing_judge
from moesaic.train.samples import Measure, Task, problem_tasks, tasks_of


@dataclass(frozen=True)
class Measures:
    """The measures of a recipe, ready to judge.

    Attributes:
        all: The measures.
        tests: What runs programs; None where nothing does.
    """

    all: list[Measure]
    tests: ProgramRuns | None

    def rates(self) -> Mapping[str, float]:
        """Returns language -> verdicts a second since this was last asked; nothing where no program runs."""
        return {} if self.tests is None else self.tests.take_rates()

    def summary(self) -> dict[str, Any]:
        """Returns what is kept of the running, for JSON: ``verdicts_per_second`` and ``versions``, by language."""
        if self.tests is None:
            return {}
        rates = self.tests.total_rates()
        say(f"verdicts a second: {', '.join(f'{name} {rate:.1f}' for name, rate in rates.items())}")
        return {"verdicts_per_second": rates, "versions": self.tests.versions}


Tasks = tuple[list[Task], list[Task]]
"""Tasks to sample programs for, and tasks that decide."""


def tasks_by_measure(session: Session, languages: Sequence[str]) -> dict[str, Tasks]:
    """Returns the tasks of each measure of a recipe, in some of its languages.

    Raises:
        DataError: ``data.tasks`` has nothing to train on or to decide by.
    """
    kind, prompt, found = session.recipe.reward.kind, session.prompt, dict[str, Tasks]()
    if kind != "tests":
        pairs = ([e for name in languages for e in session.examples(name, split)] for split in ("train", "validation"))
        training, deciding = (tasks_of(examples, prompt) for examples in pairs)
        found["codebleu"] = training, deciding
    if kind != "codebleu":
        problems = (
            [p for group in split.values() for p in group] for split in read_tasks(session.recipe.data, languages)
        )
        training, deciding = (problem_tasks(group, prompt) for group in problems)
        found["tests"] = training, deciding
    return found


@contextlib.contextmanager
def open_measures(session: Session, languages: Sequence[str]) -> Iterator[Measures]:
    """Opens what judges programs in some of a recipe's languages.

    Raises:
        DataError: ``data.tasks`` has nothing to train on or to decide by.
        ConsentError: Programs are to be run, but may not be.
        ToolchainError: The sandbox does not work here, or a language's tools are missing.
    """
    options, judging, prompt = session.recipe.reward, session.recipe.evaluate, session.prompt
    workers = options.workers or processors()
    with contextlib.ExitStack() as stack:
        found: list[Measure] = []
        tests = None
        for name, (training, deciding) in tasks_by_measure(session, languages).items():
            if name == "codebleu":
                judge = codebleu_judge(prompt, stack.enter_context(CodeBleuScores(workers)))
                weight = options.codebleu_weight if options.kind == "both" else 1.0
            else:
                there = {task.language for task in (*training, *deciding)}
                if without := [language for language in languages if language not in there]:
                    say(f"reward: data.tasks has no tasks in {', '.join(without)}")
                tests = ProgramRuns(
                    judging.sandbox,
                    workers,
                    sorted(there),
                    allow_code_execution=judging.allow_code_execution,
                    counts_cases=options.partial > 0,
                )
                judge, weight = passing_judge(stack.enter_context(tests), options.partial), 1.0
            found.append(Measure(name, training, deciding, judge, weight))
        yield Measures(found, tests)
