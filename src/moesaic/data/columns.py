"""Finds the columns of a table that hold the task, the program, and its language.

``text`` and ``code`` are moesaic's own names. ``data.fields`` can name others. Without it, the usual forms of public
data sets are recognised by their column names: conversations, and the pairs in ``PAIRS``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any, Final

from moesaic.data.descriptions import title_of
from moesaic.data.examples import Example, string_field, tests_field
from moesaic.data.fences import extract_code
from moesaic.data.tables import Row
from moesaic.errors import DataError
from moesaic.files import text_digest
from moesaic.languages import Language, find_language, in_order

PAIRS: Final = (
    ("instruction", "output"),
    ("instruction", "response"),
    ("instruction", "answer"),
    ("prompt", "completion"),
    ("prompt", "response"),
    ("prompt", "solution"),
    ("prompt", "code"),
    ("problem", "solution"),
    ("question", "answer"),
    ("question", "response"),
    ("question", "solution"),
    ("query", "answer"),
    ("query", "response"),
    ("input", "output"),
    ("intent", "snippet"),
    ("func_documentation_string", "func_code_string"),
)
"""(column of the task, column of the answer); the first pair that a row has is used."""

_MORE: Final = {"instruction": ("input", "context")}
"""Column of the task -> columns that may add to the task, as in Alpaca and Dolly."""

_CONVERSATIONS: Final = (
    ("messages", "role", "content", "user", "assistant"),
    ("conversations", "from", "value", "human", "gpt"),
    ("conversations", "role", "content", "user", "assistant"),
)
"""(column, key of the speaker, key of the text, user's name, assistant's name), as in OpenAI's and ShareGPT's data."""

LANGUAGE_COLUMNS: Final = ("language", "lang", "programming_language")


def read_pair(record: dict[str, Any], where: str, row: Language, fields: Mapping[Any, str] | None = None) -> Example:
    """Returns the example in a record, which may have ``id``, ``tests`` and ``opening`` in addition to text and code.

    Args:
        record: A record with ``text`` and ``code``; with ``messages`` or ``conversations``, from which the first answer
            and its question are used; or with one of ``PAIRS``. The code of an answer is the code in its fence.
        where: ``file:line`` for error messages.
        row: The language.
        fields: ``text``, ``code`` or ``id`` -> the source's name for it.

    Raises:
        DataError: A field is missing or of another type, or the code does not begin with its opening.
    """
    names = fields or {}
    if not {"text", "code"} & names.keys() and not {"text", "code"} <= record.keys():
        record = {**record, **(_from_conversation(record, where, row) or _from_pair(record, where, row))}
    text = string_field(record, names.get("text", "text"), where)
    code = string_field(record, names.get("code", "code"), where)
    found = record.get(names.get("id", "id"))
    # Without an id, the title replaces it, because the same problem has the same title in all languages.
    identifier = str(found) if found not in (None, "") else f"title-{text_digest(title_of(text).lower())[:12]}"
    return Example(identifier, row.name, text, code, tests_field(record, where), _opening(record, where, code))


def _opening(record: dict[str, Any], where: str, code: str) -> str:
    """Returns the beginning of the code that the prompt gives, in whole lines, or "" if the record has none."""
    if record.get("opening") in (None, ""):
        return ""
    opening = string_field(record, "opening", where)
    if not code.startswith(opening) or not opening.endswith("\n"):
        raise DataError(
            f"{where}: field 'opening' must be whole lines that field 'code' begins with, found {opening!r:.60}: end "
            "it with a line break, or leave it out for a whole program"
        )
    return opening


def of_language(
    rows: Iterable[Row], row: Language, others: tuple[str, ...], fields: Mapping[Any, str] | None, source: str
) -> list[Row]:
    """Returns the rows of one language from a table that contains several.

    Args:
        rows: The rows of the table.
        row: The language.
        others: Names of the recipe's other languages. If there are none, and the table does not name languages, all
            rows are in this language.
        fields: Names of the columns. ``language`` is the column that names the programming language, by default the
            first of ``LANGUAGE_COLUMNS`` that the table has.
        source: Name of the table in error messages.

    Raises:
        DataError: The languages cannot be told apart, or the column that ``fields`` names has no known language.
    """
    rows = list(rows)
    named = (fields or {}).get("language")
    columns = (named,) if named else LANGUAGE_COLUMNS
    column = next((name for name in columns if any(name in record for _, record in rows)), None)
    domains = [found for name in (row.name, *others) if (found := find_language(name)) and found.domain_of]
    aliases = {alias: domain.name for domain in domains for alias in (domain.name, *domain.aliases)}
    languages = [_known_language(record.get(column), aliases) for _, record in rows] if column else []
    if any(languages):
        return [each for each, language in zip(rows, languages, strict=True) if language == row.name]
    if rows and named:
        raise DataError(f"{source}: no row has a known language in the column {named!r} (data.fields.language)")
    if rows and others:
        names = ", ".join(sorted((row.name, *others)))
        raise DataError(
            f"{source}: the rows do not say which of {names} they are in: name the column that does (data.fields: "
            "{language: ...}), or give each language a file of its own"
        )
    return rows


def table_languages(rows: Iterable[Row]) -> tuple[str, ...]:
    """Returns the known languages and domains that the rows name in the columns ``LANGUAGE_COLUMNS``."""
    found = {_known_language(record.get(name), {}) for _, record in rows for name in LANGUAGE_COLUMNS}
    return tuple(in_order(name for name in found if name is not None))


def _known_language(value: Any, domains: Mapping[str, str]) -> str | None:
    """Returns the language that a cell names, or None. A domain may also be named by the part after its dash."""
    if not isinstance(value, str):
        return None
    row = find_language(value)
    return domains.get(value.strip().lower()) or (None if row is None else row.name)


def _from_conversation(record: dict[str, Any], where: str, row: Language) -> dict[str, str]:
    """Returns the code of the first answer of a conversation and the text of the turn before it, or an empty dict."""
    there = [form for form in _CONVERSATIONS if form[0] in record]
    for column, who, what, asks, answers in there:
        turns = record[column]
        if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
            raise DataError(f"{where}: field {column!r} must be a list of objects with {who} and {what}")
        for asked, answered in itertools.pairwise(turns):
            if (asked.get(who), answered.get(who)) == (asks, answers):
                return {
                    "text": string_field(asked, what, where),
                    "code": extract_code(string_field(answered, what, where), row.name),
                }
    if there:
        raise DataError(f"{where}: field {there[0][0]!r} has no turn of the user followed by the assistant's")
    return {}


def _from_pair(record: dict[str, Any], where: str, row: Language) -> dict[str, str]:
    pair = next((pair for pair in PAIRS if set(pair) <= record.keys()), None)
    if pair is None:
        return {}
    text = string_field(record, pair[0], where)
    more = (record.get(name) for name in _MORE.get(pair[0], ()))
    parts = [text, *(part for part in more if isinstance(part, str) and part.strip())]
    return {"text": "\n\n".join(parts), "code": extract_code(string_field(record, pair[1], where), row.name)}
