"""Compares a finished run with the reference study's own outputs, on the programs that both have.

    python benchmarks/study_table.py WORKSPACE STUDY_FOLDER [--out FILE.json]

WORKSPACE holds ``predict/predictions/<system>/<language>.jsonl``. STUDY_FOLDER holds the study's
``{experts,base,moe}/<language>.jsonl`` with ``prediction`` and ``reference`` as XLCoST's tokens. One table compares the
systems on the programs of the study's experts and base, and another on those of its MoE, which are fewer.

1. A program of the study is matched with a test program of the run if both have the same source, after the study's
reference was restored by the data stage; white space does not count. Each program is used once, and only if every
system has it.
2. The study's predictions are restored in the same way, after three repairs in the study's favour (``repair``). They
end after 256 tokens, in the middle of the program or with numbers and tags behind it, which is why so few of them
parse. The row ``study experts, trimmed`` is without the text that is recognisably behind the program (``trim``).
3. Both sides are scored against the run's reference with the strict protocol. Differences are paired by program, with
95% bootstrap intervals. For the mean over languages, problems are resampled, each with all its languages, because the
same problem in two languages is not two independent samples.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from moesaic.codebleu import codebleu
from moesaic.data.detokenize import SPACE_MARK, detokenize_many
from moesaic.data.formatting import format_many
from moesaic.errors import DataError, MoesaicError
from moesaic.evaluate.score import PredictionRow, read_rows
from moesaic.evaluate.table import system_folder
from moesaic.files import write_json
from moesaic.languages import LANGUAGES, get_language
from moesaic.parsing import grammar_versions, parses
from moesaic.statistics import estimate_mean, estimate_over_problems

BASELINE = "study experts"
STUDY = {"study base": "base", BASELINE: "experts", "study moe": "moe"}
OURS = {"run base": "base", "run experts": "expert:{language}", "run moe": "moe"}
TRIMMED = f"{BASELINE}, trimmed"
TABLES = {
    "experts": ("study base", BASELINE, TRIMMED, *OURS),
    "moe": ("study base", BASELINE, TRIMMED, "study moe", *OURS),
}
"""The systems that each table compares, on the programs that all of them have."""

_PROMPT_REST = re.compile(r"\s*[A-Z/]{0,6}\]\s*")
_LITERAL_OR_BREAK = re.compile(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|(?P<mark>(?<!\S)\\n(?!\S))""")
_PROGRAM_LINE = re.compile(r"[^\W\d_]|[)\]}]")
_CUT_MARK = re.compile(r"\bNEW?(_L?I?N?E?)?\s*$")
_DECODED_SPACE = re.compile(" {2}(?= )")

Values = dict[str, list[tuple[str, float]]]
"""Language -> problem and value of every program."""


def program_key(source: str) -> str:
    """Returns a key that is the same for two texts of the same program in different layouts."""
    return "".join(source.split())


def repair(prediction: str) -> str:
    r"""Repairs damage that the study's cutting and decoding did to a prediction.

    The rest of a prompt tag at the beginning (``NST]``) is removed. The two characters ``\n`` outside literals become a
    line break. In the literals of a token stream, U+2581 between two spaces had been decoded as a third space.
    """
    text = _PROMPT_REST.sub("", prediction, count=1) if _PROMPT_REST.match(prediction) else prediction
    is_source = "\n" in text.strip()

    def mend(found: re.Match[str]) -> str:
        if found["mark"]:
            return "\n" if is_source else "NEW_LINE"
        return found[0] if is_source else _DECODED_SPACE.sub(f" {SPACE_MARK}", found[0])

    return _LITERAL_OR_BREAK.sub(mend, text)


def trim(source: str, language: str) -> str:
    """Cuts off the text that a model wrote after its program.

    Programs in Java and C++ end with the last brace that closes an outermost block. In other languages, lines at the
    end without a letter or a closing bracket are removed (the letters of a ``NEW_LINE`` that was cut off do not count).
    """
    if language in ("java", "cpp"):
        depth, end = 0, 0
        for position, char in enumerate(source, 1):
            if char == "{":
                depth += 1
            elif char == "}":
                depth = max(0, depth - 1)
                end = position if depth == 0 else end
        return source[:end] + "\n" if end else source
    lines = source.rstrip().split("\n")
    while len(lines) > 1 and not _PROGRAM_LINE.search(_CUT_MARK.sub("", lines[-1])):
        lines.pop()
    return "\n".join(lines) + "\n"


