"""Grades programs against problems, in parallel; a stopped grading continues where it stopped.

Languages are graded one after the other, so that a time can be given for each. Within a language, ``workers`` threads
keep as many sandboxes busy. Each finished program is one line of the rows file. A later call takes over a line if the
program, the tests and the time limit are the same.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from moesaic import __version__
from moesaic.errors import DataError, ToolchainError
from moesaic.execution.judges import find_judge, find_toolchains
from moesaic.execution.pass_at_k import pass_at_k_over_problems
from moesaic.execution.problems import Problem, read_language
from moesaic.execution.rows import Row, append_row, known_rows
from moesaic.execution.sandbox import ExecutionResult, Program, Sandbox, Status
from moesaic.execution.toolchains import Toolchain
from moesaic.files import read_json_lines, text_digest
from moesaic.languages import get_language
from moesaic.parsing import clean_source
from moesaic.progress import Bar
from moesaic.statistics import Estimate

__all__ = [
    "BenchmarkResult",
    "Completion",
    "Grading",
    "execute",
    "grade",
    "grade_programs",
    "processors",
    "read_completions",
]

_REPORTED_K = (1, 10, 100)


@dataclass(frozen=True, slots=True)
class Completion:
    """One sample for a problem.

    Attributes:
        id: Id of the problem.
        text: The text that the model wrote.
        whole: True if the text is a whole program, False if it continues the problem's prompt.
        language: Name of the language; required if problems of several languages share the id.
    """

    id: str
    text: str
    whole: bool = False
    language: str | None = None


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """The result of one language of a benchmark.

    Attributes:
        benchmark: Name of the benchmark.
        language: Name of the language.
        total: Number of programs.
        passed: Number of programs that passed; None if the language was skipped.
        status: Status -> number of programs.
        seconds: Wall time in seconds, without programs that were taken over from the rows file.
        without_solution: Number of problems that were left out because the benchmark has no gold solution for them.
        pass_at_k: k -> estimate of pass@k; empty for gold solutions.
        versions: Tool -> version, for the tools of the language.
        skipped: Why the language was not graded; "" if it was graded.
        rows: The verdicts, one per program.
    """

    benchmark: str
    language: str
    total: int
    passed: int | None = None
    status: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    without_solution: int = 0
    pass_at_k: dict[int, Estimate] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    skipped: str = ""
    rows: tuple[Row, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Returns the object that ``execute --json`` prints, without ``pass@k`` and ``skipped`` if they are empty."""
        result: dict[str, Any] = {
            "benchmark": self.benchmark,
            "language": self.language,
            "total": self.total,
            "passed": self.passed,
            "status": self.status,
            "seconds": round(self.seconds, 1),
            "without_solution": self.without_solution,
            "versions": self.versions,
        }
        result |= {f"pass@{k}": estimate.to_dict() for k, estimate in self.pass_at_k.items()}
        return result | ({"skipped": self.skipped} if self.skipped else {})


@dataclass(frozen=True, slots=True)
class Grading:
    """The result of ``grade_programs``.

    Attributes:
        rows: One row per program, in the order of the programs; without programs of skipped languages.
        pass_at_1: Language -> estimate of pass@1.
        skipped: Language -> the reason why its programs were not judged.
    """

    rows: tuple[Row, ...]
    pass_at_1: dict[str, Estimate]
    skipped: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Task:
    problem: Problem
    sample: int
    source: str

    def digest(self, wall_seconds: float) -> str:
        cases = [[case.input, case.output] for case in self.problem.cases]
        text = json.dumps([__version__, self.problem.language, self.source, self.problem.test, cases, wall_seconds])
        return text_digest(text)[:16]


