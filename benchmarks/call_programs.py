"""Makes a task of a Python program whose driver calls one function with plain values. For ``call_tasks.py``.

The program runs in the sandbox only: once with its calls recorded (``call_recorder.py``), and then without its driver,
as the gold solution, with the recorded and with new arguments (``fresh_tasks.py``).
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import call_recorder
from call_gold import NoTaskError, gold, new_name, renamed
from call_values import has_float, is_usable
from call_variants import variants
from fresh_calls import agrees
from fresh_mutation import fresh_arguments
from fresh_own_tests import Arguments, OwnTests
from fresh_tasks import CANDIDATES, NOTHING, gold_results, varied

from moesaic.data.examples import Example
from moesaic.execution.sandbox import Limits, Program, Sandbox, Status
from moesaic.files import parse_json

LIMITS = Limits(wall_seconds=20.0, cpu_seconds=5.0)
FEWEST = 4  # different inputs of a task
MOST_RECORDED = 4  # of the driver's calls are used
LONGEST_EXAMPLE = 160  # characters of a call and its result that the prompt shows
TOLERANCE = 1e-6

_READING = frozenset({"input", "open", "stdin", "eval", "exec", "__import__", "globals", "subprocess", "socket", "os"})
_CHANGING = frozenset({"random", "randint", "randrange", "secrets", "uuid", "time", "datetime", "date", "id", "hash"})
_CUT = frozenset({"a", "an", "the", "non", "of", "in", "its", "sub", "pre", "to", "for", "with", "co", "semi", "multi"})


@dataclass(frozen=True)
class CallTask:
    """A function to write, in words, and what it returns.

    Attributes:
        id: Id of the program that it was made of.
        title: The task in words.
        entry: Name of the function.
        parameters: Names of its parameters.
        calls: Arguments and results. The first two are examples.
        body: The lines of the gold solution that follow the function's signature.
    """

    id: str
    title: str
    entry: str
    parameters: tuple[str, ...]
    calls: tuple[tuple[Arguments, Any], ...]
    body: str

    @property
    def source(self) -> str:
        """The gold solution."""
        return f"def {self.entry}({', '.join(self.parameters)}):\n{self.body}"


def make_task(example: Example, inputs: int, seed: int, sandbox: Sandbox) -> CallTask:
    """Makes a task of a program, with at most ``inputs`` arguments besides those that its driver uses.

    Raises:
        NoTaskError: The program is not fit for it.
    """
    title = title_of(example.text)
    tree = parsed(example.code)
    calls = recorded(example.code, sandbox)
    entry, own = chosen(calls)
    parameters, body = gold(tree, entry)
    name = new_name(tree, entry)
    draft = CallTask(example.id, title, name, parameters, (), renamed(body, entry, name))
    tested = tests_of(draft, own, inputs, Random(f"{seed} {example.id}"), sandbox)
    return CallTask(draft.id, title, name, parameters, tuple(whole_numbers(tested)), draft.body)


def title_of(text: str) -> str:
    """Returns the task in words: what comes before the first bar, where XLCoST puts the comments of the program.

    Raises:
        NoTaskError: There are too few words, or the last one shows that XLCoST cut the title at a hyphen.
    """
    title = " ".join(text.partition(" | ")[0].replace("\\", " ").split())
    title = title.replace("*/", "* /").replace('"""', '"').strip(" .")
    words = re.findall(r"[A-Za-z]+", title.lower())
    if len(words) < 3 or words[-1] in _CUT or (len(words[-1]) == 1 and len(words) < 5):
        raise NoTaskError("its title is cut off, or has fewer than three words")
    return title


