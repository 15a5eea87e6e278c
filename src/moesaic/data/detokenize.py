"""Turns the token streams of XLCoST (Zhu et al. 2022, arXiv:2206.08474) into ordinary source code.

A program of XLCoST is one line of tokens with single spaces between them:

    def f ( x ) : NEW_LINE INDENT print ( " a ▁ b " ) NEW_LINE DEDENT        Python
    #include <iostream> NEW_LINE int main ( ) { cout << " x STRNEWLINE " ; }  C++

1. String and character literals are found first, because markers mean different things inside and outside of them.
   Inside, the spaces are the tokeniser's and U+2581, STRNEWLINE and TABSYMBOL are the real white space.
2. The layout is laid out: Python's INDENT and DEDENT become indentation, the end of a preprocessor line becomes a
   line break, the others are broken at braces and semicolons.
3. A formatter (``formatting``) puts spaces and line breaks where the language's style wants them.

Text that is no token stream, such as ordinary source, goes through the formatter alone, so doing it twice changes
nothing. Whether a text is one is decided on what ordinary code cannot be (``is_certain_stream``), for a whole set of
programs at once (``is_xlcost``), or known from where it comes. What cannot be restored is found by ``damage``. The
rules and what they reach are in ``docs/data.md``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from moesaic.data.damage import reads
from moesaic.data.formatting import format_many, indentation, lay_out
from moesaic.data.semicolons import end_statements
from moesaic.languages import get_language

SPACE_MARK = "\u2581"
"""U+2581: a real space inside a literal."""

_NEW_LINE, _INDENT, _DEDENT = "NEW_LINE", "INDENT", "DEDENT"
_LINE_MARKS = frozenset({_NEW_LINE, _INDENT, _DEDENT})
_HEADERS = frozenset({"if", "elif", "else", "for", "while", "def", "class", "try", "except", "finally", "with"})
_OPERATORS = frozenset({"and", "or", "*", "/", "//", "%", "+", "==", "!=", "<=", ">=", "<", ">", "&", "|", "^"})
_OPEN_OPERATORS = _OPERATORS | {"-", "=", "+=", "-=", "*=", "not", "in", "\\"}
_LITERAL = re.compile(r'"(?:\\.|[^"\\])*"' + r"|'(?:\\.|[^'\\])*'")
_MARK = re.compile(rf" *(?:{SPACE_MARK}|STRNEWLINE|TABSYMBOL|NEW_LINE) *")
# White space inside a literal, as control characters until the tokeniser's own spaces are gone.
_WHITE_SPACE = {SPACE_MARK: "\0", "STRNEWLINE": "\1", "NEW_LINE": "\1", "TABSYMBOL": "\2"}
_ESCAPES = str.maketrans({"\0": " ", "\1": r"\n", "\2": r"\t"})
_DIRECTIVE = re.compile(r"#\s*(?:include|define|undef|ifdef|ifndef|if|else|elif|endif|pragma|error)\b")
_INCLUDE = re.compile(r'#\s*include\s*(?:<[^>]*>|"[^"]*")')
_MARKED = re.compile(rf"""(["']) (?:.* )?(?:{SPACE_MARK}|STRNEWLINE|TABSYMBOL) (?:.* )?\1""", re.DOTALL)
_SAMPLE = 200  # programs that a data set is judged by
_FEWEST = 20  # programs from which their manner alone says what they are
_UNSPACED = re.compile(r"[^\s][;,()\[\]{}](?:\s|$)")
_PREPROCESSED = frozenset({"c", "cpp", "csharp"})


def detokenize(code: str, language: str) -> str:
    """Returns the source of one XLCoST program; ordinary source is only formatted.

    Args:
        code: Token stream or source.
        language: Name of the language.

    Returns:
        Formatted source with one trailing newline; what the formatter cannot read keeps the plain layout.

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
        workers: Processes that format at the same time.
        from_xlcost: Whether they are XLCoST's; None: as :func:`is_xlcost` finds.
    """
    name = get_language(language).name
    known = is_xlcost(codes, name) if from_xlcost is None else from_xlcost
    restored = [restore(code, name) if known or is_certain_stream(code, name) else code for code in codes]
    return format_many(restored, name, workers)


def restore(code: str, language: str) -> str:
    """Returns the source of a token stream in plain layout, before any formatter; other text as it is."""
    if get_language(language).xlcost_name is None or not is_token_stream(code):
        return code.strip("\n") + "\n"
    parts = [token for token in _split(code, language) if token != SPACE_MARK]
    if language == "python":
        return _indent(parts)
    if language == "javascript":
        return lay_out(end_statements([token for token in parts if token not in _LINE_MARKS]), language)
    return _break_lines(parts, language)


def is_token_stream(code: str) -> bool:
    """Whether a text has the form of a token stream: one line, a space before every bracket, comma and semicolon.

    Some people write ``print ( x )``, so this is enough only for what is known to be XLCoST's.
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
    """Whether a text is a token stream because ordinary code cannot be like it.

    It has the form of one, and a literal with one of the data set's marks between spaces, or it is no program as it
    stands: its line breaks were lost, or became words.
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
    """Whether a set of programs is XLCoST's, judged by its first ones.

    A tenth of them are certain streams; or all have the form and nearly all literals are blank, as in its JavaScript.
    """
    sample = codes[:_SAMPLE]
    certain = sum(is_certain_stream(code, language) for code in sample)
    if sample and certain >= len(sample) / 10:
        return True
    literals = [literal for code in sample for literal in _LITERAL.findall(code)]
    blank = sum(literal[1:-1] == " " for literal in literals)
    return len(sample) >= _FEWEST and all(map(is_token_stream, sample)) and 0 < len(literals) * 0.95 <= blank


def _split(code: str, language: str) -> Iterator[str]:
    """Yields the tokens of a stream, every literal restored and as one token."""
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
        if quote is not None:  # a token glued to a literal: f'...', u"..."
            token = token[:quote]
        position = start + len(token)
        if token in ('"', "'") and _is_stray_quote(text, start, previous, language):
            continue
        previous = token
        yield token


def _is_stray_quote(text: str, start: int, previous: str, language: str) -> bool:
    """Whether a quote is what the data set left of a doc string: alone at the start or end of a line of Python."""
    return (
        language == "python"
        and text.startswith(" NEW_LINE", start + 1)
        and (previous in _LINE_MARKS or previous in (":", ")"))
    )


def _restore_literal(literal: str, language: str) -> str:
    quote, content = literal[0], literal[1:-1]
    if not content.strip():
        # JavaScript's literals were all blanked, and an empty character literal is not C or Java: keep the space.
        keeps_space = language == "javascript" or (quote == "'" and language not in ("python", "php"))
        return f"{quote} {quote}" if keeps_space else quote * 2
    if "NEW_LINE" in content and SPACE_MARK not in content:
        content = _restore_unsplit(content, language)
    else:
        content = _MARK.sub(lambda mark: _WHITE_SPACE[mark.group().strip()], content.strip())
        # What is left are the tokeniser's spaces, but for those between two letters: it splits no word.
        content = re.sub(r"(?<![A-Za-z]) +| +(?![A-Za-z])", "", content)
        content = content.translate(_ESCAPES)
    return quote + content + quote


def _restore_unsplit(content: str, language: str) -> str:
    """Restores a literal with a line break, which the tokenisers did not split: its spaces are real."""
    if language == "python":  # padded with spaces, and layout markers take part
        content = re.sub(r"\s?NEW_LINE(?:\s(?:INDENT|DEDENT)\b)*\s?", "NEW_LINE", content.removeprefix(" "))
    return content.replace("NEW_LINE", r"\n")


def _indent(tokens: Iterable[str]) -> str:
    """Lays out Python, mending what the markers miss.

    An expression that goes on in the next line is joined. A header without INDENT has the next statement as its body,
    and an INDENT that follows no header is no block.
    """
    lines: list[str] = []
    line: list[str] = []
    blocks: list[bool] = []  # one entry an INDENT: whether it opens a block
    bodies: list[int] = []  # number of open markers where a header got its body without INDENT
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
    """Turns Python 2's print statement into a call; a comma at its end kept the line open."""
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
        # A directive takes its whole line, so it must start one; what stands before it is code.
        start = _DIRECTIVE.search(_LITERAL.sub(lambda literal: "_" * len(literal.group()), line))
        code, directive = (line[: start.start()], line[start.start() :]) if start else (line, "")
        pieces += [lay_out(code, language), directive.strip()]
    return "\n".join(piece.strip("\n") for piece in pieces if piece.strip()) + "\n"
