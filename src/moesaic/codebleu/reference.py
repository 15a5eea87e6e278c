"""The ``reference`` protocol: the numbers of the package codebleu 0.7.0, for comparison with published work.

The protocol was reproduced from the behaviour of the package on pairs of programs; docs/codebleu.md lists its oddities.
Where the result of the package depends on the order of hashes, the order of first occurrence is used instead.
"""

from __future__ import annotations

import io
import math
import re
import tokenize
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from moesaic.codebleu.counts import MatchCounts, PairScore
from moesaic.codebleu.dataflow_reference import FlowItem, reference_flow
from moesaic.codebleu.ngram import MAX_ORDER, OTHER_WEIGHT, BleuCounts, NGrams, count_ngrams, count_shared
from moesaic.codebleu.syntax import Subtrees
from moesaic.codebleu.tree import FlatTree

__all__ = ["KEYWORDS", "compare", "score", "strip_comments"]

_C_WORDS = """auto break case char const continue default do double else enum extern float for goto if int long register
    return short signed sizeof static struct switch typedef union unsigned void volatile while"""
_C_FAMILY = (
    "break case catch class const continue default do else finally for if new return static switch throw try while"
)
_TYPES = "byte char double float int long short void"
_OBJECTS = "abstract enum extends final implements instanceof interface private protected public"

KEYWORDS: dict[str, frozenset[str]] = {
    name: frozenset(" ".join(parts).split())
    for name, parts in {
        "c": (_C_WORDS, "_Packed"),
        "cpp": (
            _C_WORDS,
            "asm bool catch class const_cast delete dynamic_cast explicit false friend inline mutable namespace new",
            "operator private protected public reinterpret_cast static_cast template this throw true try typeid",
            "typename using virtual wchar_t and and_eq bitand bitor compl not not_eq or or_eq xor xor_eq",
            "INT_MAX INT_MIN MAX_RAND NULL cin cout endl include iomanip iostream main npos std string",
        ),
        "csharp": (
            _C_FAMILY,
            _TYPES,
            "abstract as base bool checked decimal delegate enum event explicit extern false fixed foreach goto",
            "implicit in interface internal is lock namespace null object operator out override params private",
            "protected public readonly ref sbyte sealed sizeof stackalloc string struct this true typeof uint ulong",
            "unchecked unsafe ushort using virtual volatile add alias ascending async await by descending dynamic",
            "equals from get global group into join let nameof notnull on orderby partial remove select set",
            "unmanaged value var when where yield",
        ),
        "java": (
            _C_FAMILY,
            _TYPES,
            _OBJECTS,
            "assert boolean goto import native package strictfp super synchronized this throws transient volatile",
        ),
        "javascript": (
            _C_FAMILY,
            _OBJECTS.replace("abstract", "").replace("final", ""),
            "await debugger delete export false function import in let null package super this True typeof var void",
            "with yield",
        ),
        "php": (
            _C_FAMILY.replace("finally", ""),
            _OBJECTS.replace("enum", ""),
            "__halt_compiler and array as callable clone declare die echo elseif empty enddeclare endfor endforeach",
            "endif endswitch endwhile eval exit foreach function global goto include include_once insteadof isset list",
            "namespace or print require require_once trait unset use var xor",
        ),
        "python": (
            "False None True and as assert async await break class continue def del elif else except finally for from",
            "global if import in is lambda nonlocal not or pass raise return try while with yield match case type",
        ),
    }.items()
}
"""Language -> the words that codebleu 0.7.0 gives full weight, including its omissions and its wrong words."""

_COMMENT_OR_STRING = re.compile(
    r"""//.*?$|/\*.*?\*/|'(?:\\.|[^\\'])*'|"(?:\\.|[^\\"])*\"""", flags=re.DOTALL | re.MULTILINE
)


def strip_comments(source: str, language: str) -> str:
    """Removes comments, Python docstrings and blank lines as codebleu 0.7.0 does.

    Python is read with the tokenizer of the running interpreter. A text that it refuses is returned unchanged.
    """
    if language != "python":
        kept = _COMMENT_OR_STRING.sub(lambda match: " " if match[0].startswith("/") else match[0], source)
    else:
        try:
            kept = _strip_python(source)
        except (tokenize.TokenError, SyntaxError):
            return source
    return "\n".join(line for line in kept.split("\n") if line.strip())


def _strip_python(source: str) -> str:
    pieces: list[str] = []
    before, row, column = tokenize.INDENT, -1, 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.start[0] > row:
            column = 0
        pieces.append(" " * (token.start[1] - column))
        # A string at the start of a line or a block is taken for a docstring, and so is any string at column 0.
        docstring = token.type == tokenize.STRING and (
            before in (tokenize.INDENT, tokenize.NEWLINE) or token.start[1] == 0
        )
        if token.type != tokenize.COMMENT and not docstring:
            pieces.append(token.string)
        before = token.type
        row, column = token.end
    return "".join(pieces)


