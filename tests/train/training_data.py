"""Encoded examples of four toy languages that a pico model can learn apart."""

from __future__ import annotations

import random

from moesaic.data.examples import Example
from moesaic.data.prompts import EncodedExample, PromptFormat
from pico import pico_tokenizer

LANGUAGES = ("python", "java")
_FORMS = {"python": "def f(x):\n    return x {op} {n}\n", "java": "int f(int x) {{ return x {op} {n}; }}\n"}


def toy_examples(count: int, seed: int = 0, languages: tuple[str, ...] = LANGUAGES) -> list[EncodedExample]:
    """``count`` short programs of each language."""
    prompt = PromptFormat(pico_tokenizer(chat=False))
    generator = random.Random(seed)
    return [
        prompt.encode(
            Example(
                f"{language}-{index}",
                language,
                "arithmetic",
                _FORMS[language].format(op=generator.choice("+-*"), n=generator.randrange(100)),
            )
        )
        for language in languages
        for index in range(count)
    ]
