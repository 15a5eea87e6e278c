"""Reads YAML with limits that are checked on the parsed nodes before any values are made of them.

An alias takes a few bytes and stands for everything in its anchor, including other aliases, so ten lines can stand for
billions of values. Therefore the values of an anchor are counted again for each of its aliases.
"""

from __future__ import annotations

from typing import Any, Final

import yaml

LARGEST: Final = 2**17
"""Largest number of characters of a recipe; the longest of moesaic's own have a few thousand."""

MOST_VALUES: Final = 10_000
"""Largest number of keys and values of a recipe, including those that aliases stand for."""


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
