"""Parses programs to concrete syntax trees, with a tree-sitter grammar for each language.

Source text goes in as ``str`` and comes back as a tree over its UTF-8 bytes: every position of a node is a byte
offset, so slice ``encode(source)``, never the ``str``. Nothing here recurses; a program nested 20,000 deep is a
program like any other.
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
    """Returns a text as data, scores and execution see it.

    A byte order mark at the start goes, every line ends with a line feed, and what UTF-8 cannot hold (lone surrogates,
    which JSON can write as escapes) becomes U+FFFD.
    """
    source = source.removeprefix("\ufeff")
    if "\r" in source:
        source = source.replace("\r\n", "\n").replace("\r", "\n")
    return source if source.isascii() else encode(source).decode()


def is_unicode(text: str) -> bool:
    """Says whether UTF-8 can hold a text: it has no lone surrogates."""
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
    """Returns the tree-sitter grammar that reads a source text of a language.

    PHP has two: a page (text with ``<?php ... ?>`` islands) and bare PHP, which data sets prefer. A text without an
    opening tag is read as the latter.
    """
    row = _row(language)
    assert row.grammar is not None  # it is a language's
    package, function = row.grammar
    if row.name == "php" and "<?" not in source:
        function = "language_php_only"
    return _load(package, function)


def _row(language: str | Language) -> Language:
    """The row of the language that reads programs of a language or domain."""
    row = language if isinstance(language, Language) else get_language(language)
    if row.syntax is None:
        raise DataError(f"no grammar reads {row.name}: parse it elsewhere, or name a language ({', '.join(LANGUAGES)})")
    return LANGUAGES[row.syntax]


def parse(source: str, language: str | Language, *, verbatim: bool = False) -> Tree:
    """Parses a source text, however broken: what the grammar cannot read becomes ERROR and MISSING nodes.

    Args:
        source: Any text, lone surrogates included.
        language: A row, name or alias of ``languages.LANGUAGES``, or a domain of one.
        verbatim: Leave the grammars' own slips alone. Without it, C and C++ are given the line's end that their
            grammars miss after blanks that trail a preprocessor directive, and at the end of a text; PHP may lack its
            opening tag.

    Returns:
        The tree over the bytes ``encode(source)``.

    Raises:
        DataError: The language is not known, or no grammar reads it.
    """
    row = _row(language)
    data = encode(source)
    if not verbatim and row.name in ("c", "cpp") and b"#" in data:
        data = _DIRECTIVE.sub(rb"\1\3\2", data)  # no byte outside the blanks moves
        if _LAST_DIRECTIVE.search(data.rstrip(b" \t")):
            data = data.rstrip(b" \t") + b"\n"
    # A Parser is not safe to share between threads and costs some microseconds; the grammar is what is cached.
    return Parser(grammar(row, "<?" if verbatim else source)).parse(data)


def parses(source: str, language: str | Language) -> bool:
    """Says whether a text is a program of the grammar: not blank, and no ERROR or MISSING node anywhere."""
    return bool(source.strip()) and not parse(source, language).root_node.has_error


def walk(tree: Tree | Node) -> Iterator[Node]:
    """Yields a node or tree in pre-order (parents first, children from left to right), without recursion."""
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
    """Returns package -> version of the tree-sitter core and of every grammar, as recorded beside scores."""
    from importlib.metadata import version

    grammars = {row.grammar[0].replace("_", "-") for row in LANGUAGES.values() if row.grammar is not None}
    packages = ["tree-sitter", *sorted(grammars)]
    return {package: version(package) for package in packages}
