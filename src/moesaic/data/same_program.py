"""Checks whether a formatter left a program unchanged apart from its layout.

A formatter may only move white space and comments. However, clang-format joins a `return` with the next line in
JavaScript without semicolons, and the result parses but does something else. The result is therefore compared with the
program that was formatted: for Python by Python's own syntax trees, for every other language by the tokens and nodes of
the grammar's syntax tree. If a line break ends a statement of JavaScript (ECMA-262, section 12.10), the nodes show it.
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
_HOLDS_SPACES = re.compile("regex|jsx|preproc_arg|heredoc|nowdoc")  # tokens with white space other than literals
_SHOWS_DOCSTRINGS = re.compile(r"__doc__|doctest|getdoc|\bhelp\s*\(")
_FREE_FORM = ("c", "cpp", "csharp", "java")  # line breaks end no statements, so comparing the tokens suffices
_EXACT = ("string", "char", "template", "regex", "text", "heredoc", "nowdoc")  # node types whose white space is content


def is_same_program(before: str, after: str, language: Language) -> bool:
    """Returns whether two texts are the same program in a different layout.

    Args:
        before: The text before formatting.
        after: The text after formatting.
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
    # Comments were moved or broken differently, or something else changed. Compare node by node, which takes ten times
    # as long. If a text is not a program because line breaks are missing, formatting may add them, so only its tokens
    # count.
    tokens_only = language.name in _FREE_FORM or tree_before.root_node.has_error
    first, second = (
        list(_nodes(tree.root_node, source, tokens_only))
        for tree, source in ((tree_before, before), (tree_after, after))
    )
    return first == second


def _nodes(root: Node, source: str, tokens_only: bool) -> Iterator[tuple[str, bytes]]:
    """Yields the tokens of a tree without comments and, unless ``tokens_only``, the types of its nodes."""
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
        # A token of the grammar may consist of several with white space between them, such as a macro or a number with
        # its sign. A line break that ends a directive is a token, too.
        for piece in _PIECES.findall(text.replace(b"\\\n", b" ")):
            yield "", piece


def _is_same_python(before: str, after: str) -> bool:
    """Compares Python's syntax trees, ignoring the indentation of doc strings unless the program reads them."""
    exact = bool(_SHOWS_DOCSTRINGS.search(before))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the data, such as "is" with a literal or invalid escapes
            return _python_tree(before, exact) == _python_tree(after, exact)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the errors that ast.parse documents for bad input
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
