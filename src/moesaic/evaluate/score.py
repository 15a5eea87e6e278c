"""Scores a file of predictions, per language and in total, each value with its n, interval and guards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import NoneType
from typing import Any

from moesaic.codebleu import COMPONENTS, PROTOCOLS, codebleu
from moesaic.data.detokenize import is_certain_stream, is_xlcost, restore
from moesaic.errors import DataError
from moesaic.evaluate.guards import guards
from moesaic.execution.problems import read_language
from moesaic.files import read_json_lines
from moesaic.languages import get_language, in_order
from moesaic.parsing import clean_source, grammar_versions
from moesaic.progress import Bar
from moesaic.statistics import Estimate, estimate_mean

__all__ = ["ALL", "METRICS", "FileScore", "LanguageScore", "PredictionRow", "read_rows", "score_file", "sentence_bleu"]

ALL = "all"
METRICS = ("codebleu", "bleu")
LONGEST_PROGRAM = 2**18
"""Maximum number of characters of a program: more than any model writes, and still scored within seconds."""


@dataclass(frozen=True, slots=True)
class PredictionRow:
    """One line of a predictions file.

    Attributes:
        line: Number of the line, from 1.
        language: Name of the language.
        prediction: The generated program.
        references: One or more programs with which the prediction is compared.
        id: Id in the file, or None.
    """

    line: int
    language: str
    prediction: str
    references: tuple[str, ...]
    id: str | int | None = None


@dataclass(frozen=True)
class LanguageScore:
    """The scores of one language, or of all languages together.

    Attributes:
        estimates: Metric -> mean over the rows, with n and interval.
        guards: Shares that are shown beside the score (``evaluate.guards``).
        corpus: Component -> score of the pooled counts; only for CodeBLEU in one language.
    """

    estimates: dict[str, Estimate]
    guards: dict[str, float | int]
    corpus: dict[str, float | None] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Returns metric -> ``{"value", "n", "low", "high"}``, together with ``guards`` and ``corpus``."""
        result: dict[str, Any] = {name: estimate.to_dict() for name, estimate in self.estimates.items()}
        return result | {"guards": self.guards} | ({"corpus": self.corpus} if self.corpus else {})


