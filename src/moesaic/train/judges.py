"""Judges programs for rewards: by likeness to a reference (CodeBLEU), or by a task's tests.

A reward says what is paid for, not what is meant. CodeBLEU is likeness: a model can get better at it and no better at
programming. Tests are what they look at: a program that returns the expected values of the examples in its prompt
passes them. Whatever is trained for has to be read by something else afterwards (docs/reward.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from moesaic.data.examples import Example
from moesaic.data.prompts import PromptFormat
from moesaic.execution.completions import program_of
from moesaic.execution.problems import Problem
from moesaic.execution.rewards import Verdict
from moesaic.train.samples import Judge, Judgement, Task

Score = Callable[[Sequence[tuple[str, str, str]]], list[float | None]]
"""Takes (program, reference, language) and returns each program's CodeBLEU; None: it does not parse."""

Verdicts = Callable[[Sequence[tuple[Problem, str]]], list[Verdict]]
"""Takes problems, each with a program, and returns the verdict on each."""


def codebleu_judge(prompt: PromptFormat, score: Score) -> Judge:
    """Returns a judge of pairs: a program's reward is its CodeBLEU against the reference, 0 if it does not parse."""

    def judge(tasks: Sequence[Task], texts: Sequence[str]) -> list[Judgement]:
        programs = []
        for task, text in zip(tasks, texts, strict=True):
            example = task.subject
            assert isinstance(example, Example)
            program = prompt.extract_code(example.opening.rstrip() + text, example.language)
            programs.append((program, example.code, example.language))
        return [Judgement(value or 0.0, value is not None, value or 0.0) for value in score(programs)]

    return judge


def passing_judge(run: Verdicts, partial: float) -> Judge:
    """Returns a judge of problems: a program's reward is 1 if it passes every test.

    Args:
        run: Runs programs.
        partial: Of a program that fails, what compiling and its share of passed cases are worth together at most. The
            score, which decides between states, counts programs that pass and nothing else.
    """

    def judge(tasks: Sequence[Task], texts: Sequence[str]) -> list[Judgement]:
        programs = []
        for task, text in zip(tasks, texts, strict=True):
            assert isinstance(task.subject, Problem)
            programs.append((task.subject, program_of(task.subject, text)))
        return [Judgement(found.reward(partial), found.compiles, float(found.passed)) for found in run(programs)]

    return judge
