"""Writes the files with which an export answers a chat as in training: template, stop tokens, examples.

    chat_template.jinja        the prompt of training (``data.chat_template``)
    generation_config.json     all stop tokens, and greedy decoding, as ``moesaic generate`` does
    Modelfile                  both for Ollama
    README.md                  an example of a request, and the prompt that is made of it

Exports write these files in place of those of the base.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from moesaic.checkpoint.description import ModelFolder
from moesaic.data.chat_template import go_template, jinja_template
from moesaic.data.fences import FENCE
from moesaic.data.prompts import PromptFormat, task_text
from moesaic.files import read_json_object, write_json, write_text
from moesaic.languages import LANGUAGES, Language, find_language

if TYPE_CHECKING:
    from moesaic.model.base_files import BaseSource

TEMPLATE: Final = "chat_template.jinja"
GENERATION: Final = "generation_config.json"
MODELFILE: Final = "Modelfile"

_TASK = "Sum of the squares of a list"
_TOKENS = ("bos_token_id", "pad_token_id")


@dataclass(frozen=True, slots=True)
class Chat:
    """The prompt of a model in the forms that other programs use.

    Attributes:
        prompts: Makes prompts with the tokenizer of the base.
        languages: The languages of the model. The first is used if a request does not name one.
    """

    prompts: PromptFormat
    languages: tuple[str, ...]

    @classmethod
    def of(cls, folder: ModelFolder, source: BaseSource) -> Chat:
        """Makes the prompt from the tokenizer of a model's base.

        Raises:
            ModelError: The tokenizer cannot be used, or its chat template does not write a task.
        """
        from moesaic.model.backbone import load_tokenizer

        return cls(PromptFormat(load_tokenizer(source)), folder.languages)

    @property
    def template(self) -> str:
        """The chat template, in Jinja."""
        return jinja_template(self.prompts.frame, self.languages)

    def write_settings(self, out: Path, config: Mapping[str, Any]) -> None:
        """Writes chat template and generation settings to a folder, where they replace those of the base.

        Args:
            out: The folder, which may contain a tokenizer.
            config: The base's configuration.
        """
        write_text(out / TEMPLATE, self.template)
        tokenizer = out / "tokenizer_config.json"
        if tokenizer.is_file():  # this file of older bases contains the template
            settings = read_json_object(tokenizer)
            settings.pop("chat_template", None)
            write_json(tokenizer, settings)
        given = read_json_object(out / GENERATION) if (out / GENERATION).is_file() else {}
        kept = {key: value for key in _TOKENS if (value := given.get(key, config.get(key))) is not None}
        write_json(out / GENERATION, {**kept, "eos_token_id": list(self.prompts.stop_ids), "do_sample": False})

    def modelfile(self, source: str) -> str:
        """Returns a Modelfile for Ollama.

        Args:
            source: Path of the weights, relative to the Modelfile.
        """
        tokenizer, frame = self.prompts.tokenizer, self.prompts.frame
        starts = tokenizer("")["input_ids"][:1] == [tokenizer.bos_token_id]  # then llama.cpp adds this token
        template = go_template(frame, self.languages, str(tokenizer.bos_token) if starts else "")
        stops = [*(self.prompts.text_of([token]) for token in self.prompts.stop_ids), FENCE]
        known = [row.name for name in self.languages if (row := find_language(name))]
        other = next((name for name in (*known, *LANGUAGES) if name != self._first.name), "")
        return "\n".join(
            [
                "# ollama create NAME -f <this file>; ollama run NAME",
                f"# Programs are in {self._first.title} unless the system message is the name of another "
                f"language: /set system {other}",
                f"FROM {source}",
                f'TEMPLATE """{template}"""',
                "PARAMETER temperature 0",
                *(f'PARAMETER stop "{stop}"' for stop in stops),
                "",
            ]
        )

    def card(self, name: str, url: str = "http://127.0.0.1:8000") -> list[str]:
        """Returns the lines of a model card that show how to send a request.

        Args:
            name: Name of the model on the server.
            url: Address of the server.
        """
        request = {
            "model": name,
            "messages": [{"role": "user", "content": _TASK}],
            "chat_template_kwargs": {"language": self._first.name},
            "temperature": 0,
            "max_tokens": 512,
            "stop": [f"\n{FENCE}"],
        }
        frame = self.prompts.frame
        turn = task_text(_TASK, self._first)
        prompt = f"{frame.before}{turn}{frame.after}{frame.opening}{FENCE}{self._first.fence}"
        stops = ", ".join(f"`{self.prompts.text_of([token])}` ({token})" for token in self.prompts.stop_ids)
        return [
            "## Ask it",
            "",
            "The chat template is the prompt with which the model was trained: one task in a user turn, and an answer "
            "that begins with a code fence of the language. This request",
            "",
            "```",
            f"curl {url}/v1/chat/completions -H 'Content-Type: application/json' -d '{json.dumps(request, indent=1)}'",
            "```",
            "",
            "becomes",
            "",
            "````",
            *prompt.split("\n"),
            "````",
            "",
            "and the answer continues from there. It is the program; the stop string removes the fence that ends it. "
            "Without `chat_template_kwargs`, the language is that of the last code fence, otherwise the one that the "
            f'words name ("in Java"), and otherwise {self._first.title}. System messages and earlier turns are written '
            "in front of the task.",
            "",
            f"Tokens that end an answer: {stops}.",
            "",
        ]

    @property
    def _first(self) -> Language:
        return next((row for name in self.languages if (row := find_language(name))), next(iter(LANGUAGES.values())))
