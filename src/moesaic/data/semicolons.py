"""Ends JavaScript statements whose line break was lost.

In JavaScript, a line break can end a statement (ECMA-262, section 12.10, automatic semicolon insertion). XLCoST put
every program on one line, so that `var a = [ ] function f ( ) { }` no longer parses. The boundaries of statements
follow from the tokens: outside brackets, a boundary is where the end of an expression meets the start of a statement.
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
    """Joins JavaScript tokens with spaces, and inserts a semicolon where a lost line break ended a statement.

    Programs that parse, and programs that do not parse with inserted semicolons either, are joined unchanged.
    """
    text = " ".join(tokens)
    if parses(text, _LANGUAGE):
        return text
    repaired = _insert_missing(" ".join(_insert_between(tokens)))
    return repaired if parses(repaired, _LANGUAGE) else text


def _insert_between(tokens: list[str]) -> list[str]:
    """Inserts a semicolon between the last token of an expression and the first token of a statement."""
    result: list[str] = []
    opened: list[tuple[str, bool]] = []  # open brackets, and whether each belongs to the head of if, for, while, ...
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
            # These words are followed by parentheses only.
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
    # Two adjacent values after `return` or in a comparison are a lost `||`, which cannot be restored.
    return bool(_NAME.fullmatch(token)) and token not in _NO_END and statement[0] != "return"


def _insert_missing(text: str) -> str:
    """Inserts the semicolons that the parser reports as missing, for example between `})` and a statement."""
    for _ in range(_MAX_INSERTIONS):
        missing = next((node for node in walk(parse(text, _LANGUAGE)) if node.is_missing and node.type == ";"), None)
        if missing is None:
            break
        source = encode(text)
        text = (source[: missing.start_byte] + b" ; " + source[missing.start_byte :]).decode()
    return text
