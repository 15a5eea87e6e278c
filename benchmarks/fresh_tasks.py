"""Makes the fresh tests of tasks, for ``fresh_tests.py``: new arguments, and what the gold solution returns for them.

A fresh input (``fresh_mutation.py``) is kept if the gold solution returns the same plain value twice, in two sandboxes
with different hash seeds, within half a second and without an exception, and if the value is like those that it returns
for the arguments in the task's own tests. Ties are left out: if the order of lists changes none of the results in the
task's own tests, it must not change that of a fresh input. Gold solutions run in the sandbox only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from fresh_calls import agrees, ask, value_of
from fresh_mutation import fresh_arguments
from fresh_own_tests import Arguments, NotUsableError, OwnTests, is_plain, read_tests
from fresh_profile import Profile

from moesaic.errors import DataError
from moesaic.execution.problems import Problem
from moesaic.execution.sandbox import Sandbox
from moesaic.progress import Bar

GOLD_SECONDS = 0.5  # for one input; the others are left out
NOTHING = object()
CANDIDATES = 3  # times as many inputs are tried with the gold solution as are kept
HASH_SEEDS = ("1", "2")


@dataclass(frozen=True)
class FreshTask:
    """A task with its fresh tests.

    Attributes:
        problem: The task.
        own: What its own tests show.
        inputs: The fresh arguments.
        expected: What the gold solution returns for each of them.
    """

    problem: Problem
    own: OwnTests
    inputs: list[Arguments]
    expected: list[Any]


def make_task(problem: Problem, inputs: int, seed: int, sandbox: Sandbox) -> FreshTask:
    """Makes the fresh tests of a task.

    Raises:
        NotUsableError: It has no gold solution, or nothing fresh is left.
    """
    if problem.solution is None:
        raise NotUsableError("the benchmark has no gold solution")
    own = read_tests(problem.test, problem.defined)
    fresh = fresh_arguments(own.arguments, CANDIDATES * inputs, Random(f"{seed} {problem.id}"))
    if not fresh:
        raise NotUsableError("no fresh arguments are like those in the test")
    known, results = gold_results(problem.complete(problem.solution), own, fresh, sandbox)
    profile = Profile(known, wide=True)
    kept = [(item, result) for item, result in zip(fresh, results, strict=True) if profile.accepts(result)]
    if not kept:
        raise NotUsableError(
            "the gold solution returns nothing for fresh arguments that is like what it returns in the test"
        )
    kept = varied(kept, inputs)
    return FreshTask(problem, own, [item[0] for item in kept], [item[1] for item in kept])


def gold_results(
    source: str, own: OwnTests, fresh: Sequence[Arguments], sandbox: Sandbox
) -> tuple[list[Any], list[Any]]:
    """Calls the gold solution with the arguments in the task's own tests, and with the fresh ones.

    Returns:
        The results for the former that are plain values, and a result for each of the latter: ``NOTHING`` if it is no
        plain value, was not the same twice, or is ambiguous. If the order of lists does not matter for any of the own
        arguments, it must not matter for the fresh ones, either: where it does, as in a tie, several results are right,
        and the gold solution returns the one that it finds first.
    """
    asked = [*own.arguments, *fresh]
    first, second = (plain_results(source, own, asked, sandbox, hash_seed) for hash_seed in HASH_SEEDS)
    for place, (one, other) in enumerate(zip(first, second, strict=True)):
        if not agrees(one, other, 0.0):
            first[place] = NOTHING
    number = len(own.arguments)
    for reordered in (list.__reversed__, _shuffled):
        turned = [
            tuple(list(reordered(part)) if type(part) is list else part for part in arguments) for arguments in asked
        ]
        if sum(one != other for one, other in zip(asked[:number], turned[:number], strict=True)) < 3:
            continue
        same = [
            agrees(one, other, own.tolerance)
            for one, other in zip(first, plain_results(source, own, turned, sandbox), strict=True)
        ]
        if all(same[:number]):
            first = [result if kept else NOTHING for result, kept in zip(first, same, strict=True)]
    return [result for result in first[:number] if result is not NOTHING], first[number:]


def plain_results(
    source: str, own: OwnTests, inputs: Sequence[Arguments], sandbox: Sandbox, hash_seed: str = ""
) -> list[Any]:
    """Returns the gold solution's result for each input; ``NOTHING`` where it is not a plain value."""
    results = []
    for answer in ask(source, own.entry, inputs, GOLD_SECONDS, sandbox, hash_seed):
        try:
            value = value_of(answer)
        except ValueError:
            value = NOTHING
        results.append(value if is_plain(value) else NOTHING)
    return results


def _shuffled(parts: list[Any]) -> list[Any]:
    return Random(len(parts)).sample(parts, len(parts))


def varied(tests: Sequence[tuple[Arguments, Any]], count: int) -> list[tuple[Arguments, Any]]:
    """Returns ``count`` of the tests with as many different results as possible, each about equally often.

    Most arguments have the same result in some tasks: a program that always returns it is to be found out, too.
    """
    times = Counter[str]()
    rounds: list[int] = []
    for _, expected in tests:
        rounds.append(times[repr(expected)])
        times[repr(expected)] += 1
    chosen = sorted(range(len(tests)), key=lambda place: rounds[place])[:count]
    return [tests[place] for place in sorted(chosen)]


def make_tasks(
    problems: Sequence[Problem], tasks: int, inputs: int, seed: int, sandbox: Sandbox
) -> tuple[list[FreshTask], Counter[str]]:
    """Draws tasks until enough of them have fresh tests.

    Returns:
        The tasks in the order of the problems, and reason -> number of the problems that were passed over for it.

    Raises:
        DataError: No problem has fresh tests.
    """
    drawn = Random(seed).sample(list(problems), len(problems))
    found: list[FreshTask] = []
    left_out = Counter[str]()
    with Bar("fresh tests", min(tasks, len(drawn)), "tasks") as bar:
        for problem in drawn:
            if len(found) == tasks:
                break
            try:
                found.append(make_task(problem, inputs, seed, sandbox))
                bar.advance()
            except NotUsableError as reason:
                left_out[str(reason)] += 1
    if not found:
        raise DataError(f"fresh tests can be made for none of {len(drawn)} problems: {reasons_text(left_out)}")
    order = {problem.id: place for place, problem in enumerate(problems)}
    return sorted(found, key=lambda task: order[task.problem.id]), left_out


def reasons_text(reasons: Counter[str]) -> str:
    """Returns reasons with their numbers, the most frequent first, as one text."""
    return "; ".join(f"{count} because {reason}" for reason, count in reasons.most_common())


if __name__ == "__main__":
    raise SystemExit("fresh_tasks.py is a part of other scripts: run fresh_tests.py")