@dataclass(frozen=True, slots=True)
class _Tokens:
    length: int
    ngrams: NGrams
    unigram_weight: float  # sum over all tokens, for a reference


@dataclass(frozen=True, slots=True)
class _Structure:
    subtrees: Subtrees
    flow: Counter[FlowItem]


@lru_cache(maxsize=4096)
def _tokens(source: str, language: str) -> _Tokens:
    tokens = source.split()
    ngrams = count_ngrams(tokens)
    keywords = KEYWORDS[language]
    weight = math.fsum(count * (1 if gram[0] in keywords else OTHER_WEIGHT) for gram, count in ngrams[0].items())
    return _Tokens(len(tokens), ngrams, weight)


@lru_cache(maxsize=4096)
def _structure(source: str, language: str) -> _Structure:
    tree = FlatTree(source, language, verbatim=True)
    return _Structure(Subtrees(tree, skip_broken=False), reference_flow(tree, source, language))


_strip_comments = lru_cache(maxsize=4096)(strip_comments)


def compare(prediction: str, references: Sequence[str], language: str) -> MatchCounts:
    """Counts the matches of a prediction with its references as codebleu 0.7.0 does, which adds up all references.

    Args:
        prediction: Source text.
        references: One or more source texts.
        language: A key of ``KEYWORDS``.
    """
    prediction = prediction.strip()
    references = [reference.strip() for reference in references]
    candidate = _tokens(prediction, language)
    targets = [_tokens(reference, language) for reference in references]
    syntax = [0, 0]
    dataflow = [0, 0]
    for reference in references:
        prediction = _strip_comments(prediction, language)  # once more for every reference
        ours = _structure(prediction, language)
        theirs = _structure(_strip_comments(reference, language), language)
        syntax[0] += theirs.subtrees.matched(ours.subtrees, clipped=False)
        syntax[1] += theirs.subtrees.total
        dataflow[0] += (theirs.flow & ours.flow).total()
        dataflow[1] += theirs.flow.total()
    return MatchCounts(
        ngram=_precision(candidate, targets),
        weighted=_weighted_recall(candidate, targets, KEYWORDS[language]),
        syntax=(syntax[0], syntax[1]),
        dataflow=(dataflow[0], dataflow[1]),
    )


def _precision(candidate: _Tokens, references: Sequence[_Tokens]) -> BleuCounts:
    """Returns BLEU's counts: n-grams are clipped by the reference with the most of each; the closest length counts."""
    matches = []
    for order, counts in enumerate(candidate.ngrams):
        most: Mapping[tuple[str, ...], int] = references[0].ngrams[order]
        for other in references[1:]:
            most = Counter(most) | Counter(other.ngrams[order])
        matches.append(count_shared(counts, most))
    lengths = [reference.length for reference in references]
    return BleuCounts(
        matches=tuple(matches),
        totals=tuple(max(1, candidate.length - order) for order in range(MAX_ORDER)),
        candidate_length=candidate.length,
        reference_length=min(lengths, key=lambda length: (abs(length - candidate.length), length)),
    )


def _weighted_recall(candidate: _Tokens, references: Sequence[_Tokens], keywords: frozenset[str]) -> BleuCounts:
    """Returns the counts of the weighted component, which is in fact a recall; the reference's length is taken as 2."""
    matches = [0.0] * MAX_ORDER
    totals = [0.0] * MAX_ORDER
    for reference in references:
        for order, (target, counts) in enumerate(zip(reference.ngrams, candidate.ngrams, strict=True)):
            if order == 0:
                shared = ((gram[0], min(target[gram], counts[gram])) for gram in target.keys() & counts.keys())
                matches[0] += math.fsum(count * (1 if text in keywords else OTHER_WEIGHT) for text, count in shared)
                totals[0] += max(1.0, reference.unigram_weight)
            else:
                matches[order] += count_shared(target, counts)
                totals[order] += max(1, reference.length - order)
    return BleuCounts(tuple(matches), tuple(totals), candidate.length, reference_length=2)


def score(counts: MatchCounts) -> PairScore:
    """Scores counts as codebleu 0.7.0 does, which adds 1 for a data-flow match of 0."""
    ngram, weighted = counts.ngram.score(), counts.weighted.score()
    syntax = counts.syntax[0] / counts.syntax[1]
    dataflow = counts.dataflow[0] / counts.dataflow[1] if counts.dataflow[1] else 0.0
    return PairScore(ngram, weighted, syntax, dataflow, 0.25 * (ngram + weighted + syntax + (dataflow or 1.0)))
