"""What a round of training on rewards is made of: tasks, sampled programs, their rewards and what these weigh.

A program's reward is its CodeBLEU against the reference; a program that does not end, or does not parse, has none. The
second half matters: CodeBLEU alone pays for more of the same, and a model that is rewarded by it unlearns to end.

An advantage says how much better a program is than the others of its task, which are the baseline: leave-one-out
REINFORCE (RLOO; Ahmadian et al. 2024, arXiv:2402.14740, section 3.1). It needs no second model and no value head.

Shapes: P tasks of the round, S samples a task.
"""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from moesaic.data.examples import Example
from moesaic.data.prompts import EncodedExample, PromptFormat
from moesaic.model.decode.generate import Generation, generate
from moesaic.recipe import RewardRecipe
from moesaic.train.trainable import FACTORS, factor_parameters, gate_parameters

Score = Callable[[Sequence[tuple[str, str, str]]], list[float | None]]
"""Takes (program, reference, language) and returns each program's CodeBLEU; None: it does not parse."""


@dataclass(frozen=True, slots=True)
class Task:
    """A task with its reference program, as text and as tokens.

    Attributes:
        example: The pair.
        encoded: The same as tokens.
    """

    example: Example
    encoded: EncodedExample

    @property
    def prompt_ids(self) -> list[int]:
        """What the model gets to see."""
        return self.encoded.ids[: self.encoded.num_prompt_tokens]


@dataclass(frozen=True, slots=True)
class Sample:
    """A program that the model wrote, and what it is worth.

    Attributes:
        task: What it was asked for.
        generation: Its tokens.
        reward: From 0 to 1.
        parses: It ended and parses.
    """

    task: Task
    generation: Generation
    reward: float
    parses: bool

    def document(self, stop_id: int) -> EncodedExample:
        """Returns prompt and program as a training example; the end is trained where the model wrote one.

        Several tokens may end a text; which one did is not kept, so the one of the reference programs stands for all.
        """
        prompt, own = self.task.prompt_ids, self.generation.ids
        end = [stop_id] if self.generation.stopped else []
        return EncodedExample(prompt + own + end, len(prompt), len(own), self.task.encoded.language)


@dataclass(frozen=True, slots=True)
class Samples:
    """The programs of one pass over some tasks, those of a task side by side.

    Attributes:
        programs: All of them.
        tokens_per_second: Speed of the sampling, without the scoring.
    """

    programs: list[Sample]
    tokens_per_second: float

    def share(self, of: Callable[[Sample], float]) -> float:
        """Mean of something over all programs."""
        return sum(map(of, self.programs)) / len(self.programs)

    @property
    def reward(self) -> float:
        """Mean reward."""
        return self.share(lambda sample: sample.reward)

    def mean_reward(self) -> float:
        """Mean over languages of the mean reward."""
        means = []
        for language in dict.fromkeys(sample.task.example.language for sample in self.programs):
            own = [sample.reward for sample in self.programs if sample.task.example.language == language]
            means.append(sum(own) / len(own))
        return sum(means) / len(means)

    @property
    def ended(self) -> float:
        """Share of programs that ended by themselves."""
        return self.share(lambda sample: sample.generation.stopped)

    @property
    def parsing(self) -> float:
        """Share of programs that ended and parse."""
        return self.share(lambda sample: sample.parses)


def tasks_of(examples: Iterable[Example], prompt: PromptFormat) -> list[Task]:
    """Encodes examples as tasks."""
    return [Task(example, prompt.encode(example)) for example in examples]


def drawn(num_tasks: int, count: int, seed: int, number: int) -> list[int]:
    """Returns the tasks of round ``number``, from 1: each task comes once before any comes twice, over all rounds.

    It is a function of its arguments alone, so that a resumed run draws what the whole one draws.
    """
    orders: dict[int, list[int]] = {}

    def task(place: int) -> int:
        epoch, index = divmod(place, num_tasks)
        if epoch not in orders:
            orders[epoch] = list(range(num_tasks))
            random.Random(f"tasks {seed} {epoch}").shuffle(orders[epoch])
        return orders[epoch][index]

    return [task(place) for place in range((number - 1) * count, number * count)]


def advantages(rewards_PS: Tensor) -> Tensor:
    """Each reward less the mean of the task's others, over the standard deviation of all these; 0 where it is 0.

    Args:
        rewards_PS: Rewards, at least two a task.
    """
    others_PS = (rewards_PS.sum(dim=1, keepdim=True) - rewards_PS) / (rewards_PS.shape[1] - 1)
    difference_PS = rewards_PS - others_PS
    spread = difference_PS.std()
    # Equal rewards leave differences of a rounding error, which must not be blown up.
    return difference_PS / spread if spread > 1e-6 else torch.zeros_like(difference_PS)


