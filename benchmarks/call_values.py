"""Describes the values of tasks made of calls: which ones every language has, and which type holds all at one place.

For ``call_tasks.py``. A type is a kind of scalar and the depth of the lists around it: ``Type("int", 1)`` is a list of
integers. The kind of an empty list is "", until other values at the same place show it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

LONGEST_LIST = 40
LONGEST_TEXT = 100
DEEPEST = 2
SMALLEST_INT, LARGEST_INT = -(2**31), 2**31 - 1
LARGEST_EXACT = 2**53  # JavaScript's numbers are exact up to here
LARGEST_FLOAT = 1e15  # written without an exponent
_NUMBERS = ("int", "long", "float")  # each holds those before it


class NoTypeError(Exception):
    """Raised if no one type holds all values at one place."""


@dataclass(frozen=True)
class Type:
    """A type that every language has.

    Attributes:
        kind: ``int``, ``long``, ``float``, ``bool`` or ``str``; "" if only empty lists were seen.
        depth: How many lists are around it.
    """

    kind: str
    depth: int = 0

    def join(self, other: Type) -> Type:
        """Returns the type that holds the values of both.

        Raises:
            NoTypeError: There is none.
        """
        for one, more in ((self, other), (other, self)):
            if not one.kind and one.depth <= more.depth:
                return more
        if self.depth == other.depth:
            if self.kind == other.kind:
                return self
            if self.kind in _NUMBERS and other.kind in _NUMBERS:
                return Type(max(self.kind, other.kind, key=_NUMBERS.index), self.depth)
        raise NoTypeError

    @property
    def element(self) -> Type:
        """The type of a list's elements."""
        return Type(self.kind, self.depth - 1)


def type_of(value: Any) -> Type:
    """Returns the narrowest type of a value.

    Raises:
        NoTypeError: The elements of a list have no common type.
    """
    if type(value) is list:
        inner = _joined(map(type_of, value)) if value else Type("", 0)
        return Type(inner.kind, inner.depth + 1)
    if type(value) is int:
        return Type("int" if SMALLEST_INT <= value <= LARGEST_INT else "long")
    return Type(type(value).__name__)


def common_type(values: Iterable[Any]) -> Type:
    """Returns the narrowest type that holds all of the values.

    Raises:
        NoTypeError: There is none, or all of them are empty lists.
    """
    found = _joined(map(type_of, values))
    if not found.kind:
        raise NoTypeError
    return found


def _joined(types: Iterable[Type]) -> Type:
    first, *rest = types
    for other in rest:
        first = first.join(other)
    return first


def is_usable(value: Any, *, is_argument: bool, depth: int = 0) -> bool:
    """Returns whether every language has this value and can write it: plain, small, and printable ASCII.

    Results may be as large as an integer can be in every language; arguments fit in 32 bits.
    """
    if type(value) is list:
        parts_fit = all(is_usable(part, is_argument=is_argument, depth=depth + 1) for part in value)
        return depth < DEEPEST and len(value) <= LONGEST_LIST and parts_fit
    if type(value) is int:
        return SMALLEST_INT <= value <= LARGEST_INT if is_argument else abs(value) <= LARGEST_EXACT
    if type(value) is float:
        return abs(value) < LARGEST_FLOAT and (value == 0 or abs(value) > 1 / LARGEST_FLOAT)
    if type(value) is str:  # what would end a comment or a docstring, and what an escape would need
        hard = ("\\", "*/", '"""')
        return (
            len(value) <= LONGEST_TEXT and value.isascii() and value.isprintable() and not any(map(value.count, hard))
        )
    return type(value) is bool


def has_float(value: Any) -> bool:
    """Returns whether a value is a float or has one inside."""
    return any(map(has_float, value)) if type(value) is list else type(value) is float


if __name__ == "__main__":
    raise SystemExit("call_values.py is a part of other scripts: run call_tasks.py")
