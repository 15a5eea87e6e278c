"""Ends JavaScript statements whose line break was lost.

JavaScript lets a line break end a statement (ECMA-262, section 12.10, automatic semicolon insertion). XLCoST put every
program on one line, so `var a = [ ] function f ( ) { }` no longer parses. The statement boundaries follow from the
tokens: the end of an expression beside the start of a statement, outside of brackets.
"""

from __future__ import annotations

import re

from moesaic.parsing import encode, parse, parses, walk

_LANGUAGE = "javascript"
_DECLARATIONS = frozenset({"var", "let", "const", "function", "class"})
_STARTS = _DECLARATIONS | {"if", "for", "while", "do", "switch", "try", "return", "break", "continue", "throw"}
_BOUNDARIES = _STARTS | {"else"}
_HEADERS = frozenset({"if", "for", "while", "switch", "catch", "with"})
_NO_END = (
    _STARTS
    | _HEADERS
    | frozenset(
        {"else", "case", "new", "typeof", "delete", "void", "in", "of", "instanceof", "static", "async", "get", "set"}
    )
)
_ENDS_VALUE = re.compile(r"""[\w$]+|[\])]|\+\+|--|.*["'`]""")
_NAME = re.compile(r"[A-Za-z_$][\w$]*")
_MAX_INSERTIONS = 24


def end_statements(tokens: list[str]) -> str:
    """Joins JavaScript tokens with spaces, with a semicolon where a lost line break ended a statement.

    Programs that parse, and those that semicolons do not make parse, are joined as they are.
    """
    text = " ".join(tokens)
    if parses(text, _LANGUAGE):
        return text
    repaired = _insert_missing(" ".join(_insert_between(tokens)))
    return repaired if parses(repaired, _LANGUAGE) else text


def _insert_between(tokens: list[str]) -> list[str]:
    """Inserts semicolons between an expression's last token and a statement's first one."""
    result: list[str] = []
    opened: list[tuple[str, bool]] = []  # open brackets: which, and whether it is the head of if, for, while, ...
    after_header = False
    statement: list[str] = []
    previous = ""
    for token in tokens:
        in_block = not opened or opened[-1][0] == "{"
        ends_value = bool(_ENDS_VALUE.fullmatch(previous)) and previous not in _NO_END and not after_header
        if in_block and ends_value and statement and _starts_statement(token, statement):
            result.append(";")
            statement = []
        if token in ("(", "[", "{"):
            # Only parentheses follow these words.
            opened.append((token, previous in _HEADERS or "function" in statement[-2:]))
        after_header = False
        if token in (")", "]", "}") and opened:
            after_header = opened.pop()[1]
        statement = [] if token in (";", "{", "}") else [*statement, token]
        result.append(token)
        previous = token
    return result


def _starts_statement(token: str, statement: list[str]) -> bool:
    if token in _BOUNDARIES:
        return True
    # Two values in a row after `return` or in a comparison are a lost `||`, which nobody can put back.
    return bool(_NAME.fullmatch(token)) and token not in _NO_END and statement[0] != "return"


def _insert_missing(text: str) -> str:
    """Inserts the semicolons that the grammar itself names as missing, such as between `})` and a statement."""
    for _ in range(_MAX_INSERTIONS):
        missing = next((node for node in walk(parse(text, _LANGUAGE)) if node.is_missing and node.type == ";"), None)
        if missing is None:
            break
        source = encode(text)
        text = (source[: missing.start_byte] + b" ; " + source[missing.start_byte :]).decode()
    return text