def weighted_documents(
    samples: Samples, tasks: Sequence[Task], options: RewardRecipe, stop_id: int
) -> tuple[list[EncodedExample], Tensor, Tensor]:
    """What a round trains on.

    Args:
        samples: Programs of ``tasks``, ``options.samples`` each.
        tasks: The round's tasks, whose reference programs join, as many times as there are samples for them.
        options: Number of samples, weight of the likelihood, temperature.
        stop_id: Token that ends a program.

    Returns:
        The documents, their weights, and the temperature that each was sampled at (1 for references).
    """
    rewards = torch.tensor([sample.reward for sample in samples.programs], dtype=torch.double)
    weights = advantages(rewards.view(-1, options.samples)).flatten().float()
    documents = [sample.document(stop_id) for sample in samples.programs]
    temperatures = torch.full_like(weights, options.temperature)
    if options.likelihood > 0:
        documents += [task.encoded for task in tasks]
        weights = torch.cat([weights, torch.full((len(tasks),), options.likelihood * options.samples)])
        temperatures = torch.cat([temperatures, torch.ones(len(tasks))])
    return documents, weights, temperatures


def trainable_parameters(model: Any) -> dict[str, nn.Parameter]:
    """Experts' factors and gates of a composed model, by name."""
    return gate_parameters(model) | factor_parameters(model)


class Sampler:
    """Writes and judges programs with a second module tree, which shares the base's weights with the one in training.

    Decoding on a GPU moves weights to lie in stacks (``model.stacks``), factors in the base's number format among them,
    and a captured training graph holds addresses. So factors and gates are copies here, which stay where they are and
    are filled anew before each use. The base's weights are moved once, by the first sampling, which therefore has to
    come before the first training pass.

    Args:
        model: A composed model whose factors are float32; not in packed attention.
        prompt: Prompts and stop tokens.
        score: Judges programs.
        options: Lengths, batch size, sampling.
    """

    def __init__(self, model: Any, prompt: PromptFormat, score: Score, options: RewardRecipe) -> None:
        self._prompt, self._score, self._options = prompt, score, options
        self._trained = trainable_parameters(model)
        trained = {id(parameter) for parameter in self._trained.values()}
        # What the memo holds counts as copied already.
        shared = {id(parameter): parameter for parameter in model.parameters() if id(parameter) not in trained}
        self.model = copy.deepcopy(model, shared)
        self._copies = trainable_parameters(self.model)
        dtype = model.get_decoder().embed_tokens.weight.dtype
        for name, parameter in self._copies.items():
            parameter.requires_grad_(False)
            if name.endswith(FACTORS):
                parameter.data = parameter.data.to(dtype)

    def follow(self) -> None:
        """Takes over the factors and gates as they are now."""
        with torch.no_grad():
            for name, parameter in self._trained.items():
                self._copies[name].copy_(parameter)

    def write(self, tasks: Sequence[Task], each: int, temperature: float, seed: int) -> Samples:
        """Writes programs with the newest factors and gates, and judges them.

        Args:
            tasks: What to write.
            each: Programs a task.
            temperature: 0: greedy.
            seed: Seed of the sampling.
        """
        self.follow()
        wanted = [task for task in tasks for _ in range(each)]
        started = time.monotonic()
        generations = generate(
            self.model,
            [task.prompt_ids for task in wanted],
            max_new_tokens=self._options.max_new_tokens,
            stop_ids=self._prompt.stop_ids,
            temperature=temperature,
            seed=seed,
            batch_size=self._options.batch_size,
            compile=self._options.compile,
        )
        speed = sum(len(generation.ids) for generation in generations) / max(1e-9, time.monotonic() - started)
        return Samples(self.judge(wanted, generations), speed)

    def judge(self, tasks: Sequence[Task], generations: Sequence[Generation]) -> list[Sample]:
        """Scores what was written for each task; a text that did not end has no program to score."""
        ended = [
            (self._program(task.example, generation), task.example.code, task.example.language)
            for task, generation in zip(tasks, generations, strict=True)
            if generation.stopped
        ]
        scores = iter(self._score(ended))
        judged = []
        for task, generation in zip(tasks, generations, strict=True):
            value = next(scores) if generation.stopped else None
            judged.append(Sample(task, generation, value or 0.0, value is not None))
        return judged

    def _program(self, example: Example, generation: Generation) -> str:
        text = self._prompt.decode(generation.ids)
        return self._prompt.extract_code(example.opening.rstrip() + text, example.language)
