"""Makes fresh arguments for a task from those in its own tests, by mutation, for ``fresh_tests.py``. Runs nothing.

The mutations go by the type of a value (Liu et al. 2023, arXiv:2305.01210, section 2.2): numbers change by small steps,
sign and scale; strings lose, repeat and gain characters and words; lists lose, repeat, replace and exchange elements;
values inside of others change in the same ways. Pieces of the other arguments of the same task are reused.

A task states in words what its arguments may be, and no program can read that. So fresh arguments must have what all
arguments in the task's own tests have in common (``Sequences`` and the classes before it): kinds, ranges and signs of
numbers, lengths, characters, brackets that match, order, equal lengths, which argument is smaller than which, and so
on. This leaves out arguments that the task allows and its tests do not show, such as an empty list: a fault that only
those would reveal is not found. In return, few fresh arguments are ones that the task forbids.
"""

from __future__ import annotations

import ast
import itertools
import operator
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

Arguments = tuple[Any, ...]

LARGEST = 10_000  # characters of the arguments together

_CLASSES = ("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789")
_RUNS = re.compile(r"[0-9]+|[A-Za-z]+")
_CONSTANT_SIZE = 1000
_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Pow: operator.pow,
}  # fmt: skip


class NotUsableError(Exception):
    """Raised for a task for which no fresh tests can be made; the message says why."""


# The task's own tests


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
            if not call.keywords:
                found.append(tuple(constant(argument) for argument in call.args))
        except ValueError:
            continue
    if not any(found):
        raise NotUsableError("no call in the test has constants as its arguments")
    length = Counter(map(len, found)).most_common(1)[0][0]
    return OwnTests(entry, tuple(item for item in found if len(item) == length), max(tolerances), all(truths))


