"""Describes what the values at one place have in common, such as the first arguments in a task's own tests.

A task states in words what its arguments may be, and no program can read that. So fresh arguments
(``fresh_mutation.py``) must have what all arguments in the task's own tests have in common: kinds, ranges and signs of
numbers, lengths, characters, brackets that match, order, equal lengths, which argument is smaller than which, and so
on. The results of the gold solution are held to the same (``fresh_tasks.py``).

This leaves out arguments that the task allows and its tests do not show, such as an empty list: a fault that only
those would reveal is not found. In return, few fresh arguments are ones that the task forbids.
"""

from __future__ import annotations

import itertools
import re
import string
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

RUNS = re.compile(r"[0-9]+|[A-Za-z]+")
_CLASSES = (string.ascii_lowercase, string.ascii_uppercase, string.digits)


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
        self.decimals = max(map(decimals, values))
        odd = {value % 2 for value in values}
        self.remainders = odd if len(odd) == 1 and len(set(values)) > 2 else _Anything()

    def accepts(self, value: float) -> bool:
        if not self.low <= value <= self.high or (value == 0 and not self.with_zero):
            return False
        return value % 2 in self.remainders and decimals(value) <= self.decimals


class Texts:
    """Lengths, characters, words and form of the texts at one place."""

    def __init__(self, values: Sequence[str]) -> None:
        self.lengths = (min(map(len, values)), max(map(len, values)))
        self.characters = alphabet("".join(values))
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
        columns = zip(*map(RUNS.findall, examples), strict=True)
        pairs = zip(columns, RUNS.findall(value), strict=True)
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


def decimals(value: float) -> int:
    if isinstance(value, int) or value == int(value):
        return 0
    return len(repr(value).partition(".")[2])


def alphabet(text: str) -> frozenset[str]:
    """Returns the characters of a text, and the rest of each class of characters of which it has many."""
    found = set(text)
    for whole in _CLASSES:
        if len(found.intersection(whole)) * 3 >= len(whole):
            found.update(whole)
    return frozenset(found)


def _text_form(text: str) -> str:
    return RUNS.sub(lambda run: "9" if run[0].isdecimal() else "a", text)


def _is_balanced(text: str) -> bool:
    closing, expected = dict(zip("([{<", ")]}>", strict=True)), []
    for character in text:
        if character in closing:
            expected.append(closing[character])
        elif character in closing.values() and (not expected or expected.pop() != character):
            return False
    return not expected


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


_TEXT_FACTS: Sequence[Callable[[str], bool]] = (
    _is_balanced,
    _is_number,
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


def kind_of(value: Any) -> str:
    return "number" if type(value) in (int, float) else type(value).__name__


_SEQUENCE_FACTS: Sequence[Callable[[list[Any]], bool]] = (
    lambda parts: all(first <= second for first, second in itertools.pairwise(parts)),
    lambda parts: all(first >= second for first, second in itertools.pairwise(parts)),
    lambda parts: len({kind_of(part) for part in parts}) == 1,
    lambda parts: len({type(part) for part in parts}) == 1,
    lambda parts: len({len(part) for part in parts}) == 1,
    lambda parts: all(len(part) == len(parts) for part in parts),
    lambda parts: len({repr(part) for part in _flat(parts)}) == len(list(_flat(parts))),
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


if __name__ == "__main__":
    raise SystemExit("fresh_profile.py is a part of other scripts: run fresh_tests.py")
