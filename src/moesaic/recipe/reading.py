"""Reads YAML with limits that are checked on the parsed nodes before any values are made of them.

An alias costs a few bytes and stands for all that its anchor holds, other aliases included: ten lines can stand for
billions of values. So values are counted as often as they are named.
"""

from __future__ import annotations

from typing import Any, Final

import yaml

LARGEST: Final = 2**17
"""Characters of a recipe; the longest of moesaic's own have a few thousand."""

MOST_VALUES: Final = 10_000
"""Keys and values of a recipe, those that aliases stand for included."""


def parse_yaml(text: str) -> Any:
    """Parses YAML from outside.

    Raises:
        yaml.YAMLError: It is not YAML, or not one document.
        ValueError: It is larger than ``LARGEST``, stands for more than ``MOST_VALUES`` values, holds itself or a NUL
            character, or has a key twice in one section.
        RecursionError: It is nested too deeply.
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
    """Returns how many values a node stands for."""
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
