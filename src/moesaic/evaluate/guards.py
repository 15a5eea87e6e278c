"""Computes guards: how many predictions are empty, not code, in the wrong language, or ignore their prompt.

The reference study's MoE scored 0.25 with the bare word "Python" in place of a program, and with programs that had
nothing to do with their task. These shares are shown beside every score, so that such a score can be recognised.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from moesaic.languages import LANGUAGES, syntax_of
from moesaic.parsing import encode, parse, parses

__all__ = ["detect_language", "echoes_label", "guards", "has_code", "in_wrong_language"]

_SIGNS: dict[str, tuple[str, ...]] = {
    "python": (
        r"^[ \t]*def \w+\s*\(.*\)\s*(->.*)?:",
        r"^[ \t]*(if|elif|else|for|while|try|with)\b.*:\s*(#.*)?$",
        r"^[ \t]*(import \w+( as \w+)?|from \w[\w.]* import .+)\s*$",
        r"\b(None|True|False|elif|lambda)\b",
        r"\bprint\s*\(",
        r"\brange\s*\(|\blen\s*\(",
    ),
    "java": (
        r"\bSystem\s*\.\s*(out|in)\b",
        r"\bpublic static void main\b|\bpublic class\b|\b(static|public|private) (final )?[\w<>\[\], ]{1,60} \w+\s*\(",
        r"^[ \t]*import java",
        r"\bString\b|\bboolean\b|\bfinal\b|\bextends\b|\bimplements\b",
        r"\bnew (ArrayList|HashMap|HashSet|Scanner|int)\b|\.length\b",
    ),
    "javascript": (
        r"\bfunction\b\s*\w*\s*\(",
        r"\b(let|const|var) [\w\[{]",
        r"\bconsole\s*\.\s*log\b|\bdocument\s*\.\s*write\b",
        r"=>|===|!==",
        r"\b(undefined|typeof|Math\.floor|parseInt)\b",
    ),
    "cpp": (
        r"#\s*include\s*<\s*(bits/stdc\+\+\.h|iostream|vector|string|algorithm|map)\s*>",
        r"\busing namespace\b|\bstd\s*::",
        r"\bcout\b|\bcin\b|\bendl\b",
        r"\b(vector|map|unordered_map|set|pair|queue|stack)\s*<",
        r"\b(int|void) main\s*\(|\bauto\b|\bbool\b|\b(int|void|bool|long long|string) \w+\s*\([^;{]{0,200}\)\s*\{",
        r"\b(template|typename|nullptr|constexpr)\b",
    ),
    "c": (
        r"#\s*include\s*<\s*(stdio|stdlib|string|math|stdbool|limits)\.h\s*>",
        r"\bprintf\s*\(|\bscanf\s*\(",
        r"\b(int|void) main\s*\(|\b(int|void) \w+\s*\([^;{]{0,200}\)\s*\{",
        r"\bmalloc\s*\(|\bstruct \w+\s*\*",
    ),
    "csharp": (
        r"^[ \t]*using System\b",
        r"\bConsole\s*\.\s*(Write|Read)",
        r"\bstatic (void|int) Main\s*\(",
        r"\bforeach\s*\(|\bstring\b|\bnamespace \w+|\bpublic (static )?[\w<>\[\]]+ [A-Z]\w*\s*[({]",
        r"\bvar \w+ =|\bbool\b|\.Length\b",
    ),
    "ruby": (
        r"^[ \t]*def (self\.)?\w+[?!=]?(\s*\(.*\)|[ \t]+[\w, *&=:]+)?[ \t]*$",
        r"^[ \t]*end\b",
        r"\bdo[ \t]*\|[^|\n]+\||\{[ \t]*\|[^|\n]+\|",
        r"^[ \t]*(puts|require|attr_\w+)\b|\belsif\b|\bunless\b|\bnil\b",
        r"\.(each|select|inject|times|to_[isfa])\b|\.(nil|empty|zero)\?|\.map\b(?!\()|\(&:\w+\)",
    ),
    "lua": (
        r"^[ \t]*(local[ \t]+)?function[ \t]+[\w.:]+[ \t]*\([^)\n]*\)[ \t]*$|=[ \t]*function[ \t]*\([^)\n]*\)[ \t]*$",
        r"^[ \t]*local[ \t]+(function\b|[\w, ]+(=|$))",
        r"^[ \t]*(if|elseif)\b[^\n({]*\bthen[ \t]*$|^[ \t]*(for|while)\b[^\n]*\bdo[ \t]*$",
        r"\b(ipairs|pairs|tostring|tonumber|setmetatable|io\.\w+|string\.\w+|table\.\w+)[ \t]*\(",
        r"[ \t]~=[ \t]|[ \t]\.\.[ \t]|[=( ]#\w+",
    ),
    "typescript": (
        r"\b(let|const|var)\s+\w+\s*:\s*\w",
        r"\(\s*\w+\s*\??:\s*[\w\[{(]",
        r"\)\s*:\s*[\w<>\[\], |]+\s*(\{|=>)",
        r"\b(interface|enum|type|namespace)\s+\w+[^\n]*[{=]",
        r"\b(number|string|boolean|unknown|any)\b\s*(\[\])*\s*[,;)=|>]",
    ),
    "go": (
        r"^package \w+",
        r"\bfunc (\(\w+ \*?\w+\) )?\w+\(",
        r"\w :=",
        r"\bfmt\.\w+|\bdefer\b|\bgo func\b|\bmap\[\w+\]\w+",
        r"\bfor [\w, ]*:?= ?range\b|\[\](int|string|float64|byte|bool)\b",
    ),
    "php": (r"<\?php", r"\$\w+", r"\becho\b", r"\bfunction \w+\s*\((\s*\$|\s*\))"),
}
_PATTERNS = {name: tuple(re.compile(sign, re.MULTILINE) for sign in signs) for name, signs in _SIGNS.items()}

_MARGIN, _MARGIN_IF_READ = 0.25, 0.75  # a text that parses in the requested language needs stronger signs of another
_TELLING = {  # language asked for -> its near relative, and forms that only the relative has; C has none that C++ lacks
    "cpp": ("c", re.compile(r"(?!)")),
    "c": (
        "cpp",
        re.compile(r"\b(cout|cin)\s*(<<|>>)|\bstd\s*::|\busing namespace\b|\btemplate\s*<|\b(vector|map|set|pair)\s*<"),
    ),
    "java": ("csharp", re.compile(r"\busing System\b|\bConsole\s*\.|\bstatic (void|int) Main\b|\bforeach\s*\(")),
    "javascript": (
        "typescript",
        re.compile(
            r"\b(let|const|var)\s+\w+\s*:\s*\w|\(\s*\w+\s*\??:\s*\w|\)\s*:\s*[\w<>\[\], |]+\s*(\{|=>)"
            r"|^\s*interface\s+\w+[^\n(=]*\{"
        ),
    ),
    "typescript": ("javascript", re.compile(r"(?!)")),  # every JavaScript program is also a TypeScript program
    "csharp": ("java", re.compile(r"\bSystem\s*\.\s*out\b|\bimport java\b|\bstatic void main\b|\bString\s*\[")),
}

_CODE_LINE = re.compile(  # for lines with single spaces only, so that no two repeats can match the same run of spaces
    r"""[;{}]$                                                               # ends like a statement or block
      | ^(\#\ ?include|import\ |from\ \S+\ import\b|using\ |package\ |<\?php)
      | ^(def|class|if|elif|else|for|while|try|except|with|async)\b.*:\ ?(\#.*)?$
      | ^(return|raise|print|pass|break|continue)\b\ ?([\w(\[{'"-].*)?$
      | ^(let|const|var|function|public|private|static|int|void|double|float|bool|char|string|auto|long)\b.*[=({;]
      | ^(end|begin|ensure)$|^def\ [\w.]+[?!]?(\(.*\))?$|\bdo\ \|[^|]+\|$     # Ruby
      | ^(class|module)\ [A-Z]\w*(\ <\ [\w:]+)?$
      | ^[\w.$\[\]'",\ ()]+(=|\+=|-=|\*=|/=|%=|:=)\ ?\S                        # assignment
      | ^[\w.$]+\ ?\(.*\)$                                                   # call
      | [=!<>]=|&&|\|\||<<|->|=>|::
      | \)\ ?[{:]|\b(for|while|if)\ ?\(|\w\ ?\[[^\[\]]*\]\ ?=               # inside a program kept on one line
    """,
    re.VERBOSE,
)

_WORD = re.compile(r"\w+")


def has_code(text: str) -> bool:
    """Returns whether any line of a text looks like a line of a program; labels, prose and numbers do not."""
    return any(_CODE_LINE.search(" ".join(line.split())) for line in text.splitlines())


def echoes_label(text: str) -> bool:
    """Returns whether a text is only the name of a language, possibly in quotes, brackets or fences."""
    bare = text.strip().strip("`'\"[](){}<>/:;.,!*# \n\t").lower()
    return any(
        bare in (row.name, row.title.lower(), row.fence, (row.xlcost_name or row.name).lower(), *row.aliases)
        for row in LANGUAGES.values()
    )


def _fit(source: str, language: str) -> float:
    """Returns how well a language explains a text, from 0 to 2: the share that parses, plus its signs that occur."""
    data = encode(source)
    broken = 0
    cursor = parse(source, language).walk()
    descend = True
    while True:
        node = cursor.node
        assert node is not None
        if node.is_error:
            broken += max(1, len(data[node.start_byte : node.end_byte].split()))
            descend = False
        else:
            broken += node.is_missing
            descend = node.has_error
        if descend and cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                signs = _PATTERNS[language]
                share = min(1.0, 2 * broken / max(1, len(data.split())))
                return 1.0 - share + sum(bool(sign.search(source)) for sign in signs) / min(3, len(signs))


def _fits(source: str) -> dict[str, float]:
    return {name: _fit(source, name) for name in LANGUAGES}


def detect_language(source: str) -> str | None:
    """Returns the language that explains a text best, or None for a text without code.

    Both the errors of the grammar and the words and forms of the language are taken into account. For a C program that
    is also valid C++, the result may be either.
    """
    if not has_code(source):
        return None
    fits = _fits(source)
    return max(fits, key=lambda name: fits[name])


def in_wrong_language(source: str, language: str) -> bool:
    """Returns whether another language explains a text clearly better than the language that was asked for.

    A text without code is in no language and therefore not in a wrong one. C and C++, and Java and C#, have so much in
    common that only forms that exist in just one of the two count.
    """
    if not has_code(source):
        return False
    fits = _fits(source)
    relative, telling = _TELLING.get(language, (None, None))
    if telling is not None and telling.search(source):
        return True
    needed = fits[language] + (_MARGIN_IF_READ if parses(source, language) else _MARGIN)
    return any(fits[name] > needed for name in fits if name not in (language, relative))


def _overlap(first: Counter[str], second: Counter[str]) -> float:
    """Returns twice the number of shared words divided by the number of all words, as multisets (Dice 1945)."""
    total = first.total() + second.total()
    return 2 * (first & second).total() / total if total else 0.0


def _other_rows(count: int, seed: int) -> list[int]:
    """Returns the index of another row for every row, by a random cycle through all rows."""
    order = list(range(count))
    random.Random(seed).shuffle(order)
    successor = dict(zip(order, order[1:] + order[:1], strict=True))
    return [successor[index] for index in range(count)]


def guards(rows: Sequence[Mapping[str, Any]], language: str, seed: int = 0) -> dict[str, float | int]:
    """Computes shares that reveal when a score means nothing.

    Args:
        rows: Rows with ``prediction`` and ``reference`` (one string or several).
        language: Name or alias of the language that was asked for.
        seed: Seed of the shuffled tasks.

    Returns:
        ``n``, and the following shares of the predictions: ``empty``; ``no_code`` (including empty ones); ``parses``;
        ``wrong_language``; and ``label_echo``. In addition ``own_task_overlap`` and ``shuffled_task_overlap``, the mean
        word overlap of a prediction with its own reference and with the reference of another row, each between 0 and 1.
        If the two are equal, generation ignored its prompts. (A single row is compared with its own reference in both.)
        For a domain without a grammar, ``no_code``, ``parses`` and ``wrong_language`` are missing.
    """
    name = syntax_of(language)
    predictions = [str(row["prediction"]) for row in rows]
    references = [row["reference"] if isinstance(row["reference"], str) else row["reference"][0] for row in rows]
    words = [Counter(_WORD.findall(text)) for text in predictions]
    tasks = [Counter(_WORD.findall(text)) for text in references]
    others = _other_rows(len(rows), seed)
    size = max(1, len(rows))

    def share(flags: Sequence[bool]) -> float:
        return sum(flags) / size

    return {
        "n": len(rows),
        "empty": share([not text.strip() for text in predictions]),
        **(
            {
                "no_code": share([not has_code(text) for text in predictions]),
                "parses": share([parses(text, name) for text in predictions]),
                "wrong_language": share([in_wrong_language(text, name) for text in predictions]),
            }
            if name is not None
            else {}
        ),
        "label_echo": share([echoes_label(text) for text in predictions]),
        "own_task_overlap": sum(_overlap(a, b) for a, b in zip(words, tasks, strict=True)) / size,
        "shuffled_task_overlap": sum(_overlap(a, tasks[other]) for a, other in zip(words, others, strict=True)) / size,
    }