def parsed(code: str) -> ast.Module:
    """Parses a program.

    Raises:
        NoTaskError: It does not parse, has no function, reads something, or may do something else each time.
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise NoTaskError("it does not parse") from None
    if not any(isinstance(node, ast.FunctionDef) for node in tree.body):
        raise NoTaskError("it has no function at its top level")
    if (used := set(_words(tree))) & _READING:
        raise NoTaskError("it reads input or files, or asks the system")
    if used & _CHANGING:
        raise NoTaskError("it is random, or depends on the time")
    return tree


def _words(tree: ast.AST) -> Iterator[str]:
    """Yields the names that a program uses and does not define itself, with those of its modules."""
    own = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    own |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    own |= {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id not in own:
            yield node.id
        elif isinstance(node, ast.Attribute) and node.attr == "stdin":
            yield node.attr
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (alias.name.partition(".")[0] for alias in node.names)
            if isinstance(node, ast.ImportFrom) and node.module:
                yield node.module.partition(".")[0]


def recorded(code: str, sandbox: Sandbox) -> list[Mapping[str, Any]]:
    """Runs a program in the sandbox; returns the calls that its driver makes.

    Raises:
        NoTaskError: It raises an exception, or does not end in time.
    """
    worker = Path(call_recorder.__file__).read_text(encoding="utf-8")
    result = sandbox.run(Program("python", worker), code, LIMITS)
    if result.status is Status.TIMEOUT:
        raise NoTaskError("it does not end in time")
    try:
        answer = parse_json(result.stdout)
        error, calls = answer["error"], answer["calls"]
    except (ValueError, KeyError, TypeError):
        raise NoTaskError("it ends its process, or needs too much memory") from None
    if error is not None:
        raise NoTaskError(f"it raises {error}")
    return list(calls)


def chosen(calls: Sequence[Mapping[str, Any]]) -> tuple[str, list[tuple[Arguments, Any]]]:
    """Returns the one function whose results the driver uses, and its calls: arguments and result.

    Raises:
        NoTaskError: There is no such function, or the values of its calls cannot be used.
    """
    if not calls:
        raise NoTaskError("its driver calls no function with arguments")
    returning = [call for call in calls if call["kind"] != "NoneType"]
    if not returning:
        printed = any(call["printed"] for call in calls)
        raise NoTaskError("its functions print and return nothing" if printed else "its functions return nothing")
    if len(names := {call["function"] for call in returning}) > 1:
        raise NoTaskError("its driver uses the results of several functions")
    (name,) = names
    own = [call for call in calls if call["function"] == name]
    for is_wrong, reason in (
        (lambda call: call["kind"] == "NoneType", "its function returns nothing for some arguments"),
        (lambda call: call["arguments"] is None, "arguments are not plain values"),
        (lambda call: "value" not in call, "results are not plain values"),
        (lambda call: call["changed"], "its function changes its arguments"),
        (lambda call: call["printed"], "its function prints"),
    ):
        if any(map(is_wrong, own)):
            raise NoTaskError(reason)
    if any(call["changed"] for call in calls):
        raise NoTaskError("another of its functions changes arguments")
    found: list[tuple[Arguments, Any]] = []
    for call in own:
        arguments, value = tuple(call["arguments"]), call["value"]
        if not (all(is_usable(part, is_argument=True) for part in arguments) and is_usable(value, is_argument=False)):
            raise NoTaskError("values are too large, too deep, or of characters that not every language writes alike")
        if arguments not in [known for known, _ in found]:
            found.append((arguments, value))
    if len({len(arguments) for arguments, _ in found}) > 1:
        raise NoTaskError("its function takes several numbers of arguments")
    return name, found[:MOST_RECORDED]


def tests_of(
    task: CallTask, own: Sequence[tuple[Arguments, Any]], inputs: int, random: Random, sandbox: Sandbox
) -> list[tuple[Arguments, Any]]:
    """Returns arguments and results for a task's tests: those of the driver and new ones; two short ones come first.

    Raises:
        NoTaskError: The gold solution needs its driver, or too few inputs are left, or they show too little.
    """
    given = [arguments for arguments, _ in own]
    seen = [*given, *(item for item in variants(given, random) if item not in given)]
    fresh = seen[len(given) :] + [
        item for item in fresh_arguments(seen, CANDIDATES * inputs, random) if item not in seen
    ]
    fresh = [item for item in fresh if all(is_usable(part, is_argument=True) for part in item)]
    shown = OwnTests(task.entry, tuple(given), TOLERANCE, truth=False)
    known, results = gold_results(task.source, shown, fresh, sandbox)
    if len(known) < len(own) or not all(
        agrees(value, found, 0.0) for (_, value), found in zip(own, known, strict=True)
    ):
        raise NoTaskError("its function needs what the driver sets, or returns something else each time")
    pairs = zip(fresh, results, strict=True)
    new = [(item, value) for item, value in pairs if value is not NOTHING and _is_like(value, own)]
    tests = [*own, *varied(new, inputs)]
    if len(tests) < FEWEST:
        raise NoTaskError("there are too few inputs for which the gold solution returns a plain value")
    if len({json.dumps(value) for _, value in tests}) == 1:
        raise NoTaskError("all results are equal")
    return examples_first(tests)


def _is_like(value: Any, own: Sequence[tuple[Arguments, Any]]) -> bool:
    """Returns whether a new result is one that the tests can use: of a kind that the driver's results have."""
    kinds = {type(known) for _, known in own}
    floats = any(has_float(known) for _, known in own)
    return type(value) in kinds and is_usable(value, is_argument=False) and (floats or not has_float(value))


def whole_numbers(tests: Sequence[tuple[Arguments, Any]]) -> list[tuple[Arguments, Any]]:
    """Returns the tests with integers as results if all results are floats without decimals.

    A program that divides by ``/`` returns 30.0, where the task asks for a count.
    """
    if all(type(value) is float and value == int(value) for _, value in tests):
        return [(arguments, int(value)) for arguments, value in tests]
    return list(tests)


def examples_first(tests: Sequence[tuple[Arguments, Any]]) -> list[tuple[Arguments, Any]]:
    """Returns the tests with two short ones first, whose results differ.

    Raises:
        NoTaskError: There are none.
    """
    short = [test for test in tests if len(repr(test)) <= LONGEST_EXAMPLE]
    for first in short[:1]:
        for second in short:
            if json.dumps(first[1]) != json.dumps(second[1]):
                return [first, second, *(test for test in tests if test is not first and test is not second)]
    raise NoTaskError("no two examples are short and different")


if __name__ == "__main__":
    raise SystemExit("call_programs.py is a part of other scripts: run call_tasks.py")
