"""Makes training data for languages without a text-to-code data set: MBXP's and the base's own solutions that pass.

    python benchmarks/growth_data.py gold    --tasks MBXP --languages ruby,php,typescript,go --out FOLDER
    python benchmarks/growth_data.py answers RECIPE [key=value ...] --tasks MBXP --languages go,ruby --out FOLDER
                                             [--samples 4] [--temperature 0.8] [--judge]
    python benchmarks/growth_data.py judge   --tasks MBXP --languages go,ruby --out FOLDER
    python benchmarks/growth_data.py pairs   --tasks MBXP --languages ruby,php,typescript,go --out FOLDER
                                             --pairs PAIRS [--with DATA] [--per-task 3] [--own]
    python benchmarks/growth_data.py take    --tasks MBXP --languages ruby,php --out FOLDER --kept KEEP [--samples 2]
    python benchmarks/growth_data.py strict  --tasks MBXP --languages ruby,php --out FOLDER

``gold`` runs MBXP's solutions against their tests and keeps those that pass. ``answers`` lets RECIPE's base write
programs for the same tasks. With ``--judge``, the programs in one language run while those in the next are written;
otherwise ``judge`` runs them, if necessary on another machine. Every file appears by rename, and verdicts are appended,
so that a stopped command can continue. ``pairs`` writes the programs that passed as
``PAIRS/<language>/{train,validation,test}.jsonl`` for ``data.source``: completions of the task's signature, with the
solution and at most ``--per-task`` different programs of the base per task. ``--with`` adds the languages of a prepared
data stage. With ``--own``, nothing is trained on that the base did not write: solutions are used only for the test
split, and training tasks whose number ends in 4 are the validation split. ``take`` copies programs that the stage
``keep`` of a run let the base write, the first few of each task, instead of asking the base again. The stage asks only
for training tasks; ``answers`` then lets the base write programs for the others, which a language without solutions
needs.

``strict`` writes MBXP's files once more, with tests that tell truth values, numbers and texts apart, for
``data.tasks``. A model that is rewarded for passing PHP's own tests can learn to return ``true`` instead of an answer.
The same number in another form, such as 2.0 for 2, still passes.

The split depends on the task's number and is the same in every language: numbers that end in 0 are for test, in 5 for
validation, and the rest for training. For validation and test, only MBXP's solution is used if there is one. A language
without solutions (Go) has the base's own programs there, so that its loss is lower than on programs that others wrote.
HumanEval is never read.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from moesaic.data.examples import SPLITS, Example, read_examples, write_examples
from moesaic.data.humaneval import refuse_humaneval
from moesaic.data.mbxp import mbxp_files, split_of
from moesaic.errors import DataError, MoesaicError
from moesaic.evaluate.benchmarks import completion_row, problem_ids
from moesaic.execution.grading import Completion, execute
from moesaic.execution.problems import Problem, read_problems
from moesaic.execution.rows import known_rows
from moesaic.execution.sandbox import Sandbox
from moesaic.files import link_or_copy, read_json_lines, write_json, write_json_lines
from moesaic.parsing import parses
from moesaic.pipeline.sampling import generate_together
from moesaic.pipeline.session import Session
from moesaic.progress import say
from moesaic.recipe import load_recipe
from moesaic.train.experts import seed_of

_SAME_IN_PHP = """
    $kind = fn($value) => is_int($value) || is_float($value) ? "number" : gettype($value);
    $same = function ($a, $b) use (&$same, $kind) {
        if ($kind($a) !== $kind($b)) { return false; }
        if (is_string($a)) { return $a === $b; }
        if (!is_array($a)) { return $a == $b; }
        foreach ($a as $key => $value) {
            if (!array_key_exists($key, $b) || !$same($value, $b[$key])) { return false; }
        }
        return count($a) === count($b);
    };
    return $same($x, $y);"""

_SAME_IN_TYPESCRIPT = """
const assertSame_ = (actual: any, expected: any, message?: string): void => {
  const normal = (value: any): any => {
    if (value === null) { return undefined; }
    if (typeof value === "bigint") { return Number(value); }
    if (typeof value === "number") { return value + 0; } // -0 becomes 0
    if (Array.isArray(value)) { return Array.from(value, (item) => normal(item)); }
    if (value instanceof Map) { return new Map(Array.from(value, ([key, item]) => [normal(key), normal(item)])); }
    if (value instanceof Set) { return new Set(Array.from(value, (item) => normal(item))); }
    if (Object.prototype.toString.call(value) !== "[object Object]") { return value; }
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, normal(item)]));
  };
  assert.deepEqual(actual, expected, message);
  assert.deepStrictEqual(normal(actual), normal(expected), message);
};
"""

_STRICT = {
    "php": ("return $x == $y;", _SAME_IN_PHP, ""),
    "typescript": ("assert.deepEqual(", "assertSame_(", _SAME_IN_TYPESCRIPT),
}
"""Language -> how its tests compare, how they compare here, and what is defined for this before the test.

