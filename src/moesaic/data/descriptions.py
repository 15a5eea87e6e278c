"""Turns XLCoST's tokenised descriptions into ordinary text.

A description has the form ``title | comment ; comment ; ...`` and is tokenised: "Landau 's function", "sub - array",
"arr [ i ]". The comments come from the program in one language and often name that language ("Python3 program to find
..."), which is wrong if the description is used for a program in another language. The prompt already names the
language. A comment that says nothing else is therefore removed; in other comments the name is replaced by the right
one.
"""

from __future__ import annotations

import re

from moesaic.languages import get_language

_NAMES = r"(?:Python ?[23]?|Javascript|JavaScript|Java|C ?\+ ?\+|C ?#|PHP|C)"
_KINDS = r"(?:program|implementation|code|approach|solution|function|method)"
_NAMES_LANGUAGE = re.compile(rf"\b{_NAMES}(?= {_KINDS}\b)(?!\w)", re.IGNORECASE)
_SAYS_NOTHING = re.compile(
    rf"(?:(?:A )?(?:simple )?{_NAMES} {_KINDS}(?: code)?"
    rf"(?: (?:for|of|to implement|based on))?(?: (?:the|this))?(?: (?:above|given))?"
    rf"(?: (?:approach|idea|problem|implementation|algorithm|formula|method))?)?\s*\.?",
    re.IGNORECASE,
)
_SPACING = (
    (re.compile("\u2581"), " "),
    (re.compile(r"\s+"), " "),
    (re.compile(r"(?<=\w) ' (?=(?:s|t|re|ve|ll|d|m)\b)"), "'"),
    (re.compile(r"(?<=\w) '(?=(?:s|t|re|ve|ll|d|m)\b)"), "'"),
    (re.compile(r"(['\"]) ([^'\"]+?) \1"), r"\1\2\1"),
    (re.compile(r" ([,;:.?!])(?=[\s.]|$)"), r"\1"),
    (re.compile(r"\(\s"), "("),
    (re.compile(r"\s\)"), ")"),
    (re.compile(r"\[\s"), "["),
    (re.compile(r"\s\]"), "]"),
    (re.compile(r"(?<=[\w\]]) \["), "["),
    (re.compile(r"\b([Oo]) \((?=\w)"), r"\1("),
    (re.compile(r"\b(\w*[A-Za-z]{2,}|[Nn]) - (?=[A-Za-z]{2,})"), r"\1-"),
    (re.compile(r"\bC \+ ?\+|\bC \+\+"), "C++"),
    (re.compile(r"\bC #"), "C#"),
)


def clean_description(text: str, language: str) -> str:
    """Returns a description of XLCoST with ordinary spacing and the name of the right language.

    Args:
        text: A tokenised description, ``title | comment ; comment ; ...``.
        language: Name of the language of the program that belongs to the description.
    """
    title = get_language(language).title
    head, _, tail = text.partition(" | ")
    comments = []
    for comment in tail.split(" ; "):
        comment = _space(comment).strip(" ;")
        if not _SAYS_NOTHING.fullmatch(comment):
            comments.append(_NAMES_LANGUAGE.sub(title, comment))
    head = _space(head)
    return f"{head} | {'; '.join(comments)}" if comments else head


def title_of(text: str) -> str:
    """Returns the title of a description, which is the text before the first ``|``."""
    return text.partition(" | ")[0].strip()


def _space(text: str) -> str:
    for pattern, replacement in _SPACING:
        text = pattern.sub(replacement, text)
    return text.strip()
