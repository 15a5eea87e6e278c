"""Finds repeated examples within a split and examples that leak between splits.

The problems of the test split must be new to a trained model, regardless of the language in which it could have seen
them. An example is therefore left out

- as *leaked* if its problem id or its normalised title also occurs in a later split (validation, test) in any language,
  or if its program nearly equals a program of a later split in the same language;
- as *duplicate* if its program nearly equals an earlier program of the same split and language.

Two programs are nearly equal if the Jaccard similarity of their shingles (five consecutive tokens) is at least 0.9. The
search is exact: an inverted index over the rarest shingles of each program finds every candidate, because two sets that
are so similar must share one of these shingles (prefix filtering, Chaudhuri, Ganti and Kaushik 2006, section 3).
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from moesaic.data.descriptions import title_of
from moesaic.data.examples import SPLITS, Example

NEAR_DUPLICATE = 0.9
"""Jaccard similarity of shingles from which on two programs count as the same."""

SHINGLE_TOKENS = 5
DUPLICATE = "duplicate"
LEAKED = "leaked"

_TOKEN = re.compile(r"\w+|[^\w\s]")


def find_repeats(splits: Mapping[str, Sequence[Example]]) -> dict[str, dict[int, str]]:
    """Finds the examples that repeat others.

    Args:
        splits: Split -> its examples in all languages.

    Returns:
        Split -> index of an example -> ``DUPLICATE`` or ``LEAKED``. Examples that are not in it can be kept.
    """
    repeats: dict[str, dict[int, str]] = {split: {} for split in splits}
    held_ids: set[str] = set()
    held_titles: set[str] = set()
    programs: dict[str, NearDuplicates] = {}
    for language in {example.language for examples in splits.values() for example in examples}:
        codes = [example.code for examples in splits.values() for example in examples if example.language == language]
        programs[language] = NearDuplicates(codes)
    owners: dict[str, list[str]] = defaultdict(list)  # language -> split of each indexed program
    for split in reversed([name for name in SPLITS if name in splits]):
        for index, example in enumerate(splits[split]):
            if example.id in held_ids or normalise(title_of(example.text)) in held_titles:
                repeats[split][index] = LEAKED
                continue
            match = programs[example.language].find_or_add(example.code)
            if match is None:
                owners[example.language].append(split)
            else:
                repeats[split][index] = DUPLICATE if owners[example.language][match] == split else LEAKED
        held_ids |= {example.id for example in splits[split]}
        held_titles |= {normalise(title_of(example.text)) for example in splits[split]}
    return repeats


def normalise(text: str) -> str:
    """Returns only the words and digits of a text, in lower case and separated by single spaces."""
    return " ".join(re.findall(r"[^\W_]+", text.lower()))


class NearDuplicates:
    """A growing set of programs, in which a program that nearly equals a new one can be found.

    Args:
        corpus: All programs that will be looked up; they determine which shingles are rare.
        threshold: Jaccard similarity from which on two programs count as the same.
    """

    def __init__(self, corpus: Iterable[str], threshold: float = NEAR_DUPLICATE) -> None:
        self.threshold = threshold
        frequency: Counter[int] = Counter()
        for code in corpus:
            frequency.update(shingles(code))
        self._frequency = frequency
        self._programs: list[frozenset[int]] = []
        self._index: dict[int, list[int]] = defaultdict(list)

    def find_or_add(self, code: str) -> int | None:
        """Returns the index of the first program that nearly equals this one, or adds this one and returns None."""
        program = shingles(code)
        rare_first = sorted(program, key=lambda shingle: (self._frequency[shingle], shingle))
        prefix = rare_first[: len(program) - math.ceil(self.threshold * len(program)) + 1]
        for candidate in sorted({number for shingle in prefix for number in self._index[shingle]}):
            other = self._programs[candidate]
            shared = len(program & other)
            if shared >= self.threshold * (len(program) + len(other) - shared):
                return candidate
        for shingle in prefix:
            self._index[shingle].append(len(self._programs))
        self._programs.append(program)
        return None


def shingles(code: str) -> frozenset[int]:
    """Returns the hashes of all runs of five consecutive tokens; a shorter program has one hash of all its tokens."""
    tokens = _TOKEN.findall(code)
    last = max(1, len(tokens) - SHINGLE_TOKENS + 1)
    return frozenset(hash(tuple(tokens[start : start + SHINGLE_TOKENS])) for start in range(last))
