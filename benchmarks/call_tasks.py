"""Makes tasks with tests in eight languages, for data.tasks, out of programs in Python that have a task in words.

    python benchmarks/call_tasks.py PROGRAMS.jsonl --languages ruby,go,php,typescript,python,java,javascript,cpp
        --out FOLDER --allow-code-execution [--most N] [--inputs 8] [--seed 0] [--workers N] [--mbxp MBXP]

PROGRAMS.jsonl is a file of examples, as the stage ``data`` writes them, such as ``data/python/train.jsonl`` of a run
with XLCoST: functions, then a driver that calls one of them and prints. If that function takes and returns plain values
(numbers, truth values, texts, and lists of these), a task is made: write the function. The program runs in the sandbox
with the calls of its driver recorded (``call_programs.py``). Without its driver, it is the gold solution, which is
asked for the results of up to ``--inputs`` new arguments.

One file per language appears in FOLDER: problems in the format ``own`` (docs/execution.md), each with a signature and
two examples in the manner of MBXP, and with assertions in the language. Give the files to a run as ``data.tasks``. A
language that writes types gets no task whose values have none, such as a list of numbers and texts. Problems in Python
carry the gold solution, so that the following command checks the tests:

    moesaic execute own FOLDER/python.jsonl --allow-code-execution

FOLDER/counts.json says how many tasks there are in each language, and why other programs gave none. All files appear by
rename when all programs have run; a stopped command leaves nothing. The same programs and seed give the same files, as
long as the same programs end in time. With ``--most``, work ends when so many programs have given a task.

HumanEval is refused. With ``--mbxp``, no task is made whose function has the name of one in MBXP's test or validation
tasks: many programs of XLCoST and many tasks of MBXP go back to the same exercises. A title of a few words is less than
a description, and a test can demand what the title does not say (docs/reward.md).
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from call_gold import NoTaskError
from call_languages import LANGUAGES, problem_of
from call_names import parts_of
from call_programs import CallTask, make_task
from call_values import NoTypeError
from places import folder_to_write

from moesaic.data.examples import Example, read_examples
from moesaic.data.humaneval import refuse_humaneval
from moesaic.data.mbxp import mbxp_files, split_of
from moesaic.errors import DataError, MoesaicError
from moesaic.execution.grading import grade, processors
from moesaic.execution.problems import Problem, read_problems
from moesaic.execution.sandbox import Sandbox, Status
from moesaic.files import write_json, write_json_lines
from moesaic.languages import get_language
from moesaic.progress import Bar

NO_TYPE = "a parameter or the result has no one type"


def read_programs(path: Path) -> list[Example]:
    """Reads the programs.

    Raises:
        DataError: The file is missing or malformed, has programs of another language, or holds HumanEval.
    """
    examples = read_examples(path)
    if others := sorted({example.language for example in examples} - {"python"}):
        raise DataError(f"{path}: programs in Python are needed, found some in {', '.join(others)}: name another file")
    refuse_humaneval("PROGRAMS", str(path), [path.name, *(example.id for example in examples)])
    return examples


def measured_names(path: Path) -> frozenset[str]:
    """Returns the names of the functions in MBXP's test and validation tasks in Python, without their form.

    Raises:
        DataError: MBXP is not there, or has no tasks in Python, or it is HumanEval.
    """
    mbxp_files(path, "--mbxp")
    problems = read_problems("mbxp", path, "python")["python"]
    refuse_humaneval("--mbxp", str(path), (problem.id for problem in problems))
    return frozenset(
        _plain(name) for problem in problems if split_of(problem.id) != "train" for name in problem.defined
    )


def _plain(name: str) -> str:
    return "".join(parts_of(name))


def make_tasks(
    examples: Sequence[Example],
    most: int | None,
    inputs: int,
    seed: int,
    workers: int,
    sandbox: Sandbox,
    measured: frozenset[str] = frozenset(),
) -> tuple[list[CallTask], Counter[str], int]:
    """Makes the tasks of the programs, in their order; none with the name of a function that is ``measured``.

    Returns:
        The tasks, reason -> number of programs that gave none for it, and the number of programs that were looked at.

    Raises:
        DataError: No program gives a task.
    """

    def outcome(example: Example) -> CallTask | str:
        try:
            task = make_task(example, inputs, seed, sandbox)
        except NoTaskError as reason:
            return str(reason)
        row = problem_of(task, "python")
        problem = Problem(id=row["id"], language="python", prompt=row["prompt"], test=row["test"])
        # A test calls the function several times in one process, and results were asked for in a process each.
        passes = grade(problem, problem.complete(row["solution"]), sandbox).status is Status.PASSED
        return task if passes else "its gold solution fails the test, most often because it remembers earlier calls"

    found: list[CallTask] = []
    left_out = Counter[str]()
    seen: set[tuple[str, str]] = set()
    looked_at = 0
    pool = ThreadPoolExecutor(workers)
    try:
        with Bar("tasks", len(examples), "programs") as bar:
            for result in _in_order(pool, outcome, examples, 2 * workers):
                looked_at += 1
                if isinstance(result, str):
                    left_out[result] += 1
                elif _plain(result.entry) in measured:
                    left_out["a test or validation task of MBXP has a function of this name"] += 1
                elif (key := (result.title.lower(), result.entry)) in seen:
                    left_out["there is a task of this title and function already"] += 1
                else:
                    seen.add(key)
                    found.append(result)
                bar.advance(tasks=len(found))
                if len(found) == most:
                    break
    finally:
        pool.shutdown(cancel_futures=True)
    if not found:
        reasons = "; ".join(f"{count} because {reason}" for reason, count in left_out.most_common())
        raise DataError(f"none of {looked_at} programs gives a task: {reasons}")
    return found, left_out, looked_at


def _in_order(pool: ThreadPoolExecutor, work: Any, items: Sequence[Any], ahead: int) -> Iterator[Any]:
    """Yields the results in the order of the items; only a few items are begun before they are asked for."""
    waiting = iter(items)
    running = [pool.submit(work, item) for item in itertools.islice(waiting, ahead)]
    while running:
        yield running.pop(0).result()
        running += [pool.submit(work, item) for item in itertools.islice(waiting, 1)]


def write_problems(tasks: Sequence[CallTask], languages: Sequence[str], folder: Path) -> dict[str, dict[str, int]]:
    """Writes one file of problems per language.

    Returns:
        Language -> ``tasks``, their number, and ``no_type``, the number of those that the language cannot have.
    """
    made: dict[str, list[dict[str, str]]] = {}
    for language in languages:
        made[language] = []
        for task in tasks:
            try:
                made[language].append(problem_of(task, language))
            except NoTypeError:
                continue
    for language, rows in made.items():
        write_json_lines(folder / f"{language}.jsonl", rows)
    return {language: {"tasks": len(rows), "no_type": len(tasks) - len(rows)} for language, rows in made.items()}


def _languages(text: str) -> list[str]:
    names: list[str] = []
    for name in filter(None, map(str.strip, text.split(","))):
        try:
            found = get_language(name).name
        except DataError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        if found not in LANGUAGES:
            raise argparse.ArgumentTypeError(f"{name}: tasks can be written in {', '.join(LANGUAGES)}")
        names.append(found)
    if not names:
        raise argparse.ArgumentTypeError("at least one language is needed")
    return list(dict.fromkeys(names))


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: a whole number of at least 1 is needed")
    return number


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=Path, metavar="PROGRAMS.jsonl", help="examples in Python: id, text, code")
    parser.add_argument("--languages", type=_languages, required=True, help=f"with commas, of {', '.join(LANGUAGES)}")
    parser.add_argument("--out", type=folder_to_write, required=True, metavar="FOLDER", help="folder of the problems")
    parser.add_argument("--most", type=_positive, metavar="N", help="most tasks (default: as many as there are)")
    parser.add_argument("--inputs", type=_positive, default=8, help="most new arguments per task (default 8)")
    parser.add_argument("--seed", type=int, default=0, help="of the new arguments (default 0)")
    parser.add_argument("--workers", type=_positive, default=None, help="programs at a time (default: one per core)")
    parser.add_argument(
        "--mbxp", type=Path, help="MBXP's folder: make no task named as one that it measures or decides by"
    )
    parser.add_argument("--allow-code-execution", action="store_true", help="run the programs (sandboxed)")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    try:
        examples = read_programs(options.programs)
        measured = measured_names(options.mbxp) if options.mbxp is not None else frozenset()
        workers = options.workers or processors()
        with Sandbox(allow_code_execution=options.allow_code_execution) as sandbox:
            tasks, left_out, looked_at = make_tasks(
                examples, options.most, options.inputs, options.seed, workers, sandbox, measured
            )
        options.out.mkdir(parents=True, exist_ok=True)
        counts = write_problems(tasks, options.languages, options.out)
        summary = {
            "programs": looked_at,
            "tasks": len(tasks),
            "languages": counts,
            "left_out": dict(left_out.most_common()),
        }
        write_json(options.out / "counts.json", summary)
    except (MoesaicError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{len(tasks):,} tasks of {looked_at:,} programs in {time.monotonic() - started:,.0f} s")
    for language, count in counts.items():
        less = f"; {count['no_type']:,} left out because {NO_TYPE}" if count["no_type"] else ""
        print(f"{language}: {count['tasks']:,} tasks{less}")
    for reason, number in left_out.most_common():
        print(f"no task of {number:,} programs because {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
