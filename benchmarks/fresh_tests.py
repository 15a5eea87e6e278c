"""Judges programs that passed a benchmark on fresh tests: a sign of programs written for the known tests alone.

    python benchmarks/fresh_tests.py BENCHMARK PROBLEMS COMPLETIONS.jsonl ... [--rows ROWS.jsonl ...]
        --allow-code-execution [--tasks 30] [--inputs 40] [--seed 0] [--out FILE.json] [--list]

Training on tests can teach a model programs that pass these tests only (docs/reward.md). This script makes new
arguments for each task, asks the task's gold solution for the results (``fresh_tasks.py``), and calls the programs with
them. Compare the share of programs that fail before and after a training. ``--list`` names the programs that fail and
the first input on which they do, so that they can be read.

Gold solutions and programs run in the sandbox only, and a program's results are compared outside it. Floats may differ
by the tolerance that the tests allow, or by a millionth.

Programs are judged if they pass the benchmark's own tests. ``--rows``, which ``moesaic execute`` writes, says which do,
with one file for each file of completions, in the same order; programs without a row are run here. Only tasks in Python
are judged. The fresh tests in ``--out`` are plain values (``fresh_worker.encode``), which could be written as tests in
other languages, too.

A program that is counted has to be read: the input may be one that the task forbids, or the gold solution wrong. One
that is not counted may fail on inputs of another kind than those in the task's own tests.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fresh_calls import agrees, ask, value_of
from fresh_own_tests import Arguments
from fresh_tasks import FreshTask, make_tasks, reasons_text
from fresh_worker import encode
from verdict_rows import read_verdicts

from moesaic.errors import DataError, MoesaicError
from moesaic.execution.grading import Completion, grade, read_completions
from moesaic.execution.problems import read_problems
from moesaic.execution.sandbox import Sandbox, Status
from moesaic.files import write_json
from moesaic.languages import get_language
from moesaic.progress import Bar

PROGRAM_SECONDS = 5.0  # for one input, so that a program ten times as slow does not fail


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
        passed: (language, id, sample) -> whether the program passed the benchmark's own tests; programs that are not
            there are run.
    """

    file: Path
    completions: list[Completion]
    passed: Mapping[tuple[str, str, int], bool]


@dataclass
class Judged:
    """What was found for one file of completions."""

    file: Path
    ids: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


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
            problem = task.problem
            source = problem.wrap(completion.text) if completion.whole else problem.complete(completion.text)
            passes = answers.passed.get(("python", problem.id, sample))
            if passes is None:
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


def report(tasks: Sequence[FreshTask], left_out: Counter[str], results: Sequence[Judged], listed: bool) -> None:
    """Prints what was found."""
    total = sum(len(task.inputs) for task in tasks)
    passed_over = f"; passed over: {reasons_text(left_out)}" if left_out else ""
    print(f"{len(tasks)} tasks with {total} fresh inputs{passed_over}")
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


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number}: at least 1 is needed")
    return number


def main() -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
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
            passed = read_verdicts(options.rows[place]) if options.rows else {}
            files.append(Answers(path, read_completions(path), passed))
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
