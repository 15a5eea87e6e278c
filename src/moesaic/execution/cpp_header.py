"""Makes a smaller ``bits/stdc++.h``, which compiles in half the time, for programs that need no more.

A program that includes the header pays for all of it, even if the header is precompiled: the compiler reads it and
instantiates the templates of threads, futures, regular expressions and files. The lean form leaves such headers out. A
program may use the lean form if it contains no word that occurs in the whole header only.
"""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["NAME", "lean", "system_file", "words", "words_beyond"]

NAME = "bits/stdc++.h"
_LEFT_OUT = frozenset(
    """any atomic barrier ccomplex cfenv charconv chrono codecvt complex condition_variable ctgmath execution expected
    filesystem forward_list future latch locale memory_resource mutex optional random ratio regex scoped_allocator
    semaphore shared_mutex spanstream stacktrace stop_token syncstream thread typeindex valarray variant""".split()  # noqa: SIM905
)
# Members of classes of the left-out headers that are also common names. A program that uses such a member names its
# class, too, so these words need not be looked for.
_MEMBERS = frozenset({"add", "num", "prefix", "rep", "sum"})
_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*<([\w./+]+)>.*$", re.MULTILINE)
_WORD = re.compile(r"[A-Za-z_]\w*")
_ASIDE = re.compile(
    r"/\*.*?\*/|//[^\n]*|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)+'|^#[ \t]*\d+ [^\n]*", re.DOTALL | re.MULTILINE
)


def system_file(whole: str) -> Path:
    """Returns the path of the compiler's own header, from a preprocessed text that includes that header second."""
    found = dict.fromkeys(re.findall(rf'^# 1 "(/[^"\n]*/{re.escape(NAME)})"', whole, re.MULTILINE))
    return Path(list(found)[-1])


def lean(header: str) -> str:
    """Returns the text of the header without the includes that are costly and rarely used."""
    return "#pragma once\n" + _INCLUDE.sub(lambda match: "" if match[1] in _LEFT_OUT else match[0], header)


def words(text: str) -> frozenset[str]:
    """Returns the identifiers of a text, except those in comments and in strings of one line."""
    return frozenset(_WORD.findall(_ASIDE.sub(" ", text)))


def words_beyond(whole: str, part: str) -> frozenset[str]:
    """Returns the words for which a program needs the whole header: those that the lean form lacks, and header names.

    Args:
        whole: The preprocessed header.
        part: Its preprocessed lean form.
    """
    # Words of one or two letters are parameters inside the headers. A program that does need one fails to compile with
    # the lean form and is then compiled with the whole header.
    return frozenset(word for word in words(whole) - words(part) - _MEMBERS if len(word) > 2) | _LEFT_OUT
