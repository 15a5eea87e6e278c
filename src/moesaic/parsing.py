"""Parses programs to concrete syntax trees, with a tree-sitter grammar for each language.

A source text is given as ``str``, and its tree refers to the UTF-8 bytes of the text. Every position of a node is a
byte offset, so slice ``encode(source)`` and never the ``str``. No function here is recursive, so a program may be
nested 20,000 levels deep.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from functools import cache

import tree_sitter
from tree_sitter import Node, Parser, Tree

from moesaic.errors import DataError
from moesaic.languages import LANGUAGES, Language, get_language

__all__ = ["clean_source", "encode", "grammar", "grammar_versions", "is_unicode", "parse", "parses", "walk"]


def encode(source: str) -> bytes:
    """Returns the UTF-8 bytes of a source text; lone surrogates, which UTF-8 cannot hold, become U+FFFD."""
    try:
        return source.encode()
    except UnicodeEncodeError:
        return source.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def clean_source(source: str) -> str:
    """Returns a text in the normal form that data, scores and execution use.

    A byte order mark at the start is removed, every line ends with a line feed, and lone surrogates become U+FFFD: JSON
    can write them as escapes, but UTF-8 cannot hold them.
    """
    source = source.removeprefix("\ufeff")
    if "\r" in source:
        source = source.replace("\r\n", "\n").replace("\r", "\n")
    return source if source.isascii() else encode(source).decode()


def is_unicode(text: str) -> bool:
    """Returns whether a text has no lone surrogates, so that it can be encoded as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


_DIRECTIVE = re.compile(rb"^([ \t]*#[^\n]*[^\s])([ \t]+)(\r?\n)", re.MULTILINE)
_LAST_DIRECTIVE = re.compile(rb"(\A|\n)[ \t]*#[^\n]*[^\s]\Z")


@cache
def _load(package: str, function: str) -> tree_sitter.Language:
    return tree_sitter.Language(getattr(importlib.import_module(package), function)())


def grammar(language: str | Language, source: str = "") -> tree_sitter.Language:
    """Returns the tree-sitter grammar that parses a source text of a language.

    PHP has two grammars: one for pages (text with ``<?php ... ?>`` in it), and one for bare PHP, which is more frequent
    in data sets. A source without an opening tag is parsed as bare PHP.

    Raises:
        DataError: The language is not known, or it has no grammar.
    """
    row = _row(language)
    assert row.grammar is not None  # every language has one
    package, function = row.grammar
    if row.name == "php" and "<?" not in source:
        function = "language_php_only"
    return _load(package, function)


def _row(language: str | Language) -> Language:
    """Returns the language whose grammar parses the programs of a language or domain."""
    row = language if isinstance(language, Language) else get_language(language)
    if row.syntax is None:
        raise DataError(f"no grammar reads {row.name}: parse it elsewhere, or name a language ({', '.join(LANGUAGES)})")
    return LANGUAGES[row.syntax]


def parse(source: str, language: str | Language, *, verbatim: bool = False) -> Tree:
    """Parses any source text; where the grammar cannot parse it, the tree has ERROR and MISSING nodes.

    Args:
        source: Any text, which may contain lone surrogates.
        language: A row, name or alias of ``languages.LANGUAGES``, or a domain of a language.
        verbatim: Whether to parse the text exactly as it is. By default, two weaknesses of grammars are worked around.
            The grammars of C and C++ miss the end of a preprocessor directive with trailing blanks, or at the end of
            the text; so the blanks are moved behind the line end, and a last line end is added. PHP may lack its
            opening tag.

    Returns:
        The tree, whose positions refer to the bytes ``encode(source)``.

    Raises:
        DataError: The language is not known, or it has no grammar.
    """
    row = _row(language)
    data = encode(source)
    if not verbatim and row.name in ("c", "cpp") and b"#" in data:
        data = _DIRECTIVE.sub(rb"\1\3\2", data)  # only the blanks and the line end change places
        if _LAST_DIRECTIVE.search(data.rstrip(b" \t")):
            data = data.rstrip(b" \t") + b"\n"
    # A Parser must not be shared between threads, and making one takes some microseconds; only the grammar is cached.
    return Parser(grammar(row, "<?" if verbatim else source)).parse(data)


def parses(source: str, language: str | Language) -> bool:
    """Returns whether a text is a valid program: it is not blank, and its tree has no ERROR or MISSING node.

    Raises:
        DataError: The language is not known, or it has no grammar.
    """
    return bool(source.strip()) and not parse(source, language).root_node.has_error


def walk(tree: Tree | Node) -> Iterator[Node]:
    """Yields the nodes of a tree in pre-order (parents first, children from left to right), without recursion."""
    cursor = tree.walk()
    while True:
        node = cursor.node
        if node is not None:
            yield node
        if cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return


def grammar_versions() -> dict[str, str]:
    """Returns the versions of tree-sitter and of all grammars by package; they are stored with the scores."""
    from importlib.metadata import version

    grammars = {row.grammar[0].replace("_", "-") for row in LANGUAGES.values() if row.grammar is not None}
    packages = ["tree-sitter", *sorted(grammars)]
    return {package: version(package) for package in packages}
