"""Judges programs for rewards: by likeness to a reference (CodeBLEU), or by a task's tests.

A reward can rise without the improvement that is wanted. CodeBLEU measures likeness, which can rise while the model
does not program better. Tests check only the cases that they contain, so a program that merely returns the expected
values of the examples in its prompt passes them. Judge a trained model by another measure than its reward
(docs/reward.md).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

from moesaic.data.examples import Example
from moesaic.data.prompts import PromptFormat
from moesaic.execution.completions import judged_length, program_of
from moesaic.execution.problems import Problem
from moesaic.execution.rewards import Verdict
from moesaic.model.decode.generate import Generation
from moesaic.train.samples import Judge, Judgement, Task

Score = Callable[[Sequence[tuple[str, str, str]]], list[float | None]]
"""Takes (program, reference, language) triples and returns each program's CodeBLEU; None if it does not parse."""

Verdicts = Callable[[Sequence[tuple[Problem, str]]], list[Verdict]]
"""Takes (problem, program) pairs and returns a verdict on each."""


def codebleu_judge(prompt: PromptFormat, score: Score) -> Judge:
    """Returns a judge whose reward is a program's CodeBLEU against its task's reference, or 0 if it does not parse."""

    def judge(tasks: Sequence[Task], texts: Sequence[str]) -> list[Judgement]:
        programs = []
        for task, text in zip(tasks, texts, strict=True):
            example = task.subject
            assert isinstance(example, Example)
            program = prompt.extract_code(example.opening.rstrip() + text, example.language)
            programs.append((program, example.code, example.language))
        return [Judgement(value or 0.0, value is not None, value or 0.0) for value in score(programs)]

    return judge


def judged_part(task: Task, generation: Generation, prompt: PromptFormat) -> Generation:
    """Returns the part of an answer that the tests of its problem judge.

    If the prompt begins a definition, that is everything up to the end of the definition and the next token, with which
    the model left it. The text need not have ended there. Most of what a base writes can come after it: an example of
    its use, and an explanation. Such text has no effect on the verdict, so a gradient from it would be noise. If only
    the closing fence follows, or nothing, the answer is returned as it is.
    """
    problem = task.subject
    assert isinstance(problem, Problem)
    if not task.is_begun:
        return generation
    text = prompt.decode(generation.ids)
    length = judged_length(problem, text)
    if not text[length:].strip().strip("`").strip():
        return generation
    ends = range(len(generation.ids))
    count = 1 + bisect_left(ends, length, key=lambda end: len(prompt.decode(generation.ids[:end])))
    return Generation(generation.ids[:count], generation.logprobs[:count])


def passing_judge(run: Verdicts, partial: float) -> Judge:
    """Returns a judge whose reward is 1 for a program that passes every test of its problem.

    Args:
        run: Runs programs.
        partial: Largest reward of a program that fails, for compiling and for its share of passed cases. The score,
            which decides between states, counts only programs that pass every test.
    """

    def judge(tasks: Sequence[Task], texts: Sequence[str]) -> list[Judgement]:
        programs = []
        for task, text in zip(tasks, texts, strict=True):
            assert isinstance(task.subject, Problem)
            programs.append((task.subject, program_of(task.subject, text)))
        return [Judgement(found.reward(partial), found.compiles, float(found.passed)) for found in run(programs)]

    return judge
