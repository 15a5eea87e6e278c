"""Tasks, sampled programs, rewards and advantages of one round of training on rewards.

The advantage of a program says how much better it is than the other programs of its task, which serve as the baseline.
This is leave-one-out REINFORCE (RLOO; Ahmadian et al. 2024, arXiv:2402.14740, section 3.1), which needs no second model
and no value head. If all programs of a task get the same reward, their advantages are zero, and they are left out.

Shapes: P tasks of the round, S samples per task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from moesaic.data.examples import Example
from moesaic.data.prompts import EncodedExample, PromptFormat
from moesaic.execution.problems import Problem
from moesaic.model.decode.generate import Generation
from moesaic.recipe import RewardRecipe
from moesaic.train.turns import shuffled


@dataclass(frozen=True, slots=True)
class Task:
    """A task for which programs are written.

    Attributes:
        subject: The pair of task and program, or the problem with its tests; judges need it.
        prompt_ids: Tokens of the prompt.
        reference: A program that solves the task, whose likelihood may be trained; None if there is none to train on.
    """

    subject: Example | Problem
    prompt_ids: list[int]
    reference: EncodedExample | None = None

    @property
    def language(self) -> str:
        """Name of the language."""
        return self.subject.language

    @property
    def is_begun(self) -> bool:
        """Whether the prompt begins a definition, whose end is then the end of the program."""
        return isinstance(self.subject, Problem) and not self.subject.text


@dataclass(frozen=True, slots=True)
class Judgement:
    """A judge's result for a program.

    Attributes:
        reward: The reward in training, from 0 to 1.
        parses: Whether the program parses, or compiles if it is run.
        score: The measure that decides between states, from 0 to 1; it can differ from the reward.
    """

    reward: float
    parses: bool
    score: float


Judge = Callable[[Sequence[Task], Sequence[str]], list[Judgement]]
"""Takes tasks and a generated text for each, and returns a judgement of each."""


Part = Callable[[Task, Generation, PromptFormat], Generation]
"""Takes a task and a generated text, and returns the part of the text that is judged."""


@dataclass(frozen=True)
class Measure:
    """A reward, with the tasks for which it is defined.

    Attributes:
        name: Key in logs: ``codebleu`` or ``tests``.
        training: Tasks that programs are sampled for.
        validation: Tasks whose greedy programs decide between states.
        judge: Judges programs.
        weight: Weight of these rewards relative to those of other measures.
        part: Returns the part of a text that is judged, if that can be its beginning alone. Texts that did not end then
            have a score, as in benchmarks; a reward, too, if their prompt begins a definition. If None, only whole
            texts are judged.
    """

    name: str
    training: Sequence[Task]
    validation: Sequence[Task]
    judge: Judge
    weight: float = 1.0
    part: Part | None = None

    def judgements(
        self, tasks: Sequence[Task], generations: Sequence[Generation], prompt: PromptFormat, *, deciding: bool = False
    ) -> list[Judgement]:
        """Judges the program of each task. A whole text that did not end gets no reward.

        Without this rule, a model can be rewarded for writing on and on, and would unlearn to end its programs. A text
        of which only a part is judged is no exception, because the model is trained on that part alone (``parts``).
        A text that is not judged counts as one that does not parse.

        Args:
            tasks: The tasks.
            generations: The generated program of each task.
            prompt: Decodes the programs.
            deciding: Whether scores are needed in addition to rewards.
        """

        def is_rewarded(task: Task, generation: Generation) -> bool:
            return generation.stopped or (self.part is not None and task.is_begun)

        pairs = list(zip(tasks, generations, strict=True))
        reads_all = deciding and self.part is not None
        read = [pair for pair in pairs if reads_all or is_rewarded(*pair)]
        texts = [prompt.decode(generation.ids) for _, generation in read]
        found = iter(self.judge([task for task, _ in read], texts))
        judgements = []
        for pair in pairs:
            if is_rewarded(*pair):
                judgements.append(next(found))
            else:
                judgements.append(replace(next(found), reward=0.0) if reads_all else Judgement(0.0, False, 0.0))
        return judgements

    def parts(self, tasks: Sequence[Task], generations: Sequence[Generation], prompt: PromptFormat) -> list[Generation]:
        """Returns the parts of texts that are judged, which are what the model is trained on.

        Args:
            tasks: The tasks.
            generations: The generated text of each task.
            prompt: Decodes the texts.
        """
        if self.part is None:
            return list(generations)
        return [self.part(task, generation, prompt) for task, generation in zip(tasks, generations, strict=True)]


@dataclass(frozen=True, slots=True)
class Sample:
    """A program that the model wrote, with its judgement.

    Attributes:
        task: The task.
        generation: The program's tokens.
        judgement: The program's judgement.
        old_losses: Negative log likelihood of each trained token in nats, under the state that wrote the program and at
            the temperature of sampling; None if that is the state in training.
    """

    task: Task
    generation: Generation
    judgement: Judgement
    old_losses: Tensor | None = None

    @property
    def reward(self) -> float:
        """The reward, from 0 to 1."""
        return self.judgement.reward

    def document(self, stop_id: int) -> EncodedExample:
        """Returns prompt and program as a training example, as the function ``document`` does."""
        return document(self.task, self.generation, stop_id)


def document(task: Task, generation: Generation, stop_id: int) -> EncodedExample:
    """Returns prompt and program as a training example, with the stop token if the model ended the program.

    Several tokens can end a text, and a generation does not say which one did. ``stop_id``, which ends the reference
    programs, stands for all of them.
    """
    prompt, own = task.prompt_ids, generation.ids
    end = [stop_id] if generation.stopped else []
    return EncodedExample(prompt + own + end, len(prompt), len(own), task.language)


@dataclass(frozen=True, slots=True)
class Samples:
    """Judged programs of several tasks.

    Attributes:
        programs: The programs, grouped by task.
    """

    programs: list[Sample]

    def share(self, of: Callable[[Sample], float]) -> float:
        """Returns the mean of a function over all programs."""
        return sum(map(of, self.programs)) / len(self.programs)

    @property
    def reward(self) -> float:
        """Mean reward over all programs."""
        return self.share(lambda sample: sample.reward)

    def mean_score(self) -> float:
        """Returns the mean over languages of the mean score."""
        means = []
        for language in dict.fromkeys(sample.task.language for sample in self.programs):
            own = [sample.judgement.score for sample in self.programs if sample.task.language == language]
            means.append(sum(own) / len(own))
        return sum(means) / len(means)

    @property
    def ended(self) -> float:
        """Share of programs that ended by themselves."""
        return self.share(lambda sample: sample.generation.stopped)

    @property
    def parsing(self) -> float:
        """Share of programs that were judged and parse."""
        return self.share(lambda sample: sample.judgement.parses)


def tasks_of(examples: Iterable[Example], prompt: PromptFormat) -> list[Task]:
    """Makes tasks of pairs, with the pair's program as the reference."""
    tasks = []
    for example in examples:
        encoded = prompt.encode(example)
        tasks.append(Task(example, encoded.ids[: encoded.num_prompt_tokens], encoded))
    return tasks


