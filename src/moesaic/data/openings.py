"""Finds where the given beginning of a program ends after the program was formatted.

A program that continues a given beginning is formatted as a whole, because a formatter cannot read half a definition.
Formatting changes white space and the line breaks of comments, but keeps the syntax tokens. The beginning therefore
ends after the same number of tokens as before.
"""

from __future__ import annotations

from tree_sitter import Node

from moesaic.parsing import encode, parse, walk


def find_opening(opening: str, source: str, formatted: str, language: str) -> str | None:
    """Returns the beginning of a formatted program, in whole lines.

    Args:
        opening: The beginning of ``source``, up to the end of a line.
        source: The program before formatting.
        formatted: The program after formatting.
        language: Name of the language.

    Returns:
        The formatted form of ``opening``. None if it cannot be determined, because the formatter added or removed
        tokens of the beginning, or joined its last line with the next one.
    """
    before, after = _tokens(source, language), _tokens(formatted, language)
    size = len(encode(opening))
    count = sum(token.end_byte <= size for token in before)
    if not count or [token.type for token in before[:count]] != [token.type for token in after[:count]]:
        return None
    text = encode(formatted)
    last, following = after[count - 1].end_byte, after[count].start_byte if count < len(after) else len(text)
    end = text.find(b"\n", last, following) + 1
    if not end or text[last:end].strip():
        return None
    return text[:end].decode()


def _tokens(source: str, language: str) -> list[Node]:
    """Returns the leaves of the syntax tree that no formatter changes: all except comments."""
    return [node for node in walk(parse(source, language)) if not node.child_count and "comment" not in node.type]
