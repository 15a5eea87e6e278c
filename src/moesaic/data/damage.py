"""Finds programs that cannot be repaired, so that they are neither trained on nor scored against.

Three things happened to XLCoST's programs that ``detokenize`` cannot undo:

- `||` was lost from many Java, JavaScript and C++ programs: ``if ( M < 0 M >= N )``. Such a program no longer parses.
- JavaScript's string literals were replaced by ``" "``. If such a blank is printed between values, the program is still
  good. If it is compared, stored, passed on or returned, the program has lost its constants; if a branch prints nothing
  else, the program has lost its answer.
- Some programs were cut off or garbled and do not parse for other reasons.

``docs/data.md`` has the counts.
"""

from __future__ import annotations

import ast
import re
import warnings

from tree_sitter import Node

from moesaic.parsing import encode, parse, parses, walk

DOES_NOT_PARSE = "does_not_parse"
LOST_OPERATOR = "lost_operator"
BLANK_STRINGS = "blank_strings"
REASONS: tuple[str, ...] = (LOST_OPERATOR, DOES_NOT_PARSE, BLANK_STRINGS)
"""The reasons for which a program counts as damaged; the report counts each."""

_OPERAND = r"""(?:-?[\w.]+(?:\[[^\]]*\]|\([^()]*\))*|'[^'\n]*'|"[^"\n]*"|[\])])"""
_TERM = rf"{_OPERAND}(?: [-+*/%] {_OPERAND})*"
_LOST_OPERATOR = re.compile(
    rf"(?:==|!=|<=?|>=?)\s*{_TERM}\s+(?:!\s*)?[\w(]+[\w.\[\]()'+\-*/% ]*\s*(?:==|!=|<=?|>=?)"  # x < 0 x >= n
    rf"|(?:==|!=|<=?|>=?)\s*{_TERM}\s+!"  # x < 0 !y
    r"|<<\s*\w+ \w+"  # x << 1 1: a lost `|`
)
_OUTPUT_CALLS = frozenset({"document.write", "document.writeln", "console.log", "alert"})
_SEPARATOR_METHODS = frozenset({"split", "join"})
_EXPRESSION_PARTS = frozenset({"parenthesized_expression", "ternary_expression"})


def damage(source: str, language: str, is_restored: bool = True) -> str | None:
    """Returns why a program is beyond repair, or None if it is sound.

    Args:
        source: Restored source, as :func:`moesaic.data.detokenize.detokenize` returns it.
        language: Name of the language.
        is_restored: False for source that was not a token stream. It must parse, but its blank strings are intended.

    Returns:
        One of :data:`REASONS`, or None.
    """
    if not reads(source, language):
        return LOST_OPERATOR if is_restored and _LOST_OPERATOR.search(source) else DOES_NOT_PARSE
    if is_restored and language == "javascript" and _lost_strings(source):
        return BLANK_STRINGS
    return None


def reads(source: str, language: str) -> bool:
    """Returns whether a program parses without an error in its syntax tree and, for Python, in Python's own parser."""
    if not parses(source, language):
        return False
    if language != "python":
        return True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the data, such as "is" with a literal or invalid escapes
            ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the errors that ast.parse documents for bad input
        return False
    return True


def _lost_strings(source: str) -> bool:
    """Returns whether every literal is blank, and at least one is where the program needs the text that it had."""
    text = encode(source)
    literals = [node for node in walk(parse(source, "javascript")) if node.type == "string"]
    all_blank = not any(text[node.start_byte + 1 : node.end_byte - 1].strip() for node in literals)
    return all_blank and any(_is_needed(node, text) for node in literals)


def _is_needed(literal: Node, text: bytes) -> bool:
    expression = literal
    parent = literal.parent
    while parent is not None and (parent.type in _EXPRESSION_PARTS or _is_concatenation(parent)):
        expression, parent = parent, parent.parent
    if parent is None or parent.type == "expression_statement":
        return False
    if parent.type == "augmented_assignment_expression":  # text += " ": a separator
        return False
    if parent.type != "arguments" or parent.parent is None:
        return True
    call = parent.parent.child_by_field_name("function")
    name = text[call.start_byte : call.end_byte].decode() if call is not None else ""
    if name.rpartition(".")[2] in _SEPARATOR_METHODS and "." in name:
        return False
    if name not in _OUTPUT_CALLS:
        return True
    return _is_blank(expression, text) and _is_branch(parent.parent)


def _is_concatenation(node: Node) -> bool:
    operator = node.child_by_field_name("operator")
    return node.type == "binary_expression" and operator is not None and operator.type == "+"


def _is_blank(expression: Node, text: bytes) -> bool:
    """Returns whether an expression consists of blank literals only."""
    return not re.sub(rb"""["'\s+()]""", b"", text[expression.start_byte : expression.end_byte])


def _is_branch(call: Node) -> bool:
    """Returns whether a call is a whole branch of an `if`, or the first statement of a branch."""
    statement = call.parent
    if statement is None or statement.parent is None:
        return False
    parent = statement.parent
    if parent.type == "statement_block" and parent.parent is not None and parent.named_children[0] == statement:
        parent = parent.parent
    return parent.type in ("if_statement", "else_clause")