def problem_tasks(problems: Iterable[Problem], prompt: PromptFormat) -> list[Task]:
    """Makes tasks of problems, without references: their gold solutions are not trained on."""
    return [Task(problem, prompt.task_ids(problem.text, problem.prompt, problem.language)) for problem in problems]


def first_tasks(tasks: Sequence[Task], languages: Sequence[str], count: int) -> list[Task]:
    """Returns the first ``count`` tasks of each language."""
    return [task for name in languages for task in [t for t in tasks if t.language == name][:count]]


def drawn(num_tasks: int, count: int, seed: int, number: int) -> list[int]:
    """Returns the indices that round ``number`` (from 1) draws; over all rounds, each is drawn once before any twice.

    The result depends only on the arguments, so a resumed run draws what an uninterrupted one draws.
    """
    orders: dict[int, list[int]] = {}

    def task(place: int) -> int:
        epoch, index = divmod(place, num_tasks)
        if epoch not in orders:
            orders[epoch] = shuffled(num_tasks, seed, epoch)
        return orders[epoch][index]

    return [task(place) for place in range((number - 1) * count, number * count)]


def advantages(rewards_PS: Tensor) -> Tensor:
    """Returns the advantages, (P, S): each reward minus the mean of its task's others (RLOO, section 3.1).

    The differences are divided by their standard deviation over all tasks. If it is 0, all advantages are 0.

    Args:
        rewards_PS: Rewards, at least two per task.
    """
    others_PS = (rewards_PS.sum(dim=1, keepdim=True) - rewards_PS) / (rewards_PS.shape[1] - 1)
    difference_PS = rewards_PS - others_PS
    spread = difference_PS.std()
    # Equal rewards can differ by rounding errors, which must not be scaled up.
    return difference_PS / spread if spread > 1e-6 else torch.zeros_like(difference_PS)


