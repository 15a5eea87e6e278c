"""Writes the prompt as a chat template, so that other programs ask an export as it was asked in training.

What ``PromptFormat`` writes around a task is a constant of the tokenizer, so the templates are that text and a choice
of the language. They do what the server does with a conversation (``serve.prompting``): all that was said is one task,
and its language is the one that the request names, else that of the last code fence, else the one that its words name
("in Java", "a C++ program"), else the model's first.

    Jinja    Hugging Face's tokenizers, vLLM, llama.cpp
    Go       Ollama, whose templates cannot look into a text: there a system message of one word names the language

``PromptFormat`` reads these templates like any other: it sets ``moesaic_frame``, which leaves the task as it is given.
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
        frame: What stands around the task; see ``PromptFormat.frame``.
        languages: The model's languages; the first is taken where nothing names one.
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
        frame: What stands around the task.
        languages: The model's languages; the first is taken unless a system message is the name of another.
        without: What Ollama writes before every prompt by itself, as the token that starts a text.
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
    """Returns what the user's turn says before and after the title of the language, as far as the task."""
    language = next(iter(LANGUAGES.values()))
    before, _, after = task_text(_PROBE, language).removesuffix(_PROBE).partition(language.title)
    return before, after


def _ordered(languages: Sequence[str]) -> list[Language]:
    """All languages and the model's domains, the one that is taken by default first."""
    first = next((row for name in languages if (row := find_language(name))), next(iter(LANGUAGES.values())))
    return [first, *(row for row in rows_of(languages) if row != first)]


def _requested(row: Language) -> list[str]:
    fences = () if row.domain_of else (row.fence,)  # a domain's is that of its language
    return list(dict.fromkeys([row.name, row.title.lower(), *fences, *row.aliases]))


def _spoken(row: Language) -> list[str]:
    """Names in a text; of C only the capital is one, which the template calls by a longer name."""
    return ["the-language-c" if name == "c" else name for name in _requested(row)]


def _certain(row: Language) -> list[str]:
    """Names that are no other word: those of one or two letters need a place that says so."""
    names = [name for name in _requested(row) if name != "node" and not (len(name) < 3 and name.isalnum())]
    return [name for name in names if name != "c"]


def _words(row: Language) -> str:
    return " ".join(_literal(name) for name in dict.fromkeys([row.name, row.title, *row.aliases]))


def _literal(value: object) -> str:
    """A value as both template languages write it: JSON with characters as they are."""
    return json.dumps(value, ensure_ascii=False)
