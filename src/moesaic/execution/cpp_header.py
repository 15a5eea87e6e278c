"""Makes a smaller ``bits/stdc++.h``, which compiles in half the time, for programs that need no more.

Every program that includes the header pays for all of it, even precompiled: reading it, and instantiating what threads,
futures, regular expressions and files use. The lean form leaves such headers out. Which programs it is enough for is
not a matter of opinion: those without a word that only the whole header has.
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
# Members of classes of the left-out headers, and usual names: who has such an object has named its class, too.
_MEMBERS = frozenset({"add", "num", "prefix", "rep", "sum"})
_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*<([\w./+]+)>.*$", re.MULTILINE)
_WORD = re.compile(r"[A-Za-z_]\w*")
_ASIDE = re.compile(
    r"/\*.*?\*/|//[^\n]*|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)+'|^#[ \t]*\d+ [^\n]*", re.DOTALL | re.MULTILINE
)


def system_file(whole: str) -> Path:
    """Returns the path of the compiler's header, from a text that was preprocessed and includes it second."""
    found = dict.fromkeys(re.findall(rf'^# 1 "(/[^"\n]*/{re.escape(NAME)})"', whole, re.MULTILINE))
    return Path(list(found)[-1])


def lean(header: str) -> str:
    """Returns the text of the header without what is costly and rarely used."""
    return "#pragma once\n" + _INCLUDE.sub(lambda match: "" if match[1] in _LEFT_OUT else match[0], header)


def words(text: str) -> frozenset[str]:
    """Returns the identifiers of a text, but those in comments and in strings of one line."""
    return frozenset(_WORD.findall(_ASIDE.sub(" ", text)))


def words_beyond(whole: str, part: str) -> frozenset[str]:
    """Returns the words for which a program needs the whole header: what only it has, and the names of its headers.

    Args:
        whole: The header, preprocessed.
        part: Its lean form, preprocessed.
    """
    # Shorter ones are parameters inside; a program that would need one after all does not compile with the lean form.
    return frozenset(word for word in words(whole) - words(part) - _MEMBERS if len(word) > 2) | _LEFT_OUT
