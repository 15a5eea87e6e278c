"""Finds the program in a text with Markdown code fences.

A prompt opens a fence of three backticks before the program is known. It can therefore not use a longer fence for a
program that itself contains fences, in a doc comment or a multi-line string. Instead, the end of the program is
searched for: it is the first bare fence before which the text is a whole program, so that the fence is outside all
strings and comments.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from moesaic.languages import syntax_of
from moesaic.parsing import clean_source, encode, parse, parses, walk

FENCE = "```"

_FENCE_LINE = re.compile(r"\s*```")
_BARE = re.compile(r"\s*`{3,}\s*")
_QUOTED = re.compile(r"'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"")
_MOST_FENCES = 50  # a text with more repeats itself, and each fence that is tried means parsing a program


def extract_code(text: str, language: str | None = None) -> str:
    """Returns the source in a text that a model wrote after an opened fence.

    If the model opens a fence of its own, with or without words before it, the program starts after that fence.

    Args:
        text: The text that the model wrote.
        language: Name of the language. Its grammar distinguishes a fence inside the program from the fence that ends
            it. Without a language or a grammar, open strings and comments are counted instead.

    Returns:
        The program with one trailing newline, or "".
    """
    language = language and syntax_of(language)
    lines = _lines(text)
    end = _program_end(lines, language)
    if end is None:
        fences = _fences(lines)
        start = fences[0] + 1 if fences and _opens(lines, fences) else 0
        lines = lines[start:]
        end = _end(lines, language)
    code = "\n".join(lines[:end]).strip("\n").rstrip()
    return code + "\n" if code.strip() else ""


def cut_at_fence(text: str, language: str | None = None) -> str:
    """Returns a text up to the fence that ends its program, or the whole text if there is no such fence."""
    language = language and syntax_of(language)
    lines = text.split("\n")
    return "\n".join(lines[: _end(lines, language)])


def _lines(text: str) -> list[str]:
    """Returns the lines of a text. A fence at the end of the last line, as in "}```", gets a line of its own."""
    lines = clean_source(text).rstrip().split("\n")
    last = lines[-1]
    if last.endswith(FENCE) and not _FENCE_LINE.match(last) and last.count(FENCE) % 2:
        lines[-1:] = [last.removesuffix(FENCE), FENCE]
    return lines


def _fences(lines: Sequence[str]) -> list[int]:
    return [number for number, line in enumerate(lines) if _FENCE_LINE.match(line)]


def _opens(lines: Sequence[str], fences: Sequence[int]) -> bool:
    """Returns whether the first fence opens a block: it has a word, or nothing before it and another fence after."""
    first = fences[0]
    if not _BARE.fullmatch(lines[first]):
        return True
    return len(fences) > 1 and not any(line.strip() for line in lines[:first])


def _end(lines: Sequence[str], language: str | None) -> int:
    """Returns the number of the line that ends the program, or of the first fence if the end cannot be determined."""
    end = _program_end(lines, language)
    return end if end is not None else next(iter(_fences(lines)), len(lines))


def _program_end(lines: Sequence[str], language: str | None) -> int | None:
    """Returns the line of the first bare fence after a program whose own fences are all in strings or comments."""
    fences = _fences(lines)[:_MOST_FENCES]
    bare = [number for number in fences if _BARE.fullmatch(lines[number]) and any(map(str.strip, lines[:number]))]
    if language is not None and len(fences) > 1:
        for number in bare:
            if _holds_fences("\n".join(lines[:number]), fences[: fences.index(number)], lines, language):
                return number
    for number in bare:
        inner = fences[: fences.index(number)]
        if not _is_open(lines[:number]) and all(_is_open(lines[:other]) for other in inner):
            return number
    return None


def _holds_fences(program: str, fences: Sequence[int], lines: Sequence[str], language: str) -> bool:
    """Returns whether a text is a program, and the given lines of it are inside its strings and comments."""
    if not parses(program, language):
        return False
    if not fences:
        return True
    ends = [0]
    for line in lines:
        ends.append(ends[-1] + len(encode(line)) + 1)
    spans = [(ends[number], ends[number] + len(encode(lines[number]))) for number in fences]
    data = encode(program)
    texts = [
        (node.start_byte, node.end_byte)
        for node in walk(parse(program, language))
        if any(word in node.type for word in ("string", "comment", "text_block", "heredoc", "char"))
    ]
    return all(any(start < data.index(b"`", first) and last < end for start, end in texts) for first, last in spans)


def _is_open(lines: Sequence[str]) -> bool:
    """Returns whether a text ends inside a multi-line string or a block comment, in any language."""
    text = "\n".join(line for line in lines if not _FENCE_LINE.match(line))
    if any(text.count(quotes) % 2 for quotes in ('"""', "'''")):
        return True
    bare = _QUOTED.sub("", text)
    return bare.rfind("/*") > bare.rfind("*/") or bare.count("`") % 2 == 1
