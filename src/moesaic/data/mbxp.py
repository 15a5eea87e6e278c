"""Makes training examples of MBXP's gold solutions: a signature with its doc comment, and its completion.

MBXP (Athiwaratkun et al. 2023, arXiv:2210.14868) poses about a thousand small tasks in several languages; a task has
the same number in each. The tasks are split by this number in the same way in every language, so that a held-out task
is not seen in any language: numbers that end in 0 are for test, numbers that end in 5 for validation, and the others
for training.

Some gold solutions fail their own tests. Two kinds are left out: solutions that failed when all solutions of three
fifths of the tasks were run (``docs/execution.md``), and solutions in JavaScript and PHP in which a parameter differs
in case from the signature, which is the fault of nearly all the others. Solutions that do not parse are left out like
all such programs.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from moesaic.data.examples import Example, read_records, string_field
from moesaic.data.humaneval import refuse_humaneval
from moesaic.errors import DataError
from moesaic.languages import get_language
from moesaic.parsing import encode, parse, walk

HELD_OUT = "held_out"
NO_SOLUTION = "no_solution"
FAILS_TESTS = "fails_tests"
REASONS = (HELD_OUT, NO_SOLUTION, FAILS_TESTS)
"""The reasons why a task gives no training example, in the order in which they are checked."""

_SPLIT_OF_DIGIT = {"0": "test", "5": "validation"}

_FAILING = {
    "python": frozenset({56, 64, 160, 341, 349, 596, 601, 607, 631, 899, 927}),
    "java": frozenset({106, 214, 300, 325, 432, 622, 738, 904}),
    "javascript": frozenset({174, 230, 546, 585, 679, 844, 939}),
    "cpp": frozenset({150, 769}),
    "php": frozenset(
        {123, 137, 175, 217, 220, 230, 247, 347, 386, 390, 459, 469, 496, 546, 549, 592, 666, 699, 819, 834, 906, 933}
        | {941, 965}
    ),
    "ruby": frozenset({453, 546}),
    "typescript": frozenset(
        {96, 258, 870, 167, 555, 300, 109, 664, 655, 23, 62, 666, 126}
        | {229, 71, 953, 650, 333, 815, 54, 505, 507}
        | {499, 595}
    ),
}
"""Language -> numbers of the tasks whose gold solution failed, without those that ``_misnames_parameter`` finds."""

_VARIABLES = {"javascript": "identifier", "php": "variable_name"}
"""Language -> node type of a variable, for languages in which parameters may differ in case from the signature."""


def split_of(task_id: str) -> str:
    """Returns the split of a task of MBXP: ``train``, ``validation`` or ``test``.

    Args:
        task_id: The benchmark's id of the task, which ends in its number, as in ``MBJP/17``.
    """
    return _SPLIT_OF_DIGIT.get(task_id[-1:], "train")


def read_mbxp(path: Path, languages: tuple[str, ...]) -> dict[str, tuple[list[Example], Counter[str]]]:
    """Reads the training tasks.

    Args:
        path: One of MBXP's JSON Lines files, or a folder with such files at any depth.
        languages: Names of languages.

    Returns:
        Language -> examples, and the number of tasks that were left out for each of ``REASONS``. Languages without any
        task are not included.

    Raises:
        DataError: There is no file, or a line is malformed.
    """
    found: dict[str, tuple[list[Example], Counter[str]]] = {}
    for file in mbxp_files(path):
        for where, record in read_records(file):
            language = _language(string_field(record, "language", where))
            if language not in languages:
                continue
            examples, left_out = found.setdefault(language, ([], Counter(dict.fromkeys(REASONS, 0))))
            example = _example(record, where, language)
            if isinstance(example, str):
                left_out[example] += 1
            else:
                examples.append(example)
    return {name: found[name] for name in languages if name in found}


def mbxp_files(path: Path, key: str = "data.extra") -> list[Path]:
    """Returns the files to read, sorted.

    Args:
        path: One of MBXP's JSON Lines files, or a folder with such files at any depth.
        key: Key of the recipe that names the path, for error messages.

    Raises:
        DataError: There is no file.
    """
    files = sorted(path.rglob("*.jsonl")) if path.is_dir() else [path] if path.is_file() else []
    if not files:
        what = "has no .jsonl file" if path.is_dir() else "does not exist"
        raise DataError(f"{key}: {str(path)!r} {what}: after mbxp: give MBXP's folder or one of its .jsonl files")
    return files


def _example(record: dict[str, Any], where: str, language: str) -> Example | str:
    """Returns the training example of a line, or the reason why there is none."""
    task_id = string_field(record, "task_id", where)
    refuse_humaneval("data.extra", where, [task_id])
    number = task_id.rpartition("/")[2]
    if not number.isdecimal():
        raise DataError(f"{where}: task_id {task_id!r} must end in a number, as MBJP/17 does")
    if split_of(task_id) != "train":
        return HELD_OUT
    if not record.get("canonical_solution"):
        return NO_SOLUTION
    opening = string_field(record, "prompt", where).lstrip("\n")
    solution = string_field(record, "canonical_solution", where).rstrip()
    if int(number) in _FAILING.get(language, ()) or _misnames_parameter(opening, solution, language):
        return FAILS_TESTS
    text = string_field(record, "description", where).strip()
    return Example(f"mbxp/{number}", language, text, f"{opening}{solution}\n", opening=opening)


def _misnames_parameter(opening: str, solution: str, language: str) -> bool:
    """Returns whether a solution uses a name that differs only in case from a name of the signature."""
    if language not in _VARIABLES:
        return False
    start, text = len(encode(opening)), encode(opening + solution)
    names: tuple[set[bytes], set[bytes]] = (set(), set())
    for node in walk(parse(opening + solution, language)):
        if node.type == _VARIABLES[language]:
            names[node.start_byte >= start].add(text[node.start_byte : node.end_byte])
    given, used = names
    return not {name.lower() for name in used - given}.isdisjoint({name.lower() for name in given})


def _language(name: str) -> str | None:
    try:
        return get_language(name).name
    except DataError:
        return None  # the benchmark has a dozen others
