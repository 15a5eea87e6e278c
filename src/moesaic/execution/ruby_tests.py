"""Prepares a Ruby test so that the program under test cannot change what it means.

The launcher's Checker (``harnesses/ruby/launch.rb``) replaces methods that a program can redefine at its top level. ``a
== b`` becomes ``NAME.equal(a, b)``, which does not simply trust an object of a class of the program. ``raise`` becomes
``NAME.fail``, so that a failed assertion can be distinguished from any other exception.
"""

from __future__ import annotations

import re

from tree_sitter import Node

from moesaic.parsing import encode, parse, walk

__all__ = ["prepare"]

_RAISES = ("raise", "fail")


def prepare(test: str, defined: frozenset[str], name: str) -> str:
    """Returns a test in which the launcher compares values and raises exceptions.

    Args:
        test: The test's source text.
        defined: Names that the problem asks the program to define. They keep referring to the program's definitions.
        name: Name of the Checker in the test.
    """
    data, checker = encode(test), name.encode()
    variables = defined | {name for name in _RAISES if re.search(rf"\b{name}\s*=[^=~]", test)}
    raises = frozenset(name.encode() for name in _RAISES if name not in variables)
    edits: list[tuple[int, int, bytes]] = []
    for node in walk(parse(test, "ruby")):
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if node.type == "binary" and left is not None and right is not None:
            operator = data[left.end_byte : right.start_byte].strip()
            if operator in (b"==", b"!="):
                negated = b"!" if operator == b"!=" else b""
                edits.append((left.start_byte, left.start_byte, b"(" + negated + checker + b".equal(("))
                edits.append((left.end_byte, right.start_byte, b"), ("))
                edits.append((right.end_byte, right.end_byte, b")))"))
        elif node.text in raises and node.type == "identifier" and not _has_owner(node):
            edits.append((node.start_byte, node.end_byte, checker + b".fail"))
    for start, end, text in sorted(edits, key=lambda edit: edit[:2], reverse=True):
        data = data[:start] + text + data[end:]
    return data.decode("utf-8", "replace")


def _has_owner(node: Node) -> bool:
    """Returns True for a method that is called on an object, and for the name in a definition."""
    parent = node.parent
    if parent is None:
        return False
    return parent.type in ("method", "singleton_method") or parent.child_by_field_name("receiver") is not None