To ``==`` true equals every number but 0 and every non-empty array, and a text of digits equals a number, so that
programs pass which return the one for the other, many of PHP's solutions among them. Here, values of two kinds are
never equal. All numbers are one kind, because a program that returns 2.0 for 2 or -0 for 0 is right. In TypeScript,
null and undefined are one kind, too; ``deepStrictEqual`` alone would tell them apart, and -0 from 0. MBXP's own
comparison comes first, so that nothing passes here that fails there.
"""

GOLD, ANSWERS, VERDICTS = "gold", "answers", "verdicts"


def read_tasks(path: Path, languages: Sequence[str]) -> dict[str, list[Problem]]:
    """Reads MBXP's tasks of some languages.

    Raises:
        DataError: A language has no tasks, or the tasks are from HumanEval.
    """
    mbxp_files(path, "--tasks")
    problems = read_problems("mbxp", path)
    refuse_humaneval("--tasks", str(path), (problem.id for group in problems.values() for problem in group))
    if missing := [name for name in languages if name not in problems]:
        raise DataError(f"--tasks: {path} has no task in {', '.join(missing)}")
    return {
        name: [replace(problem, test=strict_test(problem.test, name)) for problem in problems[name]]
        for name in languages
    }


def strict_test(test: str, language: str) -> str:
    """Returns a test of MBXP or of HumanEval in its format, which tells truth values, numbers and texts apart."""
    if language not in _STRICT:
        return test
    loose, strict, definition = _STRICT[language]
    is_strict = test.startswith(definition) if definition else strict in test
    return definition + test.replace(loose, strict) if loose in test and not is_strict else test


def write_strict(path: Path, languages: Sequence[str], folder: Path) -> dict[str, int]:
    """Writes MBXP's files of some languages with strict tests; returns language -> number of tasks.

    Raises:
        DataError: A language has no tasks, the tasks are from HumanEval, or the folder is that of MBXP's own files.
    """
    if folder.resolve() in {file.parent.resolve() for file in mbxp_files(path, "--tasks")}:
        raise DataError(f"--out: {folder} holds MBXP's own files, which would be overwritten: give another folder")
    language_of = {task.id: name for name, tasks in read_tasks(path, languages).items() for task in tasks}
    count = Counter[str]()
    for file in mbxp_files(path, "--tasks"):
        wanted = [row for _, row in read_json_lines(file) if row["task_id"] in language_of]
        for row in wanted:
            name = language_of[row["task_id"]]
            row["test"] = strict_test(row["test"], name)
            count[name] += 1
        if wanted:
            folder.mkdir(parents=True, exist_ok=True)
            write_json_lines(folder / file.name.removesuffix(".gz"), wanted)
    return dict(count)


def read_texts(path: Path) -> dict[str, str]:
    """Returns task -> its description in words."""
    rows = (row for file in mbxp_files(path, "--tasks") for _, row in read_json_lines(file))
    return {row["task_id"]: row["description"].strip() for row in rows}


def write_gold(tasks: Mapping[str, Sequence[Problem]], folder: Path) -> None:
    """Runs the solutions and writes those that pass to one file per language, with ``task_id`` and ``completion``."""
    for name, problems in tasks.items():
        path = folder / GOLD / f"{name}.jsonl"
        if path.exists():
            continue
        passed: list[dict[str, str]] = []
        if any(problem.solution for problem in problems):
            rows = _run({name: problems}, None, folder / VERDICTS / f"gold-{name}.jsonl")
            good = {row for row, fine in rows if fine}
            passed = [
                {"task_id": problem.id, "completion": problem.solution or ""}
                for problem in problems
                if problem.id in good
            ]
        write_json_lines(path, passed)
        say(f"{name}: {len(passed)} of {len(problems)} tasks have a solution that passes")


def write_answers(
    session: Session,
    tasks: Mapping[str, Sequence[Problem]],
    folder: Path,
    *,
    samples: int,
    temperature: float,
    max_new_tokens: int,
    judging: bool,
) -> None:
    """Lets the base complete every task without an answer ``samples`` times; can run the answers at the same time."""
    options, prompt, waiting = session.recipe.predict, session.prompt, list[Future[None]]()
    with ThreadPoolExecutor(1) as judge:
        for name, problems in tasks.items():
            path = folder / ANSWERS / f"{name}.jsonl"
            rows = [row for _, row in read_json_lines(path)] if path.exists() else []
            answered = {row["task_id"] for row in rows}  # all tasks, or the training tasks alone after take
            if wanted := [problem for problem in problems if problem.id not in answered for _ in range(samples)]:
                generations = generate_together(
                    session.ranks,
                    session.base.model,
                    prompt,
                    [problem_ids(prompt, problem) for problem in wanted],
                    f"answers of the base: {name}",
                    "answers",
                    max_new_tokens=max_new_tokens,
                    temperature=temperature,
                    seed=seed_of(session.recipe.seed, f"growth {name}"),
                    batch_size=options.batch_size,
                    compile=options.compile,
                )
                rows += [
                    completion_row(problem, prompt.decode(generation.ids), len(generation.ids), generation.stopped)
                    for problem, generation in zip(wanted, generations, strict=True)
                ]
                write_json_lines(path, rows)
            if judging:
                waiting.append(judge.submit(judge_answers, {name: problems}, folder))
        for future in waiting:
            future.result()


def take_answers(kept: Path, languages: Sequence[str], folder: Path, samples: int) -> None:
    """Copies the first answers to each task from a stage ``keep``, one file per language."""
    for name in languages:
        count = Counter[str]()
        rows = []
        for _, row in read_json_lines(kept / "answers" / f"{name}.jsonl"):
            count[row["task_id"]] += 1
            if count[row["task_id"]] <= samples:
                rows.append(row)
        (folder / ANSWERS).mkdir(parents=True, exist_ok=True)
        write_json_lines(folder / ANSWERS / f"{name}.jsonl", rows)
        say(f"{name}: {len(rows)} answers to {len(count)} tasks")


def judge_answers(tasks: Mapping[str, Sequence[Problem]], folder: Path) -> None:
    """Runs the programs, and writes one verdict per line to ``verdicts/<language>.jsonl``."""
    for name, problems in tasks.items():
        rows = [row for _, row in read_json_lines(folder / ANSWERS / f"{name}.jsonl")]
        completions = [Completion(row["task_id"], row["completion"], language=name) for row in rows]
        asked = {row["task_id"] for row in rows}  # a stage keep asks only training tasks
        there = {name: [problem for problem in problems if problem.id in asked]}
        passed = sum(fine for _, fine in _run(there, completions, folder / VERDICTS / f"{name}.jsonl"))
        say(f"{name}: {passed} of {len(rows)} answers pass")


def _run(
    tasks: Mapping[str, Sequence[Problem]], completions: Sequence[Completion] | None, rows: Path
) -> list[tuple[str, bool]]:
    """Returns the task and whether it passes for each program, in order; raises if the language's tools are missing."""
    rows.parent.mkdir(parents=True, exist_ok=True)
    with Sandbox("bubblewrap", allow_code_execution=True) as sandbox:
        (result,) = execute("mbxp", tasks, completions, sandbox=sandbox, rows=rows)
    if result.skipped:
        raise DataError(f"{result.language}: programs were not run: {result.skipped}")
    return [(row.id, row.passed) for row in result.rows]


