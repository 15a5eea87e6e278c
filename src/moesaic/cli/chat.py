"""The command ``chat``: answers tasks in a terminal while they are written, coloured by expert."""

from __future__ import annotations

import contextlib
import queue
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moesaic.cli.colours import coloured, legend_of
from moesaic.cli.naming import resolve_language
from moesaic.errors import DataError, ModelError
from moesaic.languages import get_among, get_language
from moesaic.progress import say

if TYPE_CHECKING:
    from moesaic.data.prompts import PromptFormat
    from moesaic.serve.engine import Engine, Reason, Sampling, Token

_HELP = """A line is a task; the model knows nothing of the ones before.
/language NAME  write in this language; without a name, the task says it
/trace          say after each answer how the experts shared the work, or stop saying it
/help           this
/quit           leave, as Ctrl-D; Ctrl-C stops an answer"""


def register(app: typer.Typer) -> None:
    """Adds the command to the app."""
    app.command("chat", help="Ask a model in the terminal; every token has the colour of its expert.")(_chat)


def _chat(
    model: Annotated[
        Path, typer.Argument(help="A model folder, a run's folder, or owner/name on the hub.", metavar="MODEL")
    ],
    language: Annotated[
        str | None, typer.Option(help="Programming language or domain to write in; by default the task says it.")
    ] = None,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest program, in tokens.")] = 512,
    temperature: Annotated[float, typer.Option(min=0.0, help="Temperature of sampling; 0 is greedy.")] = 0.0,
    top_p: Annotated[
        float, typer.Option(help="Nucleus sampling: share of the probability that tokens are sampled from.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed of sampling.")] = 0,
    base: Annotated[str | None, typer.Option(help="Where the base is now, if not where the model folder says.")] = None,
    dtype: Annotated[str, typer.Option(help="Type of the weights: auto, float32, bfloat16; int8 on a CPU.")] = "auto",
) -> None:
    from moesaic.api import Model
    from moesaic.model.options import check_dtype, check_sampling
    from moesaic.serve.engine import Engine, Sampling

    name = None if language is None else resolve_language(language, model)
    check_sampling(max_new_tokens, temperature, top_p)
    check_dtype(dtype)
    loaded = Model.to_write(model, base=base, dtype=dtype)
    loaded.model.eval()
    prompts = loaded.prompts
    # Room for the answer and a long task. The memory of the slot is allocated at once.
    engine = Engine(loaded.model, prompts.stop_ids, num_slots=1, capacity=max_new_tokens + 1024, queue_size=1)
    sampling = Sampling(max_new_tokens, temperature, top_p, seed, trace=True)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # Ctrl-C stops an answer, not the program
    try:
        _Chat(engine, prompts, sampling, loaded.experts, loaded.languages, name).run()
    finally:
        engine.close(0)


@dataclass
class _Chat:
    """A conversation, which is a sequence of independent tasks.

    Attributes:
        engine: Generates the answers.
        prompts: The prompt format.
        sampling: Options of sampling.
        experts: Names of the experts.
        languages: The model's languages.
        language: Language to write in; None takes it from the task.
        traces: Whether to print each expert's share of an answer.
    """

    engine: Engine
    prompts: PromptFormat
    sampling: Sampling
    experts: Sequence[str]
    languages: Sequence[str]
    language: str | None
    traces: bool = False

    def run(self) -> None:
        from rich.console import Console

        self.console = Console(highlight=False, soft_wrap=True)
        self.console.print(legend_of(self.experts))
        say("/help lists the commands")
        while True:
            try:
                line = self._ask()
            except (EOFError, KeyboardInterrupt):
                return
            except ValueError as error:
                raise DataError(f"stdin is not UTF-8 text ({error})") from error
            if line.startswith("/"):
                if not self._obey(line):
                    return
            elif line:
                self._answer(line)

    def _ask(self) -> str:
        if not sys.stdin.isatty():
            line = sys.stdin.readline()
            if not line:
                raise EOFError
            return line.strip()
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401  # arrow keys and history
        return input(f"{self.language or 'task'}> ").strip()

    def _obey(self, line: str) -> bool:
        """Runs a command that begins with a slash; returns False if it ends the conversation."""
        command, _, rest = line.partition(" ")
        if command == "/language":
            try:
                self.language = get_among(rest, self.languages).name if rest.strip() else None
            except DataError as error:
                say(str(error))
            else:
                say(f"language: {get_language(self.language).title if self.language else 'what the task says'}")
        elif command == "/trace":
            self.traces = not self.traces
            say(f"trace: {'on' if self.traces else 'off'}")
        elif command in ("/quit", "/exit"):
            return False
        else:
            if command != "/help":
                say(f"{command} is not known")
            say(_HELP)
        return True

    def _answer(self, task: str) -> None:
        from moesaic.serve.answers import Detokenizer
        from moesaic.serve.prompting import ask_chat
        from moesaic.serve.protocol import Message

        if task != task.encode("utf-8", "replace").decode():
            say("the task is not UTF-8: write it in a terminal whose encoding is UTF-8")
            return
        asked = ask_chat(self.prompts, [Message(role="user", content=task)], self.language, self.languages)
        if asked.language and self.language is None:
            why = "by default" if asked.origin == "default" else "as the task says"
            say(f"{get_language(asked.language).title}, {why}")
        detokenizer = Detokenizer(self.prompts, asked.ids)
        shares, num_tokens, reason = [0.0] * len(self.experts), 0, None
        try:
            for item in self._tokens(asked.ids):
                if isinstance(item, str):
                    reason = item
                    break
                num_tokens += 1
                experts_LK, weights_LK = item.route or ([], [])
                for experts_K, weights_K in zip(experts_LK, weights_LK, strict=True):
                    for expert, weight in zip(experts_K, weights_K, strict=True):
                        shares[expert] += weight / len(experts_LK)
                text = detokenizer.add(item.id)
                self.console.print(coloured(text, experts_LK, weights_LK, len(self.experts)), end="")
            self.console.print(detokenizer.finish())
        except ModelError as error:
            say(str(error))
            return
        if reason == "length":
            say(f"(cut at {num_tokens} tokens; --max-new-tokens allows more)")
        elif reason in ("cancelled", "error"):
            say("(stopped)" if reason == "cancelled" else "(the model failed)")
        if self.traces and num_tokens:
            parts = (
                f"{name} {100 * share / num_tokens:.0f} %" for name, share in zip(self.experts, shares, strict=True)
            )
            say(f"{num_tokens} tokens: {', '.join(parts)}")

    def _tokens(self, ids: list[int]) -> Iterator[Token | Reason]:
        """Yields tokens, then the reason for the end; Ctrl-C cancels the answer."""
        items: queue.Queue[Token | Reason] = queue.Queue()
        ticket = self.engine.submit(ids, self.sampling, items.put, items.put)
        item: Token | Reason | None = None
        while not isinstance(item, str):
            try:
                item = items.get()
            except KeyboardInterrupt:
                ticket.cancel()
                continue
            yield item
