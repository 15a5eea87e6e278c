"""Varies the few arguments that a driver uses in the ways that most tasks allow. For ``call_programs.py``.

A driver often calls its function once. New arguments that have everything in common with that one call
(``fresh_mutation.py``) would all be palindromes if it is one, and lists of the same length. The variants differ in
length, order of characters and size, and keep what a task is likely to require: sorted lists stay sorted, lists without
repeated elements stay without, brackets stay balanced, digits stay digits, the sign of numbers stays. A
number that is the length of a list or text, or its last place, stays it, and one that may be a place stays inside.
"""

from __future__ import annotations

import itertools
import string
from collections.abc import Sequence
from random import Random
from typing import Any

from fresh_own_tests import Arguments

VARIANTS = 4  # of each call
LARGEST = 10**6  # larger numbers are often limits, such as the modulus of a count
_BRACKETS = frozenset("()[]{}<>")
_CLASSES = (frozenset("01"), string.digits, string.ascii_lowercase, string.ascii_uppercase)


def variants(given: Sequence[Arguments], random: Random) -> list[Arguments]:
    """Returns variants of some arguments, in an order that depends on the random numbers only."""
    found: list[Arguments] = []
    for arguments in given:
        for turn in range(VARIANTS):
            item = _varied(arguments, turn, random)
            if item not in found and item not in given:
                found.append(item)
    return found


def _varied(arguments: Arguments, turn: int, random: Random) -> Arguments:
    sequences = [part for part in arguments if isinstance(part, (list, str))]
    grown = {length: _new_length(length, turn, random) for length in sorted(set(map(len, sequences)))}
    if any(isinstance(part, list) and _is_nested(part) for part in sequences):
        grown = {length: length for length in grown}  # rows and columns may have to fit
    values = [_sequence(part, grown[len(part)], turn, random) for part in sequences]
    for length in grown:  # what had the same length has the same length
        new = {len(value) for part, value in zip(sequences, values, strict=True) if len(part) == length}
        if len(new) > 1:
            values = [part if len(part) == length else value for part, value in zip(sequences, values, strict=True)]
        grown[length] = length if len(new) > 1 else new.pop()
    found: list[Any] = []
    for part in arguments:
        if isinstance(part, (list, str)):
            found.append(values.pop(0))
        else:
            found.append(_number(part, grown, turn, random) if type(part) is int else part)
    return tuple(found)


def _number(number: int, grown: dict[int, int], turn: int, random: Random) -> int:
    """Returns a number for one that may be a length or a place; ``grown`` says which length became which."""
    if number > 1 and number in grown:
        return grown[number]
    if number > 1 and number + 1 in grown:
        return grown[number + 1] - 1
    if not 0 < number < LARGEST or turn == 1:
        return number
    longer = [grown[length] - 1 for length in grown if number < length]
    return random.randint(1, max(1, min([max(2, 2 * number), *longer])))


def _sequence(value: list[Any] | str, length: int, turn: int, random: Random) -> list[Any] | str:
    return _text(value, length, turn, random) if isinstance(value, str) else _list(value, length, random)


def _new_length(length: int, turn: int, random: Random) -> int:
    return max(1, length + (0, 0, -random.randint(1, 2), random.randint(1, 2))[turn % 4]) if length > 1 else length


def _is_nested(value: list[Any]) -> bool:
    return any(isinstance(part, list) for part in value)


def _text(text: str, length: int, turn: int, random: Random) -> str:
    """Returns a text of the same class of characters; one with brackets or of several words stays as it is."""
    if not text or _BRACKETS & set(text) or not text.isalnum():
        return text
    if turn == 1:  # another order only
        mixed = random.sample(text, len(text))
        return text if mixed[0] == "0" and text.isdecimal() else "".join(mixed)
    whole = next((kind for kind in _CLASSES if set(text) <= set(kind)), text)
    pool = sorted({*text, *random.sample(sorted(whole), min(2, len(whole)))})
    changed = [random.choice(pool) if random.random() < 0.3 else character for character in text]
    changed = (changed + random.choices(pool, k=length))[:length]
    if text[0] != "0" and changed[0] == "0" and len(changed) > 1:  # digits are read as a number
        changed[0] = text[0]
    return "".join(changed)


def _list(values: list[Any], length: int, random: Random) -> list[Any]:
    """Returns a list of numbers of another length and partly with other elements; other lists stay as they are."""
    if not values or not all(type(part) is int for part in values):
        return values
    low, high = min(values), max(values)
    if sorted(values) == list(range(low, high + 1)):  # a permutation
        return random.sample(values, len(values)) if values != sorted(values) else values
    distinct = len(set(values)) == len(values)
    chosen = [random.choice(values) if random.random() < 0.3 else part for part in values]
    chosen = [*chosen, *random.choices(values, k=length)][:length]
    if high - low > 3:
        chosen = [random.randint(low, high) if random.random() < 0.3 else part for part in chosen]
    if 0 not in values:
        chosen = [part or high for part in chosen]
    if distinct:
        free = [part for part in range(low, min(high, low + 1000) + 1) if part or 0 in values]
        random.shuffle(free)
        chosen = list(dict.fromkeys([*chosen, *values[: length - 1], *free]))[: len(chosen)]
    if all(first <= second for first, second in itertools.pairwise(values)):
        return sorted(chosen)
    if all(first >= second for first, second in itertools.pairwise(values)):
        return sorted(chosen, reverse=True)
    return chosen


if __name__ == "__main__":
    raise SystemExit("call_variants.py is a part of other scripts: run call_tasks.py")