def constant(node: ast.expr) -> Any:
    """Returns the value of a literal, or of a sum, difference, product or power of literals.

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
        for side, other in ((left, right), (right, left)):
            if isinstance(side, ast.Call) and _is_call(side, names) and not _contains_call(other, names):
                return side, 0.0, False
    if isinstance(condition.ops[0], (ast.Lt, ast.LtE)) and isinstance(left, ast.Call) and len(left.args) == 1:
        function, difference = ast.unparse(left.func), left.args[0]
        if (
            function in ("abs", "math.fabs")
            and isinstance(difference, ast.BinOp)
            and isinstance(difference.op, ast.Sub)
        ):
            for side, other in ((difference.left, difference.right), (difference.right, difference.left)):
                if isinstance(side, ast.Call) and _is_call(side, names) and not _contains_call(other, names):
                    try:
                        return side, float(constant(right)), False
                    except (ValueError, TypeError):
                        return None
    return None


def _contains_call(node: ast.expr, names: frozenset[str]) -> bool:
    return any(_is_call(part, names) for part in ast.walk(node))


# What the values at one place have in common


class _Anything:
    def __contains__(self, value: object) -> bool:
        return True


class Numbers:
    """Range, sign, parity and decimals of the numbers at one place."""

    def __init__(self, values: Sequence[float], wide: bool) -> None:
        self.low, self.high = min(values), max(values)
        if wide:  # for tests whose few numbers leave no room between them; the lower end is more often a condition
            self.low, self.high = min(self.low, 2 * self.low), max(self.high, 2 * self.high)
        self.with_zero = 0 in values
        self.decimals = max(map(_decimals, values))
        odd = {value % 2 for value in values}
        self.remainders = odd if len(odd) == 1 and len(set(values)) > 2 else _Anything()

    def accepts(self, value: float) -> bool:
        if not self.low <= value <= self.high or (value == 0 and not self.with_zero):
            return False
        return value % 2 in self.remainders and _decimals(value) <= self.decimals


class Texts:
    """Lengths, characters, words and form of the texts at one place."""

    def __init__(self, values: Sequence[str]) -> None:
        self.lengths = (min(map(len, values)), max(map(len, values)))
        self.characters = _alphabet("".join(values))
        filled = [value for value in values if value]
        self.facts = [fact for fact in _TEXT_FACTS if all(map(fact, filled))]
        words = [word for value in values for word in value.split()]
        self.words = set(words) if 1 < len(set(words)) <= len(words) / 2 else None
        forms: dict[str, set[str]] = {}
        for value in filled:
            forms.setdefault(_text_form(value), set()).add(value)
        # Texts of few forms are written to a pattern, such as dates.
        self.forms = forms if 2 * len(forms) <= len(set(filled)) else None

    def accepts(self, value: str) -> bool:
        if not self.lengths[0] <= len(value) <= self.lengths[1] or not self.characters.issuperset(value):
            return False
        if not value:
            return True
        if self.words is not None and not self.words.issuperset(value.split()):
            return False
        return all(fact(value) for fact in self.facts) and self._has_form(value)

    def _has_form(self, value: str) -> bool:
        if self.forms is None:
            return True
        examples = self.forms.get(_text_form(value))
        if examples is None:
            return False
        columns = zip(*map(_RUNS.findall, examples), strict=True)
        pairs = zip(columns, _RUNS.findall(value), strict=True)
        return all(len(set(seen)) > 1 or len(examples) == 1 or run == seen[0] for seen, run in pairs)


class Sequences:
    """Lengths, elements and order of the lists, tuples, sets or arguments at one place.

    If all have the same short length, each position has a profile of its own, and positions that are always in the same
    order stay in this order: the beginning of an interval before its end, an index below the length of its list.
    """

    def __init__(self, values: Sequence[Sequence[Any]], fixed: bool = False, wide: bool = False) -> None:
        lengths = {len(value) for value in values}
        self.lengths = (min(lengths), max(lengths))
        self.remainders = {length % 2 for length in lengths} if len(lengths) > 2 else {0, 1}
        ordered = type(values[0]) is not set
        self.fixed = fixed or (ordered and len(values) > 2 and len(lengths) == 1 and 0 < self.lengths[0] <= 4)
        self.positions, self.orders, self.members = [], {}, set()
        if self.fixed:
            self.positions = [Profile(column, wide) for column in zip(*values, strict=True)]
            self.orders, self.members = _orders(values), _members(values)
        self.elements = Profile([element for value in values for element in value])
        self.repeats = max(map(_repeats, values))
        filled = [list(value) for value in values if value]
        facts = _SEQUENCE_FACTS if ordered and not fixed else ()
        self.facts = [fact for fact in facts if self.lengths[1] > 1 and all(_holds(fact, value) for value in filled)]

    def accepts(self, value: Sequence[Any]) -> bool:
        if not self.lengths[0] <= len(value) <= self.lengths[1] or len(value) % 2 not in self.remainders:
            return False
        if value and not all(_holds(fact, list(value)) for fact in self.facts):
            return False
        if not self.fixed:
            if _repeats(value) > self.repeats:
                return False
            return all(map(self.elements.accepts, value))
        if not all(profile.accepts(part) for profile, part in zip(self.positions, value, strict=True)):
            return False
        orders = _orders([value])
        return all(orders.get(key, seen) <= seen for key, seen in self.orders.items()) and (
            self.members <= _members([value])
        )


class Profile:
    """What the values at one place have in common."""

    def __init__(self, values: Iterable[Any], wide: bool = False) -> None:
        values = list(values)
        self.kinds = {type(value) for value in values}
        by_kind = {kind: [value for value in values if type(value) is kind] for kind in self.kinds}
        numbers = by_kind.get(int, []) + by_kind.get(float, [])
        self.numbers = Numbers(numbers, wide) if numbers else None
        self.texts = Texts(by_kind[str]) if str in by_kind else None
        self.sequences = {kind: Sequences(by_kind[kind]) for kind in (list, tuple, set) if kind in by_kind}
        dicts = by_kind.get(dict, [])
        self.dicts = Sequences([list(value.items()) for value in dicts], fixed=False) if dicts else None

    def accepts(self, value: Any) -> bool:
        kind = type(value)
        if kind not in self.kinds:
            return False
        if kind in (int, float):
            return self.numbers is not None and self.numbers.accepts(value)
        if kind is str:
            return self.texts is not None and self.texts.accepts(value)
        if kind is dict:
            return self.dicts is not None and self.dicts.accepts(list(value.items()))
        return kind not in self.sequences or self.sequences[kind].accepts(value)


def _decimals(value: float) -> int:
    if isinstance(value, int) or value == int(value):
        return 0
    return len(repr(value).partition(".")[2])


def _alphabet(text: str) -> frozenset[str]:
    """Returns the characters of a text, and the rest of each class of characters of which it has many."""
    found = set(text)
    for whole in _CLASSES:
        if len(found.intersection(whole)) * 3 >= len(whole):
            found.update(whole)
    return frozenset(found)


def _text_form(text: str) -> str:
    return _RUNS.sub(lambda run: "9" if run[0].isdecimal() else "a", text)


def _is_balanced(text: str) -> bool:
    closing, expected = dict(zip("([{<", ")]}>", strict=True)), []
    for character in text:
        if character in closing:
            expected.append(closing[character])
        elif character in closing.values() and (not expected or expected.pop() != character):
            return False
    return not expected


def _reads_as(kind: Callable[[str], object]) -> Callable[[str], bool]:
    def reads(text: str) -> bool:
        try:
            kind(text)
        except ValueError:
            return False
        return True

    return reads


_TEXT_FACTS: Sequence[Callable[[str], bool]] = (
    _is_balanced,
    _reads_as(int),
    _reads_as(float),
    lambda text: len(text) % 2 == 0,
    lambda text: text == text[::-1],
    lambda text: not text[0].isdecimal(),
    lambda text: len(set(text)) == len(text),
)


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple, set)):
        for part in value:
            yield from _flat(part)
    else:
        yield value


def _repeats(value: Sequence[Any]) -> int:
    return len(value) - len({repr(part) for part in value})


def _kind(value: Any) -> str:
    return "number" if type(value) in (int, float) else type(value).__name__


_SEQUENCE_FACTS: Sequence[Callable[[list[Any]], bool]] = (
    lambda parts: all(first <= second for first, second in itertools.pairwise(parts)),
    lambda parts: all(first >= second for first, second in itertools.pairwise(parts)),
    lambda parts: len({_kind(part) for part in parts}) == 1,
    lambda parts: len({type(part) for part in parts}) == 1,
    lambda parts: len({len(part) for part in parts}) == 1,
    lambda parts: all(len(part) == len(parts) for part in parts),
    lambda parts: len({repr(part) for part in _flat(parts)}) == len(list(_flat(parts))),
    lambda parts: sorted(_flat(parts)) == list(range(len(list(_flat(parts))))),
    lambda parts: sorted(_flat(parts)) == list(range(1, 1 + len(list(_flat(parts))))),
)


def _holds(fact: Callable[[list[Any]], bool], value: list[Any]) -> bool:
    try:
        return fact(value)
    except TypeError:
        return False


def _features(value: Any) -> dict[str, float]:
    if type(value) in (int, float):
        return {"value": value}
    if not isinstance(value, (str, list, tuple, set, dict)):
        return {}
    found: dict[str, float] = {"length": len(value)}
    parts = list(_flat(value)) if isinstance(value, (list, tuple, set)) else []
    if parts and all(type(part) in (int, float) for part in parts):
        found |= {"size": len(parts), "least": min(parts), "greatest": max(parts)}
    return found


_Place = tuple[int, str, int, str]


def _orders(values: Sequence[Sequence[Any]]) -> dict[_Place, set[int]]:
    """Returns how features of two positions compare (-1, 0, 1), if one is never smaller here and larger there."""
    found: dict[_Place, set[int]] = {}
    for value in values:
        features = [_features(part) for part in value]
        for first, second in itertools.combinations(range(len(features)), 2):
            for one, left in features[first].items():
                for other, right in features[second].items():
                    found.setdefault((first, one, second, other), set()).add((left > right) - (left < right))
    return {place: signs for place, signs in found.items() if not {-1, 1} <= signs}


def _members(values: Sequence[Sequence[Any]]) -> set[tuple[int, int]]:
    """Returns the pairs of positions of which the second always contains the first."""
    pairs = itertools.permutations(range(len(values[0])), 2)
    return {pair for pair in pairs if all(_contains(value[pair[1]], value[pair[0]]) for value in values)}


def _contains(whole: Any, part: Any) -> bool:
    if isinstance(whole, str):
        return isinstance(part, str) and part in whole
    return isinstance(whole, (list, tuple)) and part in whole


# Mutation


class Mutator:
    """Changes values by their type; pieces come from the values seen in the task's own tests."""

    def __init__(self, seen: Iterable[Any], random: Random) -> None:
        self.random = random
        self.numbers: list[float] = [1]
        self.texts: list[str] = []
        self.elements: list[Any] = []
        for value in seen:
            self._collect(value)
        self.words = [word for text in self.texts for word in text.split()] or [""]
        self.characters = sorted(_alphabet("".join(self.texts))) or [""]

    def _collect(self, value: Any) -> None:
        if type(value) in (int, float):
            self.numbers.append(value)
        elif type(value) is str:
            self.texts.append(value)
        elif type(value) in (list, tuple, set, dict):
            parts = [part for item in value.items() for part in item] if type(value) is dict else list(value)
            self.elements += parts
            for part in parts:
                self._collect(part)

    def mutate(self, value: Any) -> Any:
        """Returns a value of the same kind, except that an element of a list may come from elsewhere."""
        kind = type(value)
        if kind is bool:
            return not value
        if kind in (int, float):
            return self._number(value)
        if kind is str:
            return self._text(value)
        if kind in (list, tuple):
            return kind(self._list(list(value)))
        if kind is set:
            return set(self._list(sorted(value, key=repr)))
        if kind is dict:
            items = self._list(list(value.items()))
            return dict(item for item in items if type(item) is tuple and len(item) == 2)
        return value

    def _number(self, value: float) -> float:
        step = self.random.choice((1, 2, 3, 10, 0.5, 0.1, 0.01)) if type(value) is float else self.random.randint(1, 10)
        low, high = min(self.numbers), max(self.numbers)
        changed = self.random.choice(
            (value + step, value - step, -value, value * 2, value / 2, self.random.choice(self.numbers),
             self.random.uniform(low, high))
        )  # fmt: skip
        if type(value) is int:
            return int(changed)
        return round(float(changed), max(map(_decimals, [value, *self.numbers])))

    def _text(self, value: str) -> str:
        choose = self.random.randrange
        begin = choose(len(value) + 1)
        end = min(len(value), begin + 1 + choose(3))
        piece, character = value[begin:end], self.random.choice(self.characters)
        words = re.split(r"(\s+)", value)
        place = 2 * choose(len(words) // 2 + 1)
        other = self.random.choice(self.texts or [value])
        other_words = self.random.sample(self.words, min(len(self.words), 1 + len(words) // 2))
        return self.random.choice(
            (
                value[:begin] + value[end:],
                value[:begin] + piece + value[begin:],
                value[:begin] + character + value[begin:],
                value[:begin] + character + value[begin + 1 :],
                value[:begin] + piece[::-1] + value[end:],
                value[:begin] + piece.swapcase() + value[end:],
                value[:begin] + other[choose(len(other) + 1) :],
                _RUNS.sub(self._run, value),
                "".join([*words[:place], *words[place + 2 :]]),
                "".join([*words[:place], self.random.choice(self.words), *words[place + 1 :]]),
                " ".join(other_words),
                value[::-1],
            )
        )

    def _run(self, run: re.Match[str]) -> str:
        """Returns other digits in place of some of a number."""
        if not run[0].isdecimal() or self.random.random() < 0.5:
            return run[0]
        return "".join(self.random.choice(_CLASSES[2]) for _ in run[0])

    def _list(self, value: list[Any]) -> list[Any]:
        begin = self.random.randrange(len(value) + 1)
        rest, after = value[begin:], value[begin + 1 :]
        one = value[begin] if rest else self.random.choice(self.elements or [None])
        if self.random.random() < 0.5:
            one = self.mutate(one)
        elif self.elements and self.random.random() < 0.5:
            one = self.random.choice(self.elements)
        return self.random.choice(
            (
                value[:begin] + after,
                value[:begin] + value[begin : begin + 1] + rest,
                [*value[:begin], one, *rest],
                [*value[:begin], one, *after],
                [*value[:begin], one, *after],
                self.random.sample(value, len(value)),
                sorted(value, key=lambda part: (_kind(part), part)) if _is_sortable(value) else value[::-1],
            )
        )


def _is_sortable(value: list[Any]) -> bool:
    return all(type(part) in (int, float, str) for part in value)


def fresh_arguments(own: Sequence[Arguments], count: int, random: Random) -> list[Arguments]:
    """Returns up to ``count`` different arguments that are not among the task's own and have what those have in common.

    If the numbers in the tests leave no room for as many, numbers that are arguments themselves may be twice as large.
    """
    found = _mutated(own, count, random, wide=False)
    if len(found) < count:
        found += [item for item in _mutated(own, count, random, wide=True) if item not in found]
    return found[:count]


def _mutated(own: Sequence[Arguments], count: int, random: Random, wide: bool) -> list[Arguments]:
    profile = Sequences(own, fixed=True, wide=wide)
    columns = list(zip(*own, strict=True))
    # Pieces come from the same argument, or half of the time from all of them.
    everywhere = Mutator([value for arguments in own for value in arguments], random)
    mutators = [Mutator(column, random) for column in columns]
    found: list[Arguments] = []
    for _ in range(100 * count):
        if len(found) == count:
            break
        values = list(random.choice([*own, *found]))
        if len(values) > 1 and random.random() < 0.3:
            place = random.randrange(len(values))
            values[place] = random.choice(columns[place])
        for _ in range(random.randint(1, 4)):
            place = random.randrange(len(values))
            try:
                values[place] = random.choice((mutators[place], everywhere)).mutate(values[place])
            except (TypeError, OverflowError):  # a list as an element of a set; a number beyond the range of floats
                continue
        arguments = tuple(values)
        is_new = arguments not in own and arguments not in found
        if is_new and len(repr(arguments)) <= LARGEST and profile.accepts(arguments):
            found.append(arguments)
    return found