def teaching(rewards_PS: Tensor) -> Tensor:
    """Returns which tasks have programs with different rewards, (P,)."""
    return rewards_PS.max(dim=1).values - rewards_PS.min(dim=1).values > 1e-6


@dataclass(frozen=True)
class Documents:
    """The documents on which a round trains.

    Attributes:
        encoded: Programs with their prompts.
        weights: Weight of each document's loss.
        temperatures: Temperature at which each was sampled; 1 if the model did not write it.
        old_losses: ``Sample.old_losses`` of each document; None if the model did not write it.
    """

    encoded: list[EncodedExample]
    weights: Tensor
    temperatures: Tensor
    old_losses: list[Tensor | None]

    def with_more(self, encoded: Sequence[EncodedExample], weight: float) -> Documents:
        """Returns these documents and others that the model did not write, all with the same weight."""
        return Documents(
            [*self.encoded, *encoded],
            torch.cat([self.weights, torch.full((len(encoded),), weight)]),
            torch.cat([self.temperatures, torch.ones(len(encoded))]),
            [*self.old_losses, *[None] * len(encoded)],
        )

    def __add__(self, other: Documents) -> Documents:
        """Returns these documents and those of another measure."""
        return Documents(
            self.encoded + other.encoded,
            torch.cat([self.weights, other.weights]),
            torch.cat([self.temperatures, other.temperatures]),
            self.old_losses + other.old_losses,
        )


def weighted_documents(
    samples: Sequence[Sample], options: RewardRecipe, stop_id: int, weight: float = 1.0
) -> Documents:
    """Returns the documents that a round trains on for one measure.

    Programs of tasks that teach nothing are left out. The tasks' reference programs are added, if there are any; each
    counts as often as a task has samples.

    Args:
        samples: Programs grouped by task, ``options.samples`` per task.
        options: Number of samples, weight of the likelihood, temperature.
        stop_id: Token that ends a program.
        weight: Weight of the measure.
    """
    each = options.samples
    rewards_PS = torch.tensor([sample.reward for sample in samples], dtype=torch.double).view(-1, each)
    chosen_P = teaching(rewards_PS)
    chosen = [sample for place, sample in enumerate(samples) if chosen_P[place // each]]
    weights = weight * advantages(rewards_PS[chosen_P]).flatten().float() if chosen else torch.zeros(0)
    found = Documents(
        [sample.document(stop_id) for sample in chosen],
        weights,
        torch.full_like(weights, options.temperature),
        [sample.old_losses for sample in chosen],
    )
    references = [task.reference for task in (sample.task for sample in samples[::each]) if task.reference is not None]
    if options.likelihood == 0:
        return found
    return found.with_more(references, weight * options.likelihood * each)