def read_study(path: Path, language: str) -> dict[str, str]:
    """Returns program key -> prediction as source; if the file contains a program twice, the first one counts."""
    rows = read_rows(path, language)
    references = [row.references[0] for row in rows]
    keys = [program_key(code) for code in detokenize_many(references, language, from_xlcost=True)]
    repaired = [repair(row.prediction) for row in rows]
    restored = detokenize_many(repaired, language, from_xlcost=True)
    sources = [source if text.strip() else "" for text, source in zip(repaired, restored, strict=True)]
    return dict(reversed(list(zip(keys, sources, strict=True))))


def read_run(path: Path, language: str) -> dict[str, PredictionRow]:
    """Returns program key -> row of the run."""
    return {program_key(row.references[0]): row for row in read_rows(path, language)}


def estimates(values: Values, languages: Sequence[str]) -> dict[str, dict[str, float | int | None]]:
    """Returns language -> estimate, and ``mean`` unless a language is missing."""
    table = {name: estimate_mean([value for _, value in rows]).to_dict() for name, rows in values.items()}
    if set(values) != set(languages):
        return table
    programs = [[(problem, value, 1.0) for problem, value in rows] for rows in values.values()]
    return table | {"mean": estimate_over_problems(programs).to_dict()}


def differences(values: Values, baseline: Values) -> Values:
    """Returns the value minus the baseline's value for each program."""
    return {
        language: [
            (problem, value - other) for (problem, value), (_, other) in zip(rows, baseline[language], strict=True)
        ]
        for language, rows in values.items()
    }


def compare(
    systems: Sequence[str],
    predictions: Mapping[tuple[str, str], Mapping[str, str]],
    references: Mapping[str, Mapping[str, PredictionRow]],
) -> dict[str, Any]:
    """Scores systems on the programs that all of them have, language by language.

    Args:
        systems: Names of the systems, including the baseline. A language that one of the study's systems lacks is left
            out; a system of the run that lacks a language has no mean.
        predictions: (system, language) -> program key -> prediction as source.
        references: Language -> program key -> row of the run, with its reference and id.

    Returns:
        ``programs`` (language -> number of programs) and ``systems`` (name -> ``codebleu``, ``parse_share``,
        ``difference``).
    """
    programs: dict[str, int] = {}
    columns: dict[str, dict[str, Values]] = {name: {"codebleu": {}, "parse_share": {}} for name in systems}
    for language, rows in references.items():
        present = [name for name in systems if (name, language) in predictions]
        if not set(systems) - set(OURS) <= set(present):
            continue
        shared = [key for key in rows if all(key in predictions[name, language] for name in present)]
        programs[language] = len(shared)
        if not shared:
            continue
        problems = [str(rows[key].id) for key in shared]
        for name in present:
            texts = [predictions[name, language][key] for key in shared]
            result = codebleu(texts, [rows[key].references for key in shared], language, "strict")
            scores = [pair.codebleu for pair in result.rows]
            columns[name]["codebleu"][language] = list(zip(problems, scores, strict=True))
            reads = [float(parses(text, language)) for text in texts]
            columns[name]["parse_share"][language] = list(zip(problems, reads, strict=True))
    compared = [language for language, count in programs.items() if count]
    table: dict[str, Any] = {"programs": programs, "systems": {}}
    for name, metrics in columns.items():
        if metrics["codebleu"]:
            table["systems"][name] = {metric: estimates(values, compared) for metric, values in metrics.items()}
            if name != BASELINE:
                change = differences(metrics["codebleu"], columns[BASELINE]["codebleu"])
                table["systems"][name]["difference"] = estimates(change, compared)
    return table