def processors() -> int:
    """Returns the number of processors that this process may use, which is the default number of workers."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def grade(problem: Problem, source: str, sandbox: Sandbox) -> ExecutionResult:
    """Judges one program, made by ``problem.complete`` or ``problem.wrap``, up to the first case that fails."""
    with sandbox.build(Program(problem.language, source, problem.test, problem.defined)) as build:
        if not problem.cases:
            return sandbox.execute(build)
        for number, case in enumerate(problem.cases, 1):
            result = sandbox.execute(build, case.input)
            if result.status is Status.PASSED and not case.accepts(result.stdout):
                detail = f"test {number} of {len(problem.cases)}: another output than expected"
                return replace(result, status=Status.WRONG, detail=detail)
            if result.status is not Status.PASSED:
                return result
    return result


def execute(
    benchmark: str,
    problems: Mapping[str, Sequence[Problem]],
    completions: Sequence[Completion] | None = None,
    *,
    sandbox: Sandbox,
    workers: int | None = None,
    rows: Path | None = None,
) -> list[BenchmarkResult]:
    """Grades a benchmark's gold solutions, or completions for it.

    Args:
        benchmark: Name for the results.
        problems: Language -> problems, as ``read_problems`` returns them.
        completions: The samples to grade; None grades the gold solutions. Languages without completions are left out.
        sandbox: The sandbox that runs the programs.
        workers: Number of programs that run at the same time; by default the number of processors.
        rows: JSON Lines file to which verdicts are appended, and from which they are taken over; None for none.

    Returns:
        One result per language. If the tools of a language are missing or do not work, ``skipped`` says why.

    Raises:
        DataError: A completion belongs to no problem, a problem has no completion while others of its language have one
            (without it the score would be too high), there is nothing to grade, or the rows file cannot be used.
    """
    tasks = _gold_tasks(problems) if completions is None else _completion_tasks(problems, completions)
    if not any(tasks.values()):
        raise DataError(f"no problem of {benchmark} has a solution to grade: give a file of completions")
    toolchains, missing = _find_toolchains(tasks)
    results = []
    for language, language_tasks in tasks.items():
        without_solution = sum(problem.solution is None for problem in problems[language]) if completions is None else 0
        if language in missing:
            results.append(BenchmarkResult(benchmark, language, len(language_tasks), skipped=missing[language]))
            continue
        began = time.monotonic()
        verdicts, broken = _grade_all(f"{benchmark} {language}", language_tasks, sandbox, workers, rows)
        if broken:
            results.append(BenchmarkResult(benchmark, language, len(language_tasks), skipped=broken[language]))
            continue
        counts = Counter(row.status for row in verdicts)
        results.append(
            BenchmarkResult(
                benchmark=benchmark,
                language=language,
                total=len(verdicts),
                passed=counts[Status.PASSED],
                status={status.value: counts[status] for status in Status},
                seconds=time.monotonic() - began,
                without_solution=without_solution,
                pass_at_k={} if completions is None else _estimates(verdicts),
                versions=toolchains[language].versions,
                rows=tuple(verdicts),
            )
        )
    return results


def grade_programs(
    programs: Sequence[Mapping[str, str]],
    problems: Mapping[str, Sequence[Problem]],
    *,
    sandbox: Sandbox,
    workers: int | None = None,
    rows: Path | None = None,
) -> Grading:
    """Grades whole programs, for example a model's predictions on the embedded corpus.

    Args:
        programs: Mappings with ``id``, ``language`` and ``program``. Several programs may have the same id.
        problems: Language -> problems, for example ``read_problems("corpus", None)``.
        sandbox: The sandbox that runs the programs.
        workers: Number of programs that run at the same time; by default the number of processors.
        rows: As for ``execute``.

    Raises:
        DataError: A program belongs to no problem, or the rows file cannot be used.
    """
    by_key = {(problem.language, problem.id): problem for group in problems.values() for problem in group}
    tasks: list[_Task] = []
    samples: Counter[tuple[str, str]] = Counter()
    for program in programs:
        key = (get_language(program["language"]).name, program["id"])
        if key not in by_key:
            raise DataError(f"a program for problem {key[1]!r} in {key[0]}, which is not among the problems")
        tasks.append(_Task(by_key[key], samples[key], by_key[key].wrap(program["program"])))
        samples[key] += 1
    by_language: dict[str, list[_Task]] = {}
    for task in tasks:
        by_language.setdefault(task.problem.language, []).append(task)
    _, missing = _find_toolchains(by_language)
    verdicts, broken = _grade_all(
        "execution", [task for task in tasks if task.problem.language not in missing], sandbox, workers, rows
    )
    missing |= broken
    groups = {name: [row for row in verdicts if row.language == name] for name in sorted(by_language)}
    return Grading(tuple(verdicts), {name: _estimates(group)[1] for name, group in groups.items() if group}, missing)


def read_completions(path: Path) -> list[Completion]:
    """Reads a completions file: JSON Lines with ``task_id`` (or ``id``) and the model's text.

    The text is ``completion`` or ``prediction``, which continue the prompt, or ``program``, which is a whole program.
    Several lines for one problem are its samples. ``language`` is required if languages share an id.

    Raises:
        DataError: A line lacks the id or the text, a value is not a string, or the file has no lines.
    """
    completions = []
    for number, record in read_json_lines(path):
        place = f"{path}:{number}"
        id_ = record.get("task_id", record.get("id"))
        key = next((key for key in ("program", "completion", "prediction") if isinstance(record.get(key), str)), None)
        if not isinstance(id_, str) or key is None:
            raise DataError(f"{place}: needs 'task_id' and one of 'completion', 'prediction', 'program', all strings")
        language = record.get("language")
        if language is not None and not isinstance(language, str):
            raise DataError(f"{place}: language is {language!r:.60}: a string is needed, or none at all")
        name = None if language is None else read_language(place, language)
        completions.append(Completion(id_, clean_source(record[key]), whole=key == "program", language=name))
    if not completions:
        raise DataError(f"{path}: no completions")
    return completions


def _find_toolchains(tasks: Mapping[str, Sequence[_Task]]) -> tuple[dict[str, Toolchain], dict[str, str]]:
    """Finds the tools of the languages. A language whose tests cannot be judged counts as missing, too."""
    found, missing = find_toolchains(tasks)
    for language in list(found):
        if not find_judge(language).runs_tests and any(task.problem.test for task in tasks[language]):
            del found[language]
            missing[language] = (
                f"{language}: no launcher shows that a test ran to its end: use tests with input and output"
            )
    return found, missing


def _gold_tasks(problems: Mapping[str, Sequence[Problem]]) -> dict[str, list[_Task]]:
    return {
        language: [
            _Task(problem, 0, problem.complete(problem.solution)) for problem in group if problem.solution is not None
        ]
        for language, group in problems.items()
    }


def _completion_tasks(
    problems: Mapping[str, Sequence[Problem]], completions: Sequence[Completion]
) -> dict[str, list[_Task]]:
    by_id: dict[str, list[Problem]] = {}
    for problem in (problem for group in problems.values() for problem in group):
        by_id.setdefault(problem.id, []).append(problem)
    tasks: dict[str, list[_Task]] = {}
    samples: Counter[tuple[str, str]] = Counter()
    for completion in completions:
        fitting = [
            problem for problem in by_id.get(completion.id, []) if completion.language in (None, problem.language)
        ]
        if len(fitting) != 1:
            found = "no problem" if not fitting else "problems in several languages; add the field 'language'"
            raise DataError(f"a completion for {completion.id!r} fits {found}")
        problem = fitting[0]
        key = (problem.language, problem.id)
        source = problem.wrap(completion.text) if completion.whole else problem.complete(completion.text)
        tasks.setdefault(problem.language, []).append(_Task(problem, samples[key], source))
        samples[key] += 1
    for language in tasks:
        absent = [problem.id for problem in problems[language] if not samples[language, problem.id]]
        if absent:
            raise DataError(
                f"{len(absent)} of {len(problems[language])} problems in {language} have no completion, the first is "
                f"{absent[0]!r}: a score without them would be too high; give an empty completion where the model gave "
                "none"
            )
    return {language: tasks[language] for language in problems if language in tasks}


def _grade_all(
    title: str, tasks: Sequence[_Task], sandbox: Sandbox, workers: int | None, rows: Path | None
) -> tuple[list[Row], dict[str, str]]:
    """Grades the tasks that the rows file does not have yet.

    Returns:
        Verdicts in the order of the tasks, and language -> why its tools do not work. Such a language has no verdicts
        here, since they would cover only some of its programs; they stay in the rows file for a later call.
    """
    known = known_rows(rows)
    verdicts: dict[int, Row] = {}
    open_tasks: list[tuple[int, _Task, str]] = []
    for index, task in enumerate(tasks):
        digest = task.digest(sandbox.limits.wall_seconds)
        row = known.get((task.problem.language, task.problem.id, task.sample))
        if row is not None and row.digest == digest:
            verdicts[index] = row
        else:
            open_tasks.append((index, task, digest))
    num_passed = sum(row.passed for row in verdicts.values())
    broken: dict[str, str] = {}
    pool = ThreadPoolExecutor(workers or processors())
    try:
        futures: dict[Future[ExecutionResult], tuple[int, _Task, str]] = {
            pool.submit(grade, item[1].problem, item[1].source, sandbox): item for item in open_tasks
        }
        with Bar(title, len(tasks), "programs") as bar:
            bar.advance(len(verdicts), passed=num_passed)
            for future in as_completed(futures):
                index, task, digest = futures[future]
                try:
                    row = _row(task, future.result(), digest)
                except ToolchainError as error:
                    broken.setdefault(task.problem.language, str(error))
                    bar.advance(passed=num_passed)
                    continue
                verdicts[index] = row
                if rows is not None:
                    append_row(rows, row)
                num_passed += row.passed
                bar.advance(passed=num_passed)
    finally:
        pool.shutdown(cancel_futures=True)
    judged = [index for index, task in enumerate(tasks) if task.problem.language not in broken]
    return [verdicts[index] for index in judged], broken


def _row(task: _Task, result: ExecutionResult, digest: str) -> Row:
    problem = task.problem
    return Row(
        id=problem.id,
        language=problem.language,
        sample=task.sample,
        status=result.status.value,
        stage=result.stage,
        seconds=round(result.seconds, 3),
        detail=result.detail,
        digest=digest,
    )


def _estimates(rows: Sequence[Row]) -> dict[int, Estimate]:
    verdicts: dict[str, list[bool]] = {}
    for row in rows:
        verdicts.setdefault(row.id, []).append(row.passed)
    fewest = min(len(samples) for samples in verdicts.values())
    return {k: pass_at_k_over_problems(verdicts, k) for k in _REPORTED_K if k <= fewest}
