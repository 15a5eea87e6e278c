"""Finds all problems of a recipe at once and describes them for the person who wrote it.

Pydantic compares keys with each other (``gate.top_k`` with ``data.languages``) only if each of them is valid by itself.
Therefore values that are wrong by themselves are removed from the tree, and the rest is checked again.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from moesaic.languages import suggest

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

ModelT = TypeVar("ModelT", bound=BaseModel)
StandIns = Mapping[tuple[str, ...], Callable[[Any], Any]]
"""Path of a key -> function that replaces a wrong or missing value by a valid one, so that the rest can be checked.

If the function returns None, the value is removed, like that of any other key."""

_PLAIN_MESSAGES = {
    "tuple_type": "must be a list, such as [a, b]",
    "model_type": "must be a section of keys and values",
}
"""Kinds of errors whose message from pydantic is meant for programmers -> message for users."""


def check(model: type[ModelT], tree: dict[str, Any], stand_ins: StandIns) -> tuple[ModelT | None, list[str]]:
    """Checks a tree of keys and values.

    Args:
        model: The model that the tree has to match; closed and nested, like ``recipe.Recipe``.
        tree: Keys and values as read; not changed.
        stand_ins: Stand-ins for required keys, and for keys that others are compared with.

    Returns:
        The tree as a model, or None if there are problems; and all problems: dotted key, what is wrong, value found.
    """
    problems: list[str] = []
    tree = copy.deepcopy(tree)
    while True:
        try:
            checked = model.model_validate(tree)
        except ValidationError as error:
            problems.extend(_describe(model, error))
            before = copy.deepcopy(tree)
            for item in reversed(error.errors()):  # from the end, so that the remaining list indices stay valid
                _take_out(tree, _location(model, item), stand_ins)
            if tree == before:
                return None, list(dict.fromkeys(problems))
        else:
            return (None if problems else checked), list(dict.fromkeys(problems))


def _location(model: type[BaseModel], item: ErrorDetails) -> list[str]:
    """Returns the path of the key that an error is about.

    The message of a check that compares keys of a section begins with the key to change: ``load: ... needs ...``.
    """
    if item["type"] == "extra_forbidden":  # the last part is the user's own key, even if it looks like a type
        return [*_location(model, {**item, "type": "value_error", "loc": item["loc"][:-1]}), str(item["loc"][-1])]
    location = [str(part) for part in item["loc"] if "[" not in str(part)]  # literal['mlp'], tuple[str, ...]
    named = re.match(r"Value error, (\w+): ", item["msg"])
    if named and isinstance(item["input"], dict) and named[1] in _keys_at(model, location):
        location.append(named[1])
    return location


def _take_out(tree: dict[str, Any], location: list[str], stand_ins: StandIns) -> None:
    """Removes the value that an error is about, or replaces it by its stand-in, unless it is the whole tree."""
    section: Any = tree
    for depth, name in enumerate(location):
        if isinstance(section, list):
            if name.isdigit() and int(name) < len(section):
                del section[int(name)]
            return
        inner, is_last = section.get(name), depth == len(location) - 1
        if not is_last and (isinstance(inner, dict) or (isinstance(inner, list) and location[depth + 1].isdigit())):
            section = inner
            continue
        stand_in = stand_ins.get(tuple(location[: depth + 1]))
        if stand_in is not None and (value := stand_in(inner)) is not None:
            section[name] = value
        elif name in section:
            del section[name]
        else:  # the key is not set, and its default does not fit the rest
            _take_out(tree, location[:depth], stand_ins)
        return


def _describe(model: type[BaseModel], error: ValidationError) -> list[str]:
    lines = []
    for item in error.errors():
        location = _location(model, item)
        key = ".".join(location) or "recipe"
        if item["type"] == "extra_forbidden":
            lines.append(f"{key}: unknown key; {suggest(location[-1], _keys_at(model, location[:-1]))}")
        elif item["type"] == "missing":
            lines.append(f"{key}: required, but not set")
        else:
            message = _PLAIN_MESSAGES.get(item["type"], item["msg"].removeprefix("Value error, "))
            message = message.removeprefix(f"{location[-1]}: ") if location else message
            value = "" if isinstance(item["input"], dict) else f" (found {item['input']!r})"
            lines.append(f"{key}: {message}{value}")
    return lines


def _keys_at(model: type[BaseModel], location: list[str]) -> list[str]:
    for name in location:
        kind = model.model_fields[name].annotation if name in model.model_fields else None
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            model = kind
    return list(model.model_fields)
