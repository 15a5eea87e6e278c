"""Makes fresh arguments for a task from those in its own tests, by mutation, for ``fresh_tasks.py``. Runs nothing.

The mutations go by the type of a value (Liu et al. 2023, arXiv:2305.01210, section 2.2): numbers change by small steps,
sign and scale; strings lose, repeat and gain characters and words; lists lose, repeat, replace and exchange elements;
values inside of others change in the same ways. Pieces of the other arguments of the same task are reused. Fresh
arguments must have what all arguments in the task's own tests have in common (``fresh_profile.py``).
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Sequence
from random import Random
from typing import Any

from fresh_own_tests import LARGEST, Arguments, is_plain
from fresh_profile import RUNS, Sequences, alphabet, decimals, kind_of


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
        self.characters = sorted(alphabet("".join(self.texts))) or [""]

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
        return round(float(changed), max(map(decimals, [value, *self.numbers])))

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
                RUNS.sub(self._run, value),
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
        return "".join(self.random.choice(string.digits) for _ in run[0])

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
                sorted(value, key=lambda part: (kind_of(part), part)) if _is_sortable(value) else value[::-1],
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
        if is_new and is_plain(arguments) and len(repr(arguments)) <= LARGEST and profile.accepts(arguments):
            found.append(arguments)
    return found


if __name__ == "__main__":
    raise SystemExit("fresh_mutation.py is a part of other scripts: run fresh_tests.py")
