"""Reads what a task's own tests show: which function they call, with which arguments, and what counts as right.

``fresh_tasks.py`` makes the fresh tests of a task from it. Only tests that compare results with expected ones can be
used: what another program returns for other arguments can then be compared in the same way. Nothing of a test is run.
"""

from __future__ import annotations

import ast
import operator
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Arguments = tuple[Any, ...]

LARGEST = 10_000  # characters of the arguments together

_CONSTANT_SIZE = 1000
_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Mult: operator.mul, ast.Pow: operator.pow,
}  # fmt: skip


class NotUsableError(Exception):
    """Raised for a task for which no fresh tests can be made; the message says why."""


@dataclass(frozen=True)
class OwnTests:
    """What the tests of a task show.

    Attributes:
        entry: Name of the function that is tested.
        arguments: The arguments of its calls, as far as they are constants.
        tolerance: How far a float may be from the expected one.
        truth: True if only the truth value of a result counts (``assert f(1)``).
    """

    entry: str
    arguments: tuple[Arguments, ...]
    tolerance: float
    truth: bool


def read_tests(test: str, defined: frozenset[str]) -> OwnTests:
    """Reads a test in Python: assertions, which may be in a function ``check`` that is called with the one to test.

    Raises:
        NotUsableError: Something else than one expected result decides, or no call has constants as its arguments.
    """
    try:
        tree = ast.parse(test)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise NotUsableError("the test does not parse") from None
    entry, called = _entry(tree, defined)
    calls = [node for node in ast.walk(tree) if _is_call(node, called)]
    compared: list[ast.Call] = []
    tolerances, truths = [1e-6], []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            form = _form(node.test, called)
            if form is not None:
                compared.append(form[0])
                tolerances.append(form[1])
                truths.append(form[2])
            if isinstance(node.msg, ast.expr):
                calls = [call for call in calls if call not in set(ast.walk(node.msg))]
    if set(calls) - set(compared):
        raise NotUsableError("the test does more with a result than compare it with the expected one")
    found: list[Arguments] = []
    for call in compared:
        try:
            if call.args and not call.keywords:
                found.append(tuple(constant(argument) for argument in call.args))
        except ValueError:
            continue
    if not found:
        raise NotUsableError("no call in the test has constants as its arguments")
    length = Counter(map(len, found)).most_common(1)[0][0]
    return OwnTests(entry, tuple(item for item in found if len(item) == length), max(tolerances), all(truths))


def constant(node: ast.expr) -> Any:
    """Returns the value of a literal, or of a sum, product or power of literals.

    Raises:
        ValueError: It is something else, too large, or of a kind that not every language has.
    """
    try:
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            value = _computed(node.op, constant(node.left), constant(node.right))
        elif isinstance(node, (ast.List, ast.Tuple)):
            value = [constant(part) for part in node.elts]
            value = value if isinstance(node, ast.List) else tuple(value)
        else:
            value = ast.literal_eval(node)
    except (TypeError, ArithmeticError, MemoryError, RecursionError) as error:
        raise ValueError(str(error)) from None
    if not is_plain(value) or len(repr(value)) > LARGEST:
        raise ValueError("no plain value")
    return value


def _computed(operation: ast.operator, left: Any, right: Any) -> Any:
    numbers = isinstance(left, (int, float)) and isinstance(right, (int, float))
    large = any(isinstance(side, int) and abs(side) > _CONSTANT_SIZE for side in (left, right))
    if large and (isinstance(operation, ast.Pow) or not numbers):
        raise ValueError("too large")  # this process would compute the power, or make the text or list
    return _OPERATORS[type(operation)](left, right)


def is_plain(value: Any) -> bool:
    """Returns whether a value consists of None, truth values, finite numbers, texts, lists, tuples, sets and dicts."""
    if type(value) in (list, tuple, set):
        return all(map(is_plain, value))
    if type(value) is dict:
        return all(is_plain(part) for item in value.items() for part in item)
    if type(value) is float:
        return value - value == 0
    return value is None or type(value) in (bool, int, str)


def _entry(tree: ast.Module, defined: frozenset[str]) -> tuple[str, frozenset[str]]:
    """Returns the name of the function that is tested, and the names by which the test calls it."""
    checks = {
        node.name: node.args.args[0].arg
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.args.args and node.name == "check"
    }
    for node in tree.body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name):
            arguments = node.value.args
            if node.value.func.id in checks and arguments and isinstance(arguments[0], ast.Name):
                return arguments[0].id, frozenset({arguments[0].id, checks[node.value.func.id]})
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    names = called & defined
    if len(names) != 1:
        raise NotUsableError("the test does not show which one function it calls")
    return next(iter(names)), frozenset(names)


def _is_call(node: ast.AST, names: frozenset[str]) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names


def _form(condition: ast.expr, names: frozenset[str]) -> tuple[ast.Call, float, bool] | None:
    """Returns the call that a condition compares with an expected result, the tolerance, and if its truth decides."""
    inner = condition.operand if isinstance(condition, ast.UnaryOp) and isinstance(condition.op, ast.Not) else condition
    if isinstance(inner, ast.Call) and _is_call(inner, names):
        return inner, 0.0, True
    if not isinstance(condition, ast.Compare) or len(condition.ops) != 1:
        return None
    left, right = condition.left, condition.comparators[0]
    if isinstance(condition.ops[0], (ast.Eq, ast.Is)):
        if isinstance(left, ast.Call) and _is_call(left, names) and not _contains_call(right, names):
            return left, 0.0, False
    elif isinstance(condition.ops[0], ast.Lt) and isinstance(left, ast.Call) and len(left.args) == 1:
        difference = left.args[0]
        if (
            ast.unparse(left.func) == "abs"
            and isinstance(difference, ast.BinOp)
            and isinstance(difference.op, ast.Sub)
            and isinstance(difference.left, ast.Call)
            and _is_call(difference.left, names)
            and not _contains_call(difference.right, names)
        ):
            try:
                return difference.left, float(constant(right)), False
            except (ValueError, TypeError):
                return None
    return None


def _contains_call(node: ast.expr, names: frozenset[str]) -> bool:
    return any(_is_call(part, names) for part in ast.walk(node))


if __name__ == "__main__":
    raise SystemExit("fresh_own_tests.py is a part of other scripts: run fresh_tests.py")