@dataclass(frozen=True)
class FileScore:
    """The scores of a file.

    Attributes:
        protocol: Protocol of CodeBLEU; None for another metric.
        languages: Language -> its scores; ``all`` comes last if every language was asked for.
        rows: One mapping per line, with ``line``, ``id`` if given, ``language`` and the metrics.
    """

    protocol: str | None
    languages: dict[str, LanguageScore]
    rows: list[dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Returns the object that ``score --json`` prints: the scores of one language, or language -> scores."""
        facts = {"protocol": self.protocol, "versions": grammar_versions()} if self.protocol else {}
        if ALL not in self.languages:
            ((name, score),) = self.languages.items()
            return score.to_dict() | {"language": name} | facts
        return {name: score.to_dict() for name, score in self.languages.items()} | facts


def read_rows(path: Path, language: str) -> list[PredictionRow]:
    """Reads JSON Lines with ``prediction``, ``reference`` (one string or several) and, optionally, ``language``.

    Args:
        path: The file, in UTF-8.
        language: Name or alias of a language; lines that name another language are skipped. With ``all``, every line
            must name its language.

    Raises:
        DataError: The file cannot be read, a line is malformed (the message gives its number), or no line is left.
    """
    wanted = None if language == ALL else get_language(language).name
    rows = [_parse_row(record, number, path, wanted) for number, record in read_json_lines(path)]
    rows = [row for row in rows if wanted in (None, row.language)]
    if not rows:
        which = "" if wanted is None else f" in {wanted}"
        raise DataError(f"{path} holds no predictions{which}: lines with prediction and reference are needed")
    return rows


def _parse_row(record: dict[str, Any], number: int, path: Path, default: str | None) -> PredictionRow:
    place = f"{path}:{number}"
    prediction, reference = record.get("prediction"), record.get("reference")
    if not isinstance(prediction, str):
        raise DataError(f"{place}: prediction is {_show(prediction)}: a string is needed")
    references = [reference] if isinstance(reference, str) else reference
    if not isinstance(references, list) or not references or not all(isinstance(item, str) for item in references):
        raise DataError(f"{place}: reference is {_show(reference)}: a string or a list of at least one is needed")
    if (longest := max(map(len, (prediction, *references)))) > LONGEST_PROGRAM:
        raise DataError(
            f"{place}: a program of {longest:,} characters: at most {LONGEST_PROGRAM:,} are scored, shorten it"
        )
    name = record.get("language", default)
    if not isinstance(name, str):
        raise DataError(f"{place}: language is {_show(name)}: name it in the line, or pass one with --language")
    id_ = record.get("id")
    if isinstance(id_, bool) or not isinstance(id_, (str, int, NoneType)):
        raise DataError(f"{place}: id is {_show(id_)}: a string or an integer is needed, or none at all")
    return PredictionRow(number, read_language(place, name), prediction, tuple(references), id_)


def _show(value: object) -> str:
    return "missing" if value is None else f"{value!r}"[:60]


def sentence_bleu(prediction: str, references: Sequence[str]) -> float:
    """Returns sentence BLEU (Papineni et al. 2002), from 0 to 1, with sacrebleu's tokens and smoothing."""
    import sacrebleu

    return float(sacrebleu.sentence_bleu(prediction, list(references)).score) / 100 if prediction.strip() else 0.0


def score_file(
    path: Path,
    language: str,
    *,
    metric: str = "codebleu",
    protocol: str = "strict",
    detokenize: bool | None = None,
    workers: int = 1,
    seed: int = 0,
) -> FileScore:
    """Scores a file of predictions.

    Args:
        path: JSON Lines; see :func:`read_rows`.
        language: Name or alias of a language, or ``all`` to score each line in its own language.
        metric: ``codebleu`` or ``bleu``.
        protocol: Protocol of CodeBLEU, ``strict`` or ``reference``.
        detokenize: Whether XLCoST token streams are first turned back into source; other text is not changed. None
            means True, except in the ``reference`` protocol, which is defined on unchanged text.
        workers: Number of processes.
        seed: Seed of the bootstrap intervals.

    Raises:
        DataError: The file or an argument is wrong.
    """
    if metric not in METRICS:
        raise DataError(f"unknown metric {metric!r}: allowed are {' and '.join(METRICS)}")
    if protocol not in PROTOCOLS:
        raise DataError(f"unknown protocol {protocol!r}: allowed are {' and '.join(PROTOCOLS)}")
    as_it_stands = metric == "codebleu" and protocol == "reference"
    if detokenize and as_it_stands:
        raise DataError(
            "--detokenize with --protocol reference: this protocol scores texts as they are; leave out one of the two"
        )
    rows = read_rows(path, language)
    if not as_it_stands:
        rows = [_cleaned(row) for row in rows]
    if detokenize or (detokenize is None and not as_it_stands):
        rows = _restored(rows, known=bool(detokenize))
    scores: dict[str, LanguageScore] = {}
    values: dict[int, dict[str, float | None]] = {}
    with Bar(f"scoring {metric}", len(rows), "programs") as bar:
        for name in in_order(row.language for row in rows):
            group = [row for row in rows if row.language == name]
            corpus: dict[str, float | None] = {}
            if metric == "codebleu":
                predictions, references = [row.prediction for row in group], [row.references for row in group]
                result = codebleu(predictions, references, name, protocol, workers=workers)
                corpus = result.corpus.to_dict()
                columns = [pair.to_dict() for pair in result.rows]
            else:
                columns = [{"bleu": sentence_bleu(row.prediction, row.references)} for row in group]
            values.update((row.line, column) for row, column in zip(group, columns, strict=True))
            scores[name] = LanguageScore(_estimates(columns, metric, seed), _guards(group, seed), corpus)
            bar.advance(len(group))
    if language == ALL:
        scores[ALL] = LanguageScore(
            _estimates([values[row.line] for row in rows], metric, seed), _mean_guards(scores.values())
        )
    records = [
        {"line": row.line, **({} if row.id is None else {"id": row.id}), "language": row.language, **values[row.line]}
        for row in rows
    ]
    return FileScore(protocol if metric == "codebleu" else None, scores, records)


def _cleaned(row: PredictionRow) -> PredictionRow:
    references = tuple(map(clean_source, row.references))
    return replace(row, prediction=clean_source(row.prediction), references=references)


def _restored(rows: Sequence[PredictionRow], known: bool) -> list[PredictionRow]:
    """Turns token streams into source: if XLCoST's are present, all texts of that form, else only certain streams."""
    for name in dict.fromkeys(row.language for row in rows):
        known = known or is_xlcost([text for row in rows if row.language == name for text in row.references], name)

    def source_of(text: str, language: str) -> str:
        return restore(text, language) if text.strip() and (known or is_certain_stream(text, language)) else text

    return [
        replace(
            row,
            prediction=source_of(row.prediction, row.language),
            references=tuple(source_of(reference, row.language) for reference in row.references),
        )
        for row in rows
    ]


def _estimates(columns: Sequence[dict[str, float | None]], metric: str, seed: int) -> dict[str, Estimate]:
    names = COMPONENTS if metric == "codebleu" else (metric,)
    return {
        name: estimate_mean([value for column in columns if (value := column[name]) is not None], seed=seed)
        for name in names
    }


def _guards(rows: Sequence[PredictionRow], seed: int) -> dict[str, float | int]:
    records = [{"prediction": row.prediction, "reference": row.references} for row in rows]
    return guards(records, rows[0].language, seed=seed)


def _mean_guards(scores: Iterable[LanguageScore]) -> dict[str, float | int]:
    """Returns the guards of all languages together, weighted by the number of rows of the languages that have them."""
    tables = [score.guards for score in scores]
    shares: dict[str, float | int] = {}
    for key in dict.fromkeys(key for table in tables for key in table if key != "n"):
        known = [table for table in tables if key in table]
        shares[key] = sum(table[key] * table["n"] for table in known) / sum(table["n"] for table in known)
    return {"n": sum(int(table["n"]) for table in tables), **shares}
