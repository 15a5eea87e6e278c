"""The Modelfile of an export, read as Ollama reads it (its documentation of the Modelfile; ``parser/parser.go``)."""

from __future__ import annotations

import pytest

from moesaic.checkpoint.exchange.chat import Chat
from moesaic.data.chat_template import go_template
from moesaic.data.prompts import PromptFormat
from moesaic.languages import LANGUAGES
from pico import pico_tokenizer

COMMANDS = {"FROM", "TEMPLATE", "PARAMETER"}
"""Those that an export needs; Ollama refuses names that it does not know."""


def value(text: str) -> str | None:
    """A value without its quotes; None while they are open. Nothing is escaped in them."""
    text = text.strip()
    for quotes in ('"""', '"'):
        if text.startswith(quotes):
            return text[len(quotes) : -len(quotes)] if len(text) >= 2 * len(quotes) and text.endswith(quotes) else None
    return text


def read(modelfile: str) -> list[tuple[str, str]]:
    """Commands and their values: one a line, unless quotes are open; it takes no character that cannot be shown."""
    found, lines = [], iter(modelfile.split("\n"))
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.partition(" ")
        assert name in COMMANDS
        if name == "PARAMETER":
            key, _, rest = rest.partition(" ")
            name = f"{name} {key}"
        while (got := value(rest)) is None:
            rest += "\n" + next(lines)
        assert "".join(char for char in got if char == "\n" or char.isprintable()) == got
        found.append((name, got))
    return found


@pytest.mark.parametrize("languages", [("java", "python"), ("cpp",)])
def test_the_modelfile_says_source_template_and_stops(languages: tuple[str, ...]):
    prompts = PromptFormat(pico_tokenizer())
    source, template, temperature, *stops = read(Chat(prompts, languages).modelfile("./a b.gguf"))
    assert source == ("FROM", "./a b.gguf")
    assert template == ("TEMPLATE", go_template(prompts.frame, languages))
    assert LANGUAGES[languages[0]].title in template[1]
    assert temperature == ("PARAMETER temperature", "0")
    assert stops == [("PARAMETER stop", text) for text in ("<|im_end|>", "```")]
