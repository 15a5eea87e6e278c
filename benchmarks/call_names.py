"""Writes names as each language does, and keeps away from its own words. For ``call_tasks.py``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_PART = re.compile(r"[A-Z]+[0-9]*(?![a-z])|[A-Z]?[a-z]+[0-9]*|[0-9]+")

_C_LIKE = """break case catch class const continue default delete do double else enum export extends false finally
float for function if implements import in instanceof int interface let long new null package private protected public
return short static super switch this throw true try typeof var void volatile while with yield boolean byte char final
goto native synchronized throws transient abstract assert async await arguments eval undefined NaN string number any
object type"""

RESERVED: Mapping[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "python": """and as assert async await break class continue def del elif else except finally for from global if
            import in is lambda nonlocal not or pass raise return try while with yield""",
        "ruby": """alias and begin break case class def defined do else elsif end ensure false for if in module next nil
            not or redo rescue retry return self super then true undef unless until when while yield puts print p raise
            fail require loop lambda proc send hash method methods freeze display format sprintf test open rand""",
        "go": """break case chan const continue default defer else fallthrough for func go goto if import interface map
            package range return select struct switch type var main init any append bool byte cap close complex copy
            delete error false float32 float64 imag int int32 int64 iota len make max min new nil panic print println
            real recover rune string true uint clear""",
        "php": """this and array as break callable case catch class clone const continue declare default die do echo
            else elseif empty end exit extends final finally fn for foreach function global goto if implements include
            instanceof interface isset list match namespace new or print private protected public require return static
            switch throw trait try unset use var while xor yield abs acos asin atan ceil chop chr compact cos count
            crypt current date dir dl each exec exp explode extract file floor fmod getdate hash header hypot implode
            intdiv join key levenshtein link log ltrim mail max md5 metaphone min mktime natsort next ord pack pi pos
            pow prev rand range rename reset round rsort rtrim sha1 shuffle sin sinh sleep sort soundex sqrt stat strlen
            strrev strtolower strtoupper strcmp strpos substr system tan time touch trim uniqid unlink unpack usort
            wordwrap issubset isnumeric gettype settype similartext""",
        "java": _C_LIKE + " Main String Integer Long Double Boolean Object List ArrayList Arrays Math Map Set System",
        "javascript": _C_LIKE + " isNaN isFinite parseInt parseFloat escape unescape require module exports",
        "typescript": _C_LIKE + " is_na_n require module exports",
        "cpp": _C_LIKE
        + """ abs div labs ldiv rand exit abort atoi strlen main remove rename signal system time clock index auto bool
            and or not xor bitand bitor compl template typename typedef union unsigned using virtual operator namespace
            friend inline explicit extern register signed sizeof struct std vector map set pair list assert y0 y1 j0 j1
            isalpha isdigit isupper islower toupper tolower log exp pow sqrt floor ceil round fmod sin cos tan""",
    }.items()
}  # fmt: skip
"""Language -> words that a function or a parameter cannot have as its name, or that would hide what programs need."""

SNAKE = frozenset({"python", "ruby", "go", "typescript"})
"""Languages whose functions MBXP names with underscores; it names those of the others with capitals."""


def parts_of(name: str) -> list[str]:
    """Returns the words of a name, in lower case."""
    return [part.lower() for part in _PART.findall(name)] or ["value"]


def snake(name: str, language: str) -> str:
    """Returns a name with underscores between its words."""
    return _safe("_".join(parts_of(name)), language)


def camel(name: str, language: str) -> str:
    """Returns a name with capitals at the beginning of all words but the first."""
    first, *rest = parts_of(name)
    return _safe(first + "".join(part.capitalize() for part in rest), language)


def _safe(name: str, language: str) -> str:
    if not name[0].isalpha():
        name = f"f{name}" if language in SNAKE or name[0] == "_" else f"f{name.capitalize()}"
    reserved = RESERVED[language]
    is_reserved = name in reserved or (language == "php" and name.lower() in reserved)  # PHP takes both for the same
    return f"{name}_" if is_reserved else name


def function_name(name: str, language: str) -> str:
    """Returns the name of a function in a language."""
    return snake(name, language) if language in SNAKE else camel(name, language)


def parameter_names(names: Sequence[str], function: str, language: str) -> tuple[str, ...]:
    """Returns the names of parameters in a language: all different, and none that of the function."""
    found: list[str] = []
    for name in names:
        new = wanted = function_name(name, language)
        number = 2
        while new in (*found, function):
            new, number = f"{wanted}{number}", number + 1
        found.append(new)
    return tuple(found)


def class_name(function: str) -> str:
    """Returns the name of the Java class that holds a function."""
    name = function[0].upper() + function[1:]
    return f"{name}_" if name in RESERVED["java"] else name


if __name__ == "__main__":
    raise SystemExit("call_names.py is a part of other scripts: run call_tasks.py")
