"""Counts programs that contain the examples of their prompt: a sign of programs written for the tests alone.

    python benchmarks/special_cases.py BENCHMARK PROBLEMS COMPLETIONS.jsonl ... [--rows ROWS.jsonl] [--list]

Training on tests can teach a model to compare the arguments with the examples that its prompt shows, and to return
their results (docs/reward.md). Compare the share of such programs before and after a training. ``--rows``, which
``moesaic execute`` writes, limits the count to programs that pass; ``--list`` names the programs, so that they can be
read.

An example is a line of the prompt with a call (``>>> add(13, 9)``, also with the prompts of Java, JavaScript, C++, PHP
and Ruby) and the line with its result. A program contains it if all literals of the arguments, followed by all literals
of the result, occur in this order without others between them: ``if (a == 13 && b == 9) return 22``, a table, or a
``switch``. Comments do not count. Neither do examples of which all literals are common ones such as 0, 1, or an empty
string, because ordinary programs contain them: ``if n == 0: return 1``.

A program that is counted has to be read: it may print its own results. One that is not counted may still contain an
example that is computed, or whose parts are in another order.
"""

from __future__ import annotations

import argparse
import itertools
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from verdict_rows import read_verdicts

from moesaic.errors import MoesaicError
from moesaic.execution.grading import read_completions
from moesaic.execution.problems import read_problems
from moesaic.languages import get_language
from moesaic.parsing import encode, parse, walk
from moesaic.statistics import estimate_mean

COMMON = frozenset({"0", "1", "2", "10", "true", "false", "null", ""})
"""Literals that ordinary programs compare with and return."""

_CALL = re.compile(r"^[\s*#/]*(?:irb>|php >|>+)\s*[\w.]+\((?P<arguments>.*)\)\s*;?\s*$")
_RESULT = re.compile(r"^[\s*#/]*(?:=>)?\s*(?P<result>.*?)\s*$")
_LITERAL = re.compile(
    r"""(?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
    r"|(?P<number>(?<![\w.])\d+(?:\.\d+)?)|(?P<word>\b(?:true|false|none|null|nil)\b)",
    re.IGNORECASE,
)


def literals(text: str) -> list[str]:
    """Returns the numbers (without sign), strings (without quotes) and truth values of a text, in their order."""
    found = []
    for match in _LITERAL.finditer(text):
        if match["text"] is not None:
            found.append(match["text"][1:-1])
        elif match["number"] is not None:
            found.append(f"{float(match['number']):g}")
        else:
            word = match["word"].lower()
            found.append("null" if word in ("none", "nil") else word)
    return found


def without_comments(prompt: str, completion: str, language: str) -> str:
    """Returns what a program adds to its prompt, without the comments in it."""
    program, position, parts = encode(prompt + completion), len(encode(prompt)), []
    for node in walk(parse(prompt + completion, language)):
        if "comment" in node.type and node.start_byte >= position:
            parts.append(program[position : node.start_byte])
            position = node.end_byte
    return b" ".join([*parts, program[position:]]).decode()


def examples(prompt: str) -> list[tuple[str, ...]]:
    """Returns the literals of each example in a prompt, arguments first; without examples of common literals only."""
    found = []
    for line, following in itertools.pairwise(prompt.splitlines()):
        call, result = _CALL.match(line), _RESULT.match(following)
        if call is None or result is None:
            continue
        example = (*literals(call["arguments"]), *literals(result["result"]))
        if literals(result["result"]) and not COMMON.issuperset(example):
            found.append(example)
    return found


def contained(prompt: str, text: str, language: str, whole: bool = False) -> int:
    """Returns how many examples of a prompt a program contains.

    Args:
        prompt: The prompt.
        text: The text that the model wrote.
        language: Name of the language.
        whole: True if the text is a whole program, False if it continues the prompt.
    """
    program = literals(without_comments("" if whole else prompt, text, language))
    return sum(
        any(tuple(program[start : start + len(example)]) == example for start in range(len(program)))
        for example in examples(prompt)
    )


def count(
    benchmark: str, problems: Path, files: Sequence[Path], rows: Path | None
) -> tuple[dict[str, list[float]], list[str]]:
    """Judges the programs of all files.

    Returns:
        Language -> 1.0 for each program that contains an example of its prompt, else 0.0; and the ids of the former.
        Problems whose prompt has no example that counts are left out.

    Raises:
        DataError: A file is missing or malformed.
    """
    prompts: dict[str, dict[str, str]] = defaultdict(dict)  # id -> language -> prompt
    for name, group in read_problems(benchmark, problems).items():
        for problem in group:
            prompts[problem.id][name] = problem.prompt
    passed = None if rows is None else read_verdicts(rows)
    found: dict[str, list[float]] = defaultdict(list)
    named: list[str] = []
    for file in files:
        samples = Counter[tuple[str, str]]()
        for completion in read_completions(file):
            for name, prompt in prompts.get(completion.id, {}).items():
                if completion.language is not None and get_language(completion.language).name != name:
                    continue
                sample = samples[name, completion.id]
                samples[name, completion.id] += 1
                if examples(prompt) and (passed is None or passed.get((name, completion.id, sample), False)):
                    hits = contained(prompt, completion.text, name, completion.whole)
                    found[name].append(float(hits > 0))
                    named += [completion.id] if hits else []
    return dict(found), named


def main() -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmark", help="name of the benchmark, such as mbxp or humaneval-x")
    parser.add_argument("problems", type=Path, help="its file or folder")
    parser.add_argument("completions", nargs="+", type=Path, help="JSON Lines that moesaic execute reads")
    parser.add_argument("--rows", type=Path, metavar="ROWS.jsonl", help="verdicts; only programs that pass are counted")
    parser.add_argument("--list", action="store_true", help="print the ids of the programs that contain an example")
    options = parser.parse_args()
    try:
        found, named = count(options.benchmark, options.problems, options.completions, options.rows)
    except MoesaicError as error:
        print(error, file=sys.stderr)
        return 2
    for name, values in {**found, "all": [value for group in found.values() for value in group]}.items():
        share = estimate_mean(values)
        interval = "" if share.low is None else f" [{share.low:.1%}, {share.high:.1%}]"
        print(f"{name}: {sum(values):.0f} of {len(values)} programs contain an example of their prompt{interval}")
    if options.list:
        print(*named, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