def write_pairs(
    tasks: Mapping[str, Sequence[Problem]],
    texts: Mapping[str, str],
    folder: Path,
    target: Path,
    per_task: int,
    old: Path | None,
    *,
    own_only: bool = False,
) -> dict[str, dict[str, int]]:
    """Writes the examples of every language and split; returns how many there are.

    Args:
        tasks: Language -> tasks.
        texts: Task -> its description in words, by which repeated problems are recognised.
        folder: Folder of the solutions, answers and verdicts.
        target: Folder of the examples.
        per_task: Maximum number of the base's programs per task.
        old: A data stage whose languages are added.
        own_only: Whether only programs of the base are used for training and validation.

    Raises:
        DataError: A language has no program for a split, or an answer was not run. Nothing is written.
    """
    counts: dict[str, dict[str, int]] = {}
    made: dict[str, dict[str, list[Example]]] = {}
    for name, problems in tasks.items():
        gold = dict(_completions(folder / GOLD / f"{name}.jsonl"))
        own = _passing(folder, name)
        solved = {split_of(id_) for id_ in gold}
        made[name] = examples = {split: [] for split in SPLITS}
        for problem in problems:
            split, found = split_of(problem.id), []
            if own_only and split != "test":
                if split == "validation":
                    continue
                split = "validation" if problem.id.endswith("4") else "train"
            elif problem.id in gold:
                found.append(gold[problem.id])
            if split == "train" or (own_only and split == "validation") or split not in solved:
                found += own.get(problem.id, [])[:per_task]
            kept = {example.code: example for text in found if (example := _example(problem, texts, text)) is not None}
            examples[split] += kept.values()
        counts[name] = {split: len(found) for split, found in examples.items()} | {"own": sum(map(len, own.values()))}
        if lacking := [split for split, found in examples.items() if not found]:
            raise DataError(
                f"{name}: no program passes for the split {lacking[0]}: let the base write more with answers (after "
                "take, it has not been asked for programs of validation and test tasks), run them with judge, or leave "
                f"{name} out of --languages"
            )
    for name, examples in made.items():
        for split, found in examples.items():
            write_examples(target / name / f"{split}.jsonl", found)
    for place in sorted(old.glob("*/*.jsonl")) if old is not None else ():
        if place.parent.name not in tasks and place.stem in SPLITS:
            (target / place.parent.name).mkdir(parents=True, exist_ok=True)
            copy = target / place.parent.name / place.name
            copy.unlink(missing_ok=True)
            link_or_copy(place, copy)
            counts.setdefault(place.parent.name, {})[place.stem] = len(read_examples(place))
    write_json(target / "counts.json", counts)
    return counts


