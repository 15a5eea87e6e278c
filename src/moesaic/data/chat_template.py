"""Writes the prompt as a chat template, so that other programs ask an export as it was asked in training.

The text that ``PromptFormat`` writes around a task is constant for a tokenizer. A template therefore consists of this
text and a rule that chooses the language. It treats a conversation as the server does (``serve.prompting``): all
messages together are one task. The language is the one that the request names, else that of the last code fence, else
the one that the words of the conversation name ("in Java", "a C++ program"), else the model's first language.

    Jinja    for Hugging Face's tokenizers, vLLM and llama.cpp
    Go       for Ollama, whose templates cannot search in a text; here a system message of one word names the language

``PromptFormat`` can read these templates like any other. It sets ``moesaic_frame``, with which a template leaves the
task unchanged.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources
from string import Template
from typing import Final

from moesaic.data.fences import FENCE
from moesaic.data.prompts import Frame, task_text
from moesaic.languages import LANGUAGES, Language, find_language, rows_of

_PROBE: Final = "\x00"

_GO: Final = Template("""\
{{- $$title := $title }}{{ $$fence := $info }}{{ $$between := "" -}}
$choices
{{- $before }}{{ $task_before }}{{ $$title }}{{ $task_after }}
{{- range .Messages }}{{ if not (and (eq .Role "system") (eq .Content $names)) }}{{ $$between }}{{ .Content }}\
{{ $$between = "\\n\\n" }}{{ end }}{{ end }}
{{- $after }}{{ $$fence }}{{ "\\n" -}}
""")


def jinja_template(frame: Frame, languages: Sequence[str]) -> str:
    """Returns the prompt as a chat template of Hugging Face's tokenizers.

    Args:
        frame: The text around the task; see ``PromptFormat.frame``.
        languages: The model's languages. The first is used if nothing names a language.
    """
    rows = [[row.title, row.fence, _requested(row), _spoken(row), _certain(row)] for row in _ordered(languages)]
    before, after = _around_task()
    template = resources.files("moesaic.data").joinpath("chat_template.jinja").read_text(encoding="utf-8")
    return Template(template).substitute(
        rows=_literal(rows),
        before=_literal(frame.before),
        after=_literal(frame.after),
        opening=_literal(frame.opening),
        end=_literal(frame.end),
        fence=FENCE,
        task_before=_literal(before)[1:-1],
        task_after=_literal(after)[1:-1],
        allowed=", ".join(row.name for row in rows_of(languages)),
    )


def go_template(frame: Frame, languages: Sequence[str], without: str = "") -> str:
    """Returns the prompt as a template of Ollama.

    Args:
        frame: The text around the task; see ``PromptFormat.frame``.
        languages: The model's languages. The first is used unless a system message is the name of another.
        without: Text that Ollama itself writes before every prompt, such as the token that starts a text.
    """
    rows = _ordered(languages)
    before, after = _around_task()
    choices = "".join(
        f"{{{{- if eq .System {_words(row)} }}}}{{{{ $title = {_literal(row.title)} }}}}"
        f"{{{{ $fence = {_literal(row.fence)} }}}}{{{{ end -}}}}\n"
        for row in rows
    )
    return _GO.substitute(
        title=_literal(rows[0].title),
        info=_literal(rows[0].fence),
        choices=choices.rstrip("\n"),
        names=" ".join(_words(row) for row in rows),
        before=_literal(frame.before.removeprefix(without)),
        task_before=_literal(before),
        task_after=_literal(after),
        after=_literal(frame.after + frame.opening + FENCE),
    )


def _around_task() -> tuple[str, str]:
    """Returns the text of the user's turn before the title of the language, and between the title and the task."""
    language = next(iter(LANGUAGES.values()))
    before, _, after = task_text(_PROBE, language).removesuffix(_PROBE).partition(language.title)
    return before, after


def _ordered(languages: Sequence[str]) -> list[Language]:
    """Returns all languages and the model's domains, beginning with the default."""
    first = next((row for name in languages if (row := find_language(name))), next(iter(LANGUAGES.values())))
    return [first, *(row for row in rows_of(languages) if row != first)]


def _requested(row: Language) -> list[str]:
    fences = () if row.domain_of else (row.fence,)  # a domain has the fence of its language
    return list(dict.fromkeys([row.name, row.title.lower(), *fences, *row.aliases]))


def _spoken(row: Language) -> list[str]:
    """Returns the names by which a text may mention a language; for C, the template's name for the capital letter."""
    return ["the-language-c" if name == "c" else name for name in _requested(row)]


def _certain(row: Language) -> list[str]:
    """Returns the names that mean the language anywhere in a text, without short names and names that are words."""
    names = [name for name in _requested(row) if name != "node" and not (len(name) < 3 and name.isalnum())]
    return [name for name in names if name != "c"]


def _words(row: Language) -> str:
    return " ".join(_literal(name) for name in dict.fromkeys([row.name, row.title, *row.aliases]))


def _literal(value: object) -> str:
    """Returns a value as a literal of both template languages: JSON without escapes for non-ASCII characters."""
    return json.dumps(value, ensure_ascii=False)
