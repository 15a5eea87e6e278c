"""Reads recipe files and overrides, without checking keys and values.

Limits are checked on the parsed nodes of the YAML before any values are made of them. An alias takes a few bytes and
stands for everything in its anchor, including other aliases, so ten lines can stand for billions of values. Therefore
the values of an anchor are counted again for each of its aliases.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from moesaic.errors import RecipeError
from moesaic.files import read_text

LARGEST: Final = 2**17
"""Largest number of characters of a recipe; the longest of moesaic's own have a few thousand."""

MOST_VALUES: Final = 10_000
"""Largest number of keys and values of a recipe, including those that aliases stand for."""

_DEEPEST_KEY = 16  # deepest nesting of an override's key; sections are nested less than half as deep


def parse_yaml(text: str) -> Any:
    """Parses YAML from an untrusted source.

    Raises:
        yaml.YAMLError: The text is not YAML, or not a single document.
        ValueError: The text has more than ``LARGEST`` characters or ``MOST_VALUES`` values, an anchor that contains
            itself, a NUL character, or a key twice in one section.
        RecursionError: The text is nested too deeply.
    """
    if len(text) > LARGEST:
        raise ValueError(f"{len(text):,} characters, at most {LARGEST:,} are read")
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _count(node, {})
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _count(node: yaml.Node, known: dict[int, int | None]) -> int:
    """Returns the number of values that a node stands for.

    Args:
        node: The node.
        known: Id of a node -> its number of values; None while they are being counted. Updated in place.
    """
    if id(node) in known:
        count = known[id(node)]
        if count is None:
            raise ValueError(f"line {node.start_mark.line + 1}: the anchor holds an alias of itself")
        return count
    if isinstance(node, yaml.ScalarNode) and "\0" in node.value:
        raise ValueError(f"line {node.start_mark.line + 1}: a NUL character, which no name, path or number has")
    known[id(node)] = None
    children: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"line {node.start_mark.line + 1}: the key {twice[0]!r:.60} occurs twice in one section")
        children = [child for pair in node.value for child in pair]
    elif isinstance(node, yaml.SequenceNode):
        children = node.value
    count = 1 + sum(_count(child, known) for child in children)
    if count > MOST_VALUES:
        raise ValueError(
            f"line {node.start_mark.line + 1}: stands for more than {MOST_VALUES:,} values, aliases written out; a "
            "recipe needs none of that size"
        )
    known[id(node)] = count
    return count


def read_tree(path: Path, overrides: Sequence[str] = ()) -> tuple[dict[str, Any], list[str]]:
    """Reads a recipe file and its overrides without checking keys and values.

    Args:
        path: The recipe file.
        overrides: Overrides such as ``experts.rank=8``.

    Returns:
        The tree of keys and values, and the problems of the overrides.

    Raises:
        RecipeError: The file cannot be read, or does not contain keys and values.
    """
    tree = _read_yaml(path)
    problems: list[str] = []
    for override in overrides:
        key, separator, text = override.partition("=")
        if not separator or not key:
            problems.append(f"override {override[:80]!r}: write key.subkey=value")
            continue
        try:
            if key.count(".") > _DEEPEST_KEY:
                raise RecursionError
            _set(tree, key.split("."), parse_yaml(text))
        except (yaml.YAMLError, TypeError, ValueError) as error:
            problems.append(f"override {override!r}: {' '.join(str(error).split())}")
        except RecursionError:
            problems.append(f"override {override[:80]!r}: nested too deeply")
    if tree.get("name") in (None, ""):
        tree["name"] = path.stem
    return tree, problems


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        tree = parse_yaml(read_text(path))
    except FileNotFoundError:
        raise RecipeError(["no such file; the recipes of moesaic are in its folder recipes/"], str(path)) from None
    except IsADirectoryError:
        raise RecipeError(["is a folder; a recipe is a YAML file"], str(path)) from None
    except OSError as error:
        raise RecipeError([f"cannot be read: {error.strerror}"], str(path)) from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: bytes that are not text, dates that do not exist
        raise RecipeError([f"not YAML: {' '.join(str(error).split())}"], str(path)) from error
    except RecursionError:
        raise RecipeError(["not YAML that can be read: nested too deeply"], str(path)) from None
    if not isinstance(tree, dict):
        raise RecipeError(["must hold keys and values (base:, data:, ...)"], str(path))
    return tree


def _set(tree: dict[str, Any], keys: list[str], value: Any) -> None:
    for position, key in enumerate(keys[:-1]):
        tree = tree.setdefault(key, {})
        if not isinstance(tree, dict):
            raise TypeError(f"{'.'.join(keys[: position + 1])} is a value, not a section")
    tree[keys[-1]] = value