def study_table(workspace: Path, folder: Path) -> dict[str, Any]:
    """Reads both sides and compares them.

    Args:
        workspace: Folder of a finished run.
        folder: The study's outputs.

    Returns:
        ``protocol``, ``baseline``, ``versions``, ``missing`` (what the comparison had to do without) and ``tables``.

    Raises:
        DataError: A file is malformed, or nothing can be compared.
    """
    languages = [name for name in LANGUAGES if (folder / STUDY[BASELINE] / f"{name}.jsonl").is_file()]
    if not languages:
        raise DataError(f"{folder} has no experts/<language>.jsonl: STUDY_FOLDER must hold the study's outputs")
    missing: list[str] = []
    predictions: dict[tuple[str, str], dict[str, str]] = {}
    references: dict[str, dict[str, PredictionRow]] = {}
    for language in languages:
        for name, system in OURS.items():
            part = system_folder(system.format(language=language))
            path = workspace / "predict" / "predictions" / part / f"{language}.jsonl"
            if path.is_file():
                rows = read_run(path, language)
                references.setdefault(language, rows)
                predictions[name, language] = {key: row.prediction for key, row in rows.items()}
            else:
                missing.append(f"the run has no predictions of {part} for {language}")
        for name, part in STUDY.items():
            path = folder / part / f"{language}.jsonl"
            if path.is_file():
                predictions[name, language] = read_study(path, language)
            else:
                missing.append(f"the study has no {part}/{language}.jsonl")
        whole = predictions[BASELINE, language]
        trimmed = [trim(source, language) if source else "" for source in whole.values()]
        sources = [text.strip() and text for text in format_many(trimmed, language)]
        predictions[TRIMMED, language] = dict(zip(whole, sources, strict=True))
    if not references:
        raise DataError(
            f"{workspace} has no predict/predictions/<system>/<language>.jsonl for {', '.join(languages)}: WORKSPACE "
            "must be the folder of a run whose predict stage is finished"
        )
    tables = {title: compare(systems, predictions, references) for title, systems in TABLES.items()}
    if not any(table["systems"] for table in tables.values()):
        raise DataError(
            f"no program of {folder} is among the predictions of {workspace}: the run must be on XLCoST's test split "
            f"(data.source, predict.split); {'; '.join(missing) or 'no file is missing'}"
        )
    return {
        "protocol": "strict",
        "baseline": BASELINE,
        "versions": grammar_versions(),
        "missing": missing,
        "tables": {title: table for title, table in tables.items() if table["systems"]},
    }


def markdown(result: Mapping[str, Any]) -> str:
    """Returns the tables in Markdown."""
    lines = []
    for title, table in result["tables"].items():
        languages = [language for language, count in table["programs"].items() if count]
        counts = ", ".join(f"{get_language(name).title} {count}" for name, count in table["programs"].items())
        lines += [f"Programs of the study's {title}: {counts}", ""]
        head = [
            "system",
            "CodeBLEU",
            "difference to the study's experts",
            *(get_language(name).title for name in languages),
        ]
        lines += ["| " + " | ".join([*head, "parses"]) + " |", "|---" * (len(head) + 1) + "|"]
        for name, row in table["systems"].items():
            difference = row.get("difference", {})
            cells = [name, _value(row["codebleu"], "mean"), _signed(difference, "mean") or "-"]
            cells += [
                f"{_value(row['codebleu'], language)} {_signed(difference, language)}".strip() for language in languages
            ]
            share = row["parse_share"].get("mean")
            lines.append("| " + " | ".join([*cells, f"{share['value']:.0%}" if share else "-"]) + " |")
        lines.append("")
    lines.append(
        "CodeBLEU strict against the run's references, the mean of the languages first. Differences are paired by "
        "program, with their 95% bootstrap interval; for the mean, problems are resampled across languages."
    )
    return "\n".join([*lines, *(f"Missing: {line}." for line in result["missing"])])


def _value(estimates: Mapping[str, Any], key: str) -> str:
    return f"{estimates[key]['value']:.3f}" if key in estimates else "-"


def _signed(estimates: Mapping[str, Any], key: str) -> str:
    if key not in estimates:
        return ""
    value, low, high = (estimates[key][field] for field in ("value", "low", "high"))
    return f"{value:+.3f}" if low is None else f"{value:+.3f} [{low:+.3f}, {high:+.3f}]"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", metavar="WORKSPACE", type=Path)
    parser.add_argument("study", metavar="STUDY_FOLDER", type=Path)
    parser.add_argument("--out", metavar="FILE.json", type=Path)
    options = parser.parse_args(arguments)
    try:
        result = study_table(options.workspace, options.study)
        if options.out:
            try:
                write_json(options.out, result)
            except OSError as error:
                raise DataError(f"--out {options.out}: cannot be written: {error.strerror}; name another") from error
    except MoesaicError as error:
        print(error, file=sys.stderr)
        return 2
    print(markdown(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