def _completions(path: Path) -> list[tuple[str, str]]:
    return [(row["task_id"], row["completion"]) for _, row in read_json_lines(path)] if path.exists() else []


def _passing(folder: Path, language: str) -> dict[str, list[str]]:
    """Returns task -> different answers of the base that pass, in the order in which they were written."""
    rows = folder / VERDICTS / f"{language}.jsonl"
    verdicts = known_rows(rows if rows.exists() else None)
    found: dict[str, dict[str, None]] = {}
    count = Counter[str]()
    for id_, text in _completions(folder / ANSWERS / f"{language}.jsonl"):
        row = verdicts.get((language, id_, count[id_]))
        count[id_] += 1
        if row is None:
            raise DataError(f"{language}: an answer to {id_} was not run: run judge first")
        if row.passed:
            found.setdefault(id_, {})[text] = None
    return {id_: list(texts) for id_, texts in found.items()}


def _example(problem: Problem, texts: Mapping[str, str], completion: str) -> Example | None:
    # Ruby's solutions continue in the line of the signature; a line break there changes nothing.
    opening = problem.prompt.strip() + "\n"
    code = opening + completion.lstrip("\n").rstrip() + "\n"
    if not parses(code, problem.language):
        return None
    number = problem.id.rpartition("/")[2]
    return Example(f"mbxp/{number}", problem.language, texts[problem.id], code, opening=opening)


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise argparse.ArgumentTypeError("at least one language is needed")
    return names


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("gold", "answers", "take", "judge", "pairs", "strict"))
    parser.add_argument("recipe", nargs="*", metavar="RECIPE key=value", help="for answers: whose base writes")
    parser.add_argument("--tasks", type=Path, required=True, help="MBXP's folder")
    parser.add_argument("--languages", type=_names, required=True, help="languages, with commas")
    parser.add_argument("--out", type=Path, required=True, help="folder of solutions, answers and verdicts")
    parser.add_argument("--samples", type=int, default=4, help="answers a task")
    parser.add_argument("--temperature", type=float, default=0.8, help="of the answers")
    parser.add_argument("--max-new-tokens", type=int, default=384, help="longest answer")
    parser.add_argument("--judge", action="store_true", help="run the answers while others are written")
    parser.add_argument("--pairs", type=Path, help="folder of the examples")
    parser.add_argument("--with", dest="old", type=Path, help="a data stage, whose languages are added")
    parser.add_argument("--own", action="store_true", help="train and validate on the base's own programs alone")
    parser.add_argument("--kept", type=Path, help="folder of a finished stage keep")
    parser.add_argument("--per-task", type=int, default=3, help="most own programs a task")
    options = parser.parse_intermixed_args(arguments)
    try:
        tasks = read_tasks(options.tasks, options.languages)
        if options.what == "gold":
            write_gold(tasks, options.out)
        elif options.what == "take":
            if options.kept is None:
                parser.error("take: give --kept FOLDER")
            take_answers(options.kept, options.languages, options.out, options.samples)
        elif options.what == "judge":
            judge_answers(tasks, options.out)
        elif options.what == "strict":
            for name, tasks_of_it in write_strict(options.tasks, options.languages, options.out).items():
                print(f"{name}: {tasks_of_it:,} tasks")
        elif options.what == "pairs":
            if options.pairs is None:
                parser.error("pairs: give --pairs FOLDER")
            texts = read_texts(options.tasks)
            for name, found in write_pairs(
                tasks, texts, options.out, options.pairs, options.per_task, options.old, own_only=options.own
            ).items():
                print(f"{name}: {', '.join(f'{key} {count:,}' for key, count in found.items())}")
        else:
            if not options.recipe:
                parser.error("answers: give RECIPE")
            path, *overrides = options.recipe
            session = Session(load_recipe(Path(path), overrides))
            write_answers(
                session,
                tasks,
                options.out,
                samples=options.samples,
                temperature=options.temperature,
                max_new_tokens=options.max_new_tokens,
                judging=options.judge,
            )
    except (MoesaicError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
