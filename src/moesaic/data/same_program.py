"""Checks whether a formatter left a program unchanged apart from its layout.

A formatter may move white space and comments and nothing else. clang-format joins a `return` with the next line of
JavaScript that does without semicolons, and what comes out parses and prints something else. So its result is compared
with what it was given: for Python the syntax trees of Python itself, for every other language the tokens and nodes of
the grammar's tree. Where a line break ends a statement of JavaScript (ECMA-262, section 12.10), the nodes tell.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

from tree_sitter import Node

from moesaic.languages import Language
from moesaic.parsing import encode, parse, walk

_LITERAL = re.compile(r'"(?:\\.|[^"\\])*"' + r"|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`", re.DOTALL)
_PIECES = re.compile(
    rb"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|\w+|\+\+|--|&&|\|\||<<|->|::|[-+*/%&|^<>=!]=|[^\w\s]|[^\x00-\x7f]+"
)
_HOLDS_SPACES = re.compile("regex|jsx|preproc_arg|heredoc|nowdoc")  # tokens with white space that are no literals
_SHOWS_DOCSTRINGS = re.compile(r"__doc__|doctest|getdoc|\bhelp\s*\(")
_FREE_FORM = ("c", "cpp", "csharp", "java")  # a line break ends no statement, so the tokens are the program
_EXACT = ("string", "char", "template", "regex", "text", "heredoc", "nowdoc")  # node types whose white space is content


def is_same_program(before: str, after: str, language: Language) -> bool:
    """Says whether two texts are the same program in another layout.

    Args:
        before: What a formatter was given.
        after: What it returned.
        language: Row of the language.
    """
    if before == after:
        return True
    if language.name == "python":
        return _is_same_python(before, after)
    tree_before, tree_after = parse(before, language), parse(after, language)
    nodes = str(tree_before.root_node)
    if (
        "".join(before.split()) == "".join(after.split())
        and _LITERAL.findall(before) == _LITERAL.findall(after)
        and nodes == str(tree_after.root_node)
        and not _HOLDS_SPACES.search(nodes)
    ):
        return True
    # Comments were moved or broken anew, or something was changed: node by node, which takes ten times as long.
    # What is no program for want of line breaks may get them: then only the tokens are the same.
    tokens_only = language.name in _FREE_FORM or tree_before.root_node.has_error
    first, second = (
        list(_nodes(tree.root_node, source, tokens_only))
        for tree, source in ((tree_before, before), (tree_after, after))
    )
    return first == second


def _nodes(root: Node, source: str, tokens_only: bool) -> Iterator[tuple[str, bytes]]:
    """Yields the tokens of a tree without comments, and unless only those are wanted, its nodes by type."""
    data = encode(source)
    for node in walk(root):
        if "comment" in node.type:
            continue
        text = b"" if node.child_count else data[node.start_byte : node.end_byte]
        if any(word in node.type for word in _EXACT):
            yield node.type, text
            continue
        if not tokens_only and (node.is_missing or node.child_count):
            yield node.type, b""
        # One token of the grammar may be several, with white space between them: a macro, a number with its sign. A
        # line break that ends a directive is one, too.
        for piece in _PIECES.findall(text.replace(b"\\\n", b" ")):
            yield "", piece


def _is_same_python(before: str, after: str) -> bool:
    """Compares what Python reads; doc strings without their indentation, unless the program looks at them."""
    exact = bool(_SHOWS_DOCSTRINGS.search(before))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "is" with a literal, invalid escapes: data, not ours
            return _python_tree(before, exact) == _python_tree(after, exact)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # what ast.parse documents for bad input
        return False


def _python_tree(source: str, exact: bool) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if exact or not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        first = node.body[0] if node.body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            first.value.value = "\n".join(line.strip() for line in first.value.value.strip().split("\n"))
    return ast.dump(tree)
