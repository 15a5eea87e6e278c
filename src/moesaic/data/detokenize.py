"""Turns the token streams of XLCoST (Zhu et al. 2022, arXiv:2206.08474) into ordinary source code.

A program of XLCoST is one line of tokens with single spaces between them:

    def f ( x ) : NEW_LINE INDENT print ( " a ▁ b " ) NEW_LINE DEDENT        Python
    #include <iostream> NEW_LINE int main ( ) { cout << " x STRNEWLINE " ; }  C++

Restoring has three steps:

1. String and character literals are found first, because markers have a different meaning inside them: spaces were
added by the tokeniser, and U+2581, STRNEWLINE and TABSYMBOL are the real white space.
2. The program is broken into lines: Python's INDENT and DEDENT become indentation, a preprocessor directive ends with a
line break, and programs in other languages are broken at braces and semicolons.
3. A formatter (``formatting``) adjusts spaces and line breaks to the style of the language.

Text that is not a token stream, such as ordinary source, is only formatted, so that restoring twice changes nothing.
There are three ways to find out whether a text is a token stream: it has properties that ordinary code cannot have
(``is_certain_stream``), a whole set of programs is judged at once (``is_xlcost``), or its origin is known. ``damage``
finds the programs that cannot be restored. ``docs/data.md`` describes the rules and their results.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from moesaic.data.damage import reads
from moesaic.data.formatting import format_many, indentation, lay_out
from moesaic.data.semicolons import end_statements
from moesaic.languages import get_language

SPACE_MARK = "\u2581"
"""U+2581, which marks a real space inside a literal."""

_NEW_LINE, _INDENT, _DEDENT = "NEW_LINE", "INDENT", "DEDENT"
_LINE_MARKS = frozenset({_NEW_LINE, _INDENT, _DEDENT})
_HEADERS = frozenset({"if", "elif", "else", "for", "while", "def", "class", "try", "except", "finally", "with"})
_OPERATORS = frozenset({"and", "or", "*", "/", "//", "%", "+", "==", "!=", "<=", ">=", "<", ">", "&", "|", "^"})
_OPEN_OPERATORS = _OPERATORS | {"-", "=", "+=", "-=", "*=", "not", "in", "\\"}
_LITERAL = re.compile(r'"(?:\\.|[^"\\])*"' + r"|'(?:\\.|[^'\\])*'")
_MARK = re.compile(rf" *(?:{SPACE_MARK}|STRNEWLINE|TABSYMBOL|NEW_LINE) *")
# White space inside a literal is represented by control characters until the tokeniser's own spaces are removed.
_WHITE_SPACE = {SPACE_MARK: "\0", "STRNEWLINE": "\1", "NEW_LINE": "\1", "TABSYMBOL": "\2"}
_ESCAPES = str.maketrans({"\0": " ", "\1": r"\n", "\2": r"\t"})
_DIRECTIVE = re.compile(r"#\s*(?:include|define|undef|ifdef|ifndef|if|else|elif|endif|pragma|error)\b")
_INCLUDE = re.compile(r'#\s*include\s*(?:<[^>]*>|"[^"]*")')
_MARKED = re.compile(rf"""(["']) (?:.* )?(?:{SPACE_MARK}|STRNEWLINE|TABSYMBOL) (?:.* )?\1""", re.DOTALL)
_SAMPLE = 200  # number of programs by which a data set is judged
_FEWEST = 20  # number of programs from which on their form alone is enough to judge them
_UNSPACED = re.compile(r"[^\s][;,()\[\]{}](?:\s|$)")
_PREPROCESSED = frozenset({"c", "cpp", "csharp"})


def detokenize(code: str, language: str) -> str:
    """Returns the source of one XLCoST program; ordinary source is only formatted.

    Args:
        code: A token stream, or source.
        language: Name of the language.

    Returns:
        Formatted source with one trailing newline. A program that the formatter cannot read keeps the plain layout.

    Raises:
        DataError: The language is not known.
        ToolchainError: The formatter of the language is not installed.
    """
    return detokenize_many([code], language, workers=1)[0]


def detokenize_many(
    codes: Sequence[str], language: str, workers: int = 1, from_xlcost: bool | None = None
) -> list[str]:
    """Returns :func:`detokenize` of many programs, formatted in batches.

    Args:
        codes: Token streams or sources.
        language: Name of the language.
        workers: Number of processes that format at the same time.
        from_xlcost: Whether the programs come from XLCoST; None to ask :func:`is_xlcost`.

    Raises:
        DataError: The language is not known.
        ToolchainError: The formatter of the language is not installed.
    """
    name = get_language(language).name
    known = is_xlcost(codes, name) if from_xlcost is None else from_xlcost
    restored = [restore(code, name) if known or is_certain_stream(code, name) else code for code in codes]
    return format_many(restored, name, workers)


def restore(code: str, language: str) -> str:
    """Returns the source of a token stream in plain layout, without formatting it; other text is not changed."""
    if get_language(language).xlcost_name is None or not is_token_stream(code):
        return code.strip("\n") + "\n"
    parts = [token for token in _split(code, language) if token != SPACE_MARK]
    if language == "python":
        return _indent(parts)
    if language == "javascript":
        return lay_out(end_statements([token for token in parts if token not in _LINE_MARKS]), language)
    return _break_lines(parts, language)


def is_token_stream(code: str) -> bool:
    """Returns whether a text has the form of a token stream: one line with spaces around brackets and punctuation.

    Some people write ``print ( x )``, so this check suffices only for programs that are known to come from XLCoST.
    """
    stripped = code.strip()
    if "\n" in stripped:
        return False
    bare = _LITERAL.sub("''", stripped)
    if not _LINE_MARKS.isdisjoint(bare.split()) or SPACE_MARK in stripped:
        return True
    tokens = bare.split()
    spaced = sum(token in ("(", ")", ";", "{", "}", "[", "]", ",") for token in tokens)
    return spaced > len(_UNSPACED.findall(bare))


def is_certain_stream(code: str, language: str) -> bool:
    """Returns whether a text is certainly a token stream, because ordinary code does not look like it.

    The text must have the form of a token stream. In addition, it must contain a literal with one of the data set's
    marks between spaces, or not be a program as it stands because its line breaks were lost or became words.
    """
    if get_language(language).xlcost_name is None or not is_token_stream(code):
        return False
    if any(_MARKED.fullmatch(literal) for literal in _LITERAL.findall(code)):
        return True
    if reads(code, language):
        return False
    has_marks = not _LINE_MARKS.isdisjoint(_LITERAL.sub("''", code).split())
    return has_marks or reads(restore(code, language), language)


def is_xlcost(codes: Sequence[str], language: str) -> bool:
    """Returns whether a set of programs comes from XLCoST, judged by its first programs.

    This is so if at least a tenth of them are certainly token streams, or if all have the form of a token stream and
    nearly all literals are blank, as in XLCoST's JavaScript.
    """
    sample = codes[:_SAMPLE]
    certain = sum(is_certain_stream(code, language) for code in sample)
    if sample and certain >= len(sample) / 10:
        return True
    literals = [literal for code in sample for literal in _LITERAL.findall(code)]
    blank = sum(literal[1:-1] == " " for literal in literals)
    return len(sample) >= _FEWEST and all(map(is_token_stream, sample)) and 0 < len(literals) * 0.95 <= blank


def _split(code: str, language: str) -> Iterator[str]:
    """Yields the tokens of a stream; every literal is restored and yielded as one token."""
    position = 0
    previous = _NEW_LINE
    pattern = re.compile(r"\S+")
    text = code.strip()
    while match := pattern.search(text, position):
        start = match.start()
        if text[start] in "\"'" and not _is_stray_quote(text, start, previous, language):
            literal = _LITERAL.match(text, start)
            if literal:
                previous = _restore_literal(literal.group(), language)
                position = literal.end()
                yield previous
                continue
        token = match.group()
        quote = next((i for i, char in enumerate(token) if i and char in "\"'"), None)
        if quote is not None:  # the token touches a literal: f'...', u"..."
            token = token[:quote]
        position = start + len(token)
        if token in ('"', "'") and _is_stray_quote(text, start, previous, language):
            continue
        previous = token
        yield token


def _is_stray_quote(text: str, start: int, previous: str, language: str) -> bool:
    """Returns whether a quote is the rest of a doc string: a single quote at the start or end of a line of Python."""
    return (
        language == "python"
        and text.startswith(" NEW_LINE", start + 1)
        and (previous in _LINE_MARKS or previous in (":", ")"))
    )


def _restore_literal(literal: str, language: str) -> str:
    quote, content = literal[0], literal[1:-1]
    if not content.strip():
        # Keep the space if all literals were blanked (JavaScript), or if empty character literals are not valid (C,
        # Java).
        keeps_space = language == "javascript" or (quote == "'" and language not in ("python", "php"))
        return f"{quote} {quote}" if keeps_space else quote * 2
    if "NEW_LINE" in content and SPACE_MARK not in content:
        content = _restore_unsplit(content, language)
    else:
        content = _MARK.sub(lambda mark: _WHITE_SPACE[mark.group().strip()], content.strip())
        # The remaining spaces were added by the tokeniser, except those between two letters, because it splits no
        # words.
        content = re.sub(r"(?<![A-Za-z]) +| +(?![A-Za-z])", "", content)
        content = content.translate(_ESCAPES)
    return quote + content + quote


def _restore_unsplit(content: str, language: str) -> str:
    """Restores a literal with a line break. The tokenisers did not split such literals, so its spaces are real."""
    if language == "python":  # padded with spaces, and it may contain layout markers
        content = re.sub(r"\s?NEW_LINE(?:\s(?:INDENT|DEDENT)\b)*\s?", "NEW_LINE", content.removeprefix(" "))
    return content.replace("NEW_LINE", r"\n")


def _indent(tokens: Iterable[str]) -> str:
    """Lays out Python, and repairs places where markers are missing.

    An expression that continues in the next line is joined to one line. A header without INDENT has the next statement
    as its body. An INDENT that does not follow a header does not open a block.
    """
    lines: list[str] = []
    line: list[str] = []
    blocks: list[bool] = []  # one entry per INDENT: whether it opens a block
    bodies: list[int] = []  # number of open INDENTs at each header that got its body without INDENT
    needs_body = False

    def flush() -> None:
        nonlocal needs_body
        if not line:
            return
        line[:-1] = [word for word in line[:-1] if word != "\\"]  # its line break was lost
        previous = lines[-1].split() if lines else [""]
        is_open = previous[-1] in _OPEN_OPERATORS and previous[-2:] != ["import", "*"]
        if lines and (is_open or line[0] in _OPERATORS):
            lines[-1] = " ".join([lines[-1].removesuffix("\\"), *line])
        else:
            lines.append(indentation(sum(blocks) + len(bodies)) + " ".join(_modern_print(line)))
        needs_body = line[-1] == ":" and line[0] in _HEADERS
        while bodies and bodies[-1] == len(blocks) and not needs_body:
            bodies.pop()
        line.clear()

    for token in tokens:
        if token not in _LINE_MARKS:
            if needs_body and not line:
                bodies.append(len(blocks))
                needs_body = False
            line.append(token)
            continue
        flush()
        if token == _INDENT:
            blocks.append(needs_body)
            needs_body = False
        elif token == _DEDENT and blocks:
            blocks.pop()
            while bodies and bodies[-1] == len(blocks):
                bodies.pop()
    flush()
    return "\n".join(lines) + "\n"


def _modern_print(line: list[str]) -> list[str]:
    """Turns a print statement of Python 2 into a call. A comma at its end means that no line break is printed."""
    if line[0] != "print" or (len(line) > 1 and (line[1] in ("(", "=", ".", ",", ":") or line[1] in _OPERATORS)):
        return line
    arguments = line[1:]
    while arguments and arguments[-1] == ";":
        arguments = arguments[:-1]
    if arguments and arguments[-1] == ",":
        arguments = [*arguments, 'end = " "']
    return ["print", "(", *arguments, ")"]


def _break_lines(tokens: Iterable[str], language: str) -> str:
    text = " ".join("\n" if token == _NEW_LINE else token for token in tokens if token not in (_INDENT, _DEDENT))
    if language not in _PREPROCESSED:
        return lay_out(text, language)
    text = _INCLUDE.sub(lambda include: include.group() + "\n", text)
    pieces: list[str] = []
    for line in text.split("\n"):
        # A directive needs a line of its own; the text before it is code.
        start = _DIRECTIVE.search(_LITERAL.sub(lambda literal: "_" * len(literal.group()), line))
        code, directive = (line[: start.start()], line[start.start() :]) if start else (line, "")
        pieces += [lay_out(code, language), directive.strip()]
    return "\n".join(piece.strip("\n") for piece in pieces if piece.strip()) + "\n"
