"""Takes the lexer's tokens of a program from the leaves of its syntax tree.

Comments are left out, a string is one token, and white space does not matter. The grammar decides which tokens are
keywords: most of them are unnamed nodes, and some (``true``, ``this``, ``int``) have their own kind of node.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from moesaic.codebleu.dataflow_languages import words
from moesaic.codebleu.tree import FlatTree

__all__ = ["Token", "lex"]

_STRINGS = words(
    """string string_literal raw_string_literal char_literal character_literal template_string encapsed_string heredoc
    nowdoc heredoc_body regex verbatim_string_literal interpolated_string_expression system_lib_string
    string_array symbol_array interpreted_string_literal raw_string_literal rune_literal"""
)
_KEYWORD_KINDS = words(
    """true false none nil iota null null_literal boolean_literal boolean undefined this super self auto void_type
    boolean_type primitive_type predefined_type implicit_type break_statement"""
)
_WORD = re.compile(r"[A-Za-z]\w*|_[A-Za-z]\w*")
_NOT_KEYWORDS = frozenset({"NULL", "offsetof", "defined"})
_TYPE_KEYWORDS = {"java": frozenset({"var"})}  # a keyword that the grammar takes for the name of a type


class Token(NamedTuple):
    """One token: its text, without white space unless it is a string, and whether it is a keyword."""

    text: str
    keyword: bool


def lex(tree: FlatTree, language: str) -> list[Token]:
    """Returns the tokens of a text in source order, even if the text is not a valid program."""
    tokens: list[Token] = []
    types = _TYPE_KEYWORDS.get(language, frozenset())
    kinds, named, ends, source = tree.kind, tree.named, tree.end, tree.source
    whole = {kind for kind in set(kinds) if kind in _STRINGS or kind.endswith("comment")}
    known: dict[tuple[str, bool, bytes], Token] = {}  # cache, because the same tokens occur again and again
    node, size = 0, len(tree)
    while node < size:
        kind, end = kinds[node], ends[node]
        if kind in whole and (named[node] or kind not in _STRINGS):
            if kind in _STRINGS:
                tokens.append(Token(tree.text(node), keyword=False))
            node = end
            continue
        if end == node + 1:
            key = (kind, named[node], source[tree.start[node] : tree.stop[node]])
            token = known.get(key)
            if token is None:
                text = "".join(tree.text(node).split())
                token = known[key] = Token(text, _is_keyword(text, kind, named[node], types))
            if token.text:
                tokens.append(token)
        node += 1
    return tokens


def _is_keyword(text: str, kind: str, named: bool, types: frozenset[str]) -> bool:
    if not _WORD.fullmatch(text) or text in _NOT_KEYWORDS:
        return False
    return not named or kind in _KEYWORD_KINDS or (kind == "type_identifier" and text in types)
