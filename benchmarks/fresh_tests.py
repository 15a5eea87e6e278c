"""Judges programs that passed a benchmark on fresh tests: a sign of programs written for the known tests alone.

    python benchmarks/fresh_tests.py BENCHMARK PROBLEMS COMPLETIONS.jsonl ... [--rows ROWS.jsonl ...]
        --allow-code-execution [--tasks 30] [--inputs 40] [--seed 0] [--out FILE.json] [--list]

Training on tests can teach a model programs that pass these tests only (docs/reward.md). This script makes new
arguments for each task (``fresh_inputs.py``), asks the task's gold solution for the results, and calls the programs
with them. Compare the share of programs that fail before and after a training. ``--list`` names the programs that fail
and the first input on which they do, so that they can be read.

A fresh input is kept if the gold solution returns the same plain value twice, in two sandboxes with different hash
seeds, within half a second and without an exception, and if the value is like those that it returns for the arguments
in the task's own tests. Ties are left out: if the order of lists changes none of the results in the task's own tests,
it must not change that of a fresh input. Floats may differ by the tolerance that the tests allow, or by a millionth.
Gold solutions and programs run in the sandbox only, and a program's results are compared outside it.

Programs are judged if they pass the benchmark's own tests. ``--rows``, which ``moesaic execute`` writes, says which do,
with one file for each file of completions, in the same order; programs without a row are run here. Only tasks in Python
are judged. The fresh tests in ``--out`` are plain values (``fresh_worker.encode``), which could be written as tests in
other languages, too.

A program that is counted has to be read: the input may be one that the task forbids, or the gold solution wrong. One
that is not counted may fail on inputs of another kind than those in the task's own tests.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import fresh_worker
from fresh_inputs import Arguments, NotUsableError, OwnTests, Profile, fresh_arguments, is_plain, read_tests
from fresh_worker import decode, encode

from moesaic.errors import DataError, MoesaicError
from moesaic.execution.grading import Completion, grade, read_completions
from moesaic.execution.problems import Problem, read_problems
from moesaic.execution.sandbox import Limits, Program, Sandbox, Status
from moesaic.files import parse_json, read_json_lines, write_json
from moesaic.languages import get_language
from moesaic.progress import Bar

GOLD_SECONDS = 0.5  # for one input; the others are left out
PROGRAM_SECONDS = 5.0  # for one input, so that a program ten times as slow does not fail
NOTHING = object()
CANDIDATES = 3  # times as many inputs are tried with the gold solution as are kept
LIMITS = Limits(wall_seconds=120.0)
HASH_SEEDS = ("1", "2")
RELATIVE_TOLERANCE = 1e-6


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


@dataclass(frozen=True)
class Failure:
    """A program that fails on fresh tests: its first such input, and the number of all that it was seen to fail on."""

    id: str
    sample: int
    input: Arguments
    expected: Any
    found: str
    times: int
    text: str


@dataclass(frozen=True)
class Answers:
    """A file of completions.

    Attributes:
        file: Its path.
        completions: Its programs.
        with_verdict: (id, sample) of the programs with a verdict on the benchmark's own tests; the others are run.
        passed: (id, sample) of those that passed them.
    """

    file: Path
    completions: list[Completion]
    with_verdict: set[tuple[str, int]]
    passed: set[tuple[str, int]]


@dataclass
class Judged:
    """What was found for one file of completions."""

    file: Path
    ids: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def ask(
    source: str,
    entry: str,
    inputs: Sequence[Arguments],
    seconds: float,
    sandbox: Sandbox,
    hash_seed: str = "",
    stop: bool = False,
) -> list[Mapping[str, Any]]:
    """Calls a program's function with each input in the sandbox; with ``stop`` up to one on which it does not end.

    Returns:
        The worker's answer to each input (``fresh_worker.py``). If the sandbox ended the worker, the answers to the
        inputs that are left say so.
    """
    worker = Path(fresh_worker.__file__).read_text(encoding="utf-8")
    if hash_seed:
        worker = worker.replace('\nHASH_SEED = ""\n', f'\nHASH_SEED = "{hash_seed}"\n', 1)
    request = {
        "program": source,
        "entry": entry,
        "inputs": encode([list(item) for item in inputs]),
        "seconds": seconds,
        "stop": stop,
    }
    result = sandbox.run(Program("python", worker), json.dumps(request), LIMITS)
    answers: list[Mapping[str, Any]] = []
    for line in result.stdout.splitlines():
        try:
            answer = parse_json(line)
        except ValueError:
            continue
        if isinstance(answer, dict) and answer.get("index") == len(answers) < len(inputs):
            answers.append(answer)
    rest = {"ended": result.detail or "not tried"}
    return [*answers, *[rest] * (len(inputs) - len(answers))]


def value_of(answer: Mapping[str, Any]) -> Any:
    """Returns the value in an answer.

    Raises:
        ValueError: There is none.
    """
    if "value" not in answer:
        raise ValueError("no value")
    return decode(answer["value"])


def agrees(expected: Any, found: Any, tolerance: float) -> bool:
    """Compares as ``==`` does, except that floats may differ by a tolerance."""
    if isinstance(expected, float) or isinstance(found, float):
        if not isinstance(expected, (int, float)) or not isinstance(found, (int, float)):
            return False
        try:
            return math.isclose(expected, found, rel_tol=RELATIVE_TOLERANCE, abs_tol=tolerance)
        except OverflowError:  # an integer beyond the range of floats
            return False
    if isinstance(expected, (list, tuple)):
        if type(expected) is not type(found) or len(expected) != len(found):
            return False
        return all(agrees(one, other, tolerance) for one, other in zip(expected, found, strict=True))
    if isinstance(expected, dict):
        if not isinstance(found, dict) or expected.keys() != found.keys():
            return False
        return all(agrees(value, found[key], tolerance) for key, value in expected.items())
    return bool(expected == found)


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
        raise DataError(f"fresh tests can be made for none of {len(drawn)} problems: {_listed(left_out)}")
    order = {problem.id: place for place, problem in enumerate(problems)}
    return sorted(found, key=lambda task: order[task.problem.id]), left_out


def judge(task: FreshTask, source: str, sandbox: Sandbox) -> tuple[int, str, int] | None:
    """Calls a program with the fresh inputs.

    Returns:
        None if it returns what is expected; else the index of the first input on which it does not, what it did there,
        and the number of such inputs. The inputs after one on which it did not end are not tried, and not counted.
    """
    answers = ask(source, task.own.entry, task.inputs, PROGRAM_SECONDS, sandbox, stop=True)
    failed: list[tuple[int, str]] = []
    for index, (expected, answer) in enumerate(zip(task.expected, answers, strict=True)):
        try:
            found = value_of(answer)
        except ValueError:
            if task.own.truth and isinstance(answer.get("true"), bool) and answer["true"] is bool(expected):
                continue
            failed.append((index, _said(answer)))
            if "index" not in answer or answer.get("ended") == "time":
                break
            continue
        right = bool(found) is bool(expected) if task.own.truth else agrees(expected, found, task.own.tolerance)
        if not right:
            failed.append((index, f"returned {found!r:.200}"))
    return (*failed[0], len(failed)) if failed else None


def judge_file(tasks: Sequence[FreshTask], answers: Answers, sandbox: Sandbox) -> Judged:
    """Judges the programs of a file that pass the tasks' own tests.

    Raises:
        DataError: The file has no program for any of the tasks.
    """
    by_id = {task.problem.id: task for task in tasks}
    samples = Counter[str]()
    chosen = []
    for completion in answers.completions:
        in_python = completion.language is None or get_language(completion.language).name == "python"
        if in_python and completion.id in by_id:
            chosen.append((by_id[completion.id], samples[completion.id], completion))
            samples[completion.id] += 1
    if not chosen:
        raise DataError(f"{answers.file}: no program for any of the {len(tasks)} tasks with fresh tests")
    judged = Judged(answers.file)
    with Bar(str(answers.file), len(chosen), "programs") as bar:
        for task, sample, completion in chosen:
            problem, key = task.problem, (completion.id, sample)
            source = problem.wrap(completion.text) if completion.whole else problem.complete(completion.text)
            passes = key in answers.passed
            if key not in answers.with_verdict:
                passes = grade(problem, source, sandbox).status is Status.PASSED
            if passes:
                judged.ids.append(problem.id)
                failure = judge(task, source, sandbox)
                if failure is not None:
                    index, found, times = failure
                    arguments, expected = task.inputs[index], task.expected[index]
                    judged.failures.append(Failure(problem.id, sample, arguments, expected, found, times, source))
            bar.advance(failed=len(judged.failures))
    return judged


def read_verdicts(path: Path) -> tuple[set[tuple[str, int]], set[tuple[str, int]]]:
    """Reads the rows of Python programs that ``moesaic execute`` wrote.

    Returns:
        The (id, sample) of all of them, and of those that passed.

    Raises:
        DataError: The file is missing or malformed.
    """
    everything, passed = set(), set()
    for number, row in read_json_lines(path):
        id_, sample, status, language = (row.get(name) for name in ("id", "sample", "status", "language"))
        if not isinstance(id_, str) or type(sample) is not int or status not in tuple(Status):
            raise DataError(f"{path}:{number}: not a row of moesaic execute: id, sample or status is missing")
        if language == "python":
            everything.add((id_, sample))
            passed |= {(id_, sample)} if status == Status.PASSED else set()
    return everything, passed


def report(tasks: Sequence[FreshTask], left_out: Counter[str], results: Sequence[Judged], listed: bool) -> None:
    """Prints what was found."""
    total = sum(len(task.inputs) for task in tasks)
    print(f"{len(tasks)} tasks with {total} fresh inputs" + (f"; passed over: {_listed(left_out)}" if left_out else ""))
    for judged in results:
        number = len(judged.failures)
        print(f"{judged.file}: {number} of {len(judged.ids)} programs that passed fail on a fresh input")
        entries = {task.problem.id: (task.own.entry, len(task.inputs)) for task in tasks}
        for failure in judged.failures if listed else ():
            entry, inputs = entries[failure.id]
            call = f"{entry}({', '.join(map(repr, failure.input))})"
            print(
                f"  {failure.id}, sample {failure.sample}: {call} {failure.found}, expected {failure.expected!r}",
                end="",
            )
            print(f" ({failure.times} of {inputs} inputs)")


def to_dict(seed: int, tasks: Sequence[FreshTask], results: Sequence[Judged]) -> dict[str, Any]:
    """Returns what ``--out`` writes: the fresh tests and the programs that fail."""
    return {
        "seed": seed,
        "tasks": [
            {
                "id": task.problem.id,
                "entry": task.own.entry,
                "tolerance": task.own.tolerance,
                "truth": task.own.truth,
                "tests": [
                    {"arguments": encode(list(arguments)), "expected": encode(expected)}
                    for arguments, expected in zip(task.inputs, task.expected, strict=True)
                ],
            }
            for task in tasks
        ],
        "files": [
            {
                "file": str(judged.file),
                "judged": judged.ids,
                "failed": [
                    {
                        "id": failure.id,
                        "sample": failure.sample,
                        "arguments": encode(list(failure.input)),
                        "expected": encode(failure.expected),
                        "found": failure.found,
                        "times": failure.times,
                        "program": failure.text,
                    }
                    for failure in judged.failures
                ],
            }
            for judged in results
        ],
    }


def _said(answer: Mapping[str, Any]) -> str:
    if answer.get("ended") == "time":
        return f"did not return within {PROGRAM_SECONDS:g} s"
    for key, words in (("error", "raised"), ("other", "returned a"), ("ended", "ended:")):
        if isinstance(answer.get(key), str):
            return f"{words} {answer[key]:.200}"
    return "gave no answer that can be read"


def _listed(reasons: Counter[str]) -> str:
    return "; ".join(f"{count} because {reason}" for reason, count in reasons.most_common())


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number}: at least 1 is needed")
    return number


def main() -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("benchmark", help="name of the benchmark, such as mbxp or humaneval-x")
    parser.add_argument("problems", type=Path, help="its file or folder")
    parser.add_argument("completions", nargs="+", type=Path, help="JSON Lines that moesaic execute reads")
    parser.add_argument("--rows", nargs="+", type=Path, metavar="ROWS.jsonl", help="verdicts for each file, in order")
    parser.add_argument("--tasks", type=_positive, default=30, help="number of tasks that are drawn (default 30)")
    parser.add_argument("--inputs", type=_positive, default=40, help="fresh inputs per task, at most (default 40)")
    parser.add_argument("--seed", type=int, default=0, help="of the draw and of the fresh inputs (default 0)")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="write the fresh tests and failing programs here")
    parser.add_argument("--list", action="store_true", help="print the programs that fail, each with its first input")
    parser.add_argument(
        "--allow-code-execution", action="store_true", help="run gold solutions and programs (sandboxed)"
    )
    options = parser.parse_args()
    if options.rows is not None and len(options.rows) != len(options.completions):
        parser.error(f"{len(options.rows)} files of --rows for {len(options.completions)} files of completions: "
                     "give one for each, in the same order")  # fmt: skip
    try:
        problems = read_problems(options.benchmark, options.problems, "python")["python"]
        files = []
        for place, path in enumerate(options.completions):
            verdicts = read_verdicts(options.rows[place]) if options.rows else (set(), set())
            files.append(Answers(path, read_completions(path), *verdicts))
        if options.out is not None and (options.out.is_dir() or not options.out.parent.is_dir()):
            raise DataError(f"--out {options.out}: a file in an existing folder is needed")
        with Sandbox(allow_code_execution=options.allow_code_execution) as sandbox:
            tasks, left_out = make_tasks(problems, options.tasks, options.inputs, options.seed, sandbox)
            results = [judge_file(tasks, answers, sandbox) for answers in files]
        report(tasks, left_out, results, options.list)
        if options.out is not None:
            write_json(options.out, to_dict(options.seed, tasks, results))
    except (MoesaicError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
