"""Trains experts and gates on whole programs: the model writes some, and the better ones become likelier.

    draw tasks -> sample programs -> score them -> advantages -> a few optimiser steps

That is a round, a step of the training loop (``loop``). What it is made of is in ``samples``; the scores come from
``codebleu.rewards``, through the caller.

The likelihood of single tokens given a perfect beginning is what all other stages train, and is not what a model is
used for. Here the expected reward of the programs that it writes itself is raised by REINFORCE with a leave-one-out
baseline, mixed with the likelihood of the reference programs, which keeps it from drifting (Edunov et al. 2018,
arXiv:1711.04956, section 4).

What is kept is the state whose greedy programs on validation tasks have the highest mean reward, the one before the
training included, so that the stage never hurts by its own measure. Tasks and samples are drawn from seed and round, so
that a round depends on nothing that is not in the loop's checkpoints.

With answers of the base to be kept (``data.keep``) a round trains on some of them, too, and a state in which their loss
has risen by more than ``keep.tolerance`` is not kept, whatever its reward: a reward cannot say what is lost beside it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from moesaic.data.examples import Example
from moesaic.data.packing import PackedBatches
from moesaic.data.prompts import PromptFormat
from moesaic.errors import RecipeError
from moesaic.gates import ANCHOR
from moesaic.model.attention import packed_attention
from moesaic.model.loss import targets, validation_loss
from moesaic.progress import say
from moesaic.recipe import Optimisation, RewardRecipe
from moesaic.train.experts import seed_of
from moesaic.train.loop import Facts, Update, train
from moesaic.train.objective import KeptLoss, Teacher
from moesaic.train.resume import Progress
from moesaic.train.rows import PackedLoss, PreparedRow, add_gradients
from moesaic.train.samples import (
    Sampler,
    Samples,
    Score,
    Task,
    drawn,
    tasks_of,
    trainable_parameters,
    weighted_documents,
)

_WARMUP_ROUNDS = 2


@dataclass(frozen=True)
class RewardResult:
    """What the training came to.

    Attributes:
        rounds: Rounds of sampling and training.
        best_round: Round whose state was kept; 0 is the state before training.
        best_reward: Validation reward of that state.
        history: Validations: ``round``, ``reward``, ``ended``, ``parses``, ``loss`` (nats a code token), and where
            answers are kept ``answers``, their loss.
    """

    rounds: int
    best_round: int
    best_reward: float
    history: list[dict[str, float]]


def train_reward(
    accelerator: Accelerator,
    model: Any,
    prompt: PromptFormat,
    training: Sequence[Example],
    validation: Sequence[Example],
    languages: Sequence[str],
    score: Score,
    options: RewardRecipe,
    max_tokens: int,
    seed: int,
    folder: Path,
    teacher: Teacher | None = None,
) -> RewardResult:
    """Trains the factors and gates of a composed model in place and leaves the best state in them.

    Args:
        accelerator: Device and precision; one process.
        model: A composed model whose factors are float32; its base stays as it is.
        prompt: Prompts and stop tokens.
        training: Tasks that programs are sampled for.
        validation: Tasks that decide; the first ``options.validation_programs`` a language are written, the loss is
            that of all.
        languages: All languages, in the order of the experts.
        score: CodeBLEU of programs; None for those that do not parse.
        options: Reward options.
        max_tokens: Longest prompt and program together; training tasks whose prompt leaves less than
            ``options.max_new_tokens`` of it are left out.
        seed: Seed of the run.
        folder: Holds the checkpoint and ``metrics.jsonl``.
        teacher: What the base says to the answers that are to be kept; it ran before anything was trained.

    Raises:
        RecipeError: Several processes, or no training task that is short enough.
        MoesaicError: A gradient or the validation loss is not finite.
        CheckpointError: A checkpoint to resume from is corrupt.
    """
    if accelerator.num_processes > 1:
        raise RecipeError(
            [f"reward.rounds: the stage runs in one process, not in {accelerator.num_processes}: start it alone"]
        )
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    parameters = trainable_parameters(model)
    for parameter in parameters.values():
        parameter.requires_grad_(True)
    room = max_tokens - options.max_new_tokens
    tasks = [task for task in tasks_of(training, prompt) if task.encoded.num_prompt_tokens <= room]
    if not tasks:
        raise RecipeError(
            [
                f"reward.max_new_tokens: {options.max_new_tokens} leaves no training task enough of data.max_tokens, "
                f"{max_tokens}: lower the one or raise the other"
            ]
        )
    torch.manual_seed(seed_of(seed, "reward"))  # noisy gates draw from it
    sampler = Sampler(model, prompt, score, options)
    judged = tasks_of(validation, prompt)
    rounds = RewardRounds(
        accelerator, model, sampler, tasks, judged, prompt.stop_ids[0], languages, options, seed, teacher
    )
    result = train(
        accelerator,
        rounds,
        parameters,
        optimisation(options),
        total_steps=options.rounds,
        learning_rate=options.learning_rate,
        rate_key="reward.learning_rate",
        folder=folder,
        name="reward",
    )
    best_reward = next(entry["reward"] for entry in rounds.history if entry["round"] == result.best_step)
    passed_over = [entry for entry in rounds.history if entry["reward"] > best_reward]
    if passed_over and teacher is not None:
        say(
            f"reward: {len(passed_over)} states with a higher reward were not taken: the loss of the kept answers had "
            f"risen by more than keep.tolerance, {teacher.kept.options.tolerance} nats a token"
        )
    return RewardResult(result.steps, result.best_step, best_reward, rounds.history)


def optimisation(options: RewardRecipe) -> Optimisation:
    """Returns a reward's options as those of any training; a round is a step."""
    same = ("learning_rate", "clip_norm", "row_tokens", "evaluations", "checkpoint_minutes", "compile")
    warmup = min(1.0, _WARMUP_ROUNDS / max(1, options.rounds))
    return Optimisation(warmup_fraction=warmup, **{key: getattr(options, key) for key in same})


class RewardRounds:
    """Rounds of sampling and training, as steps of the training loop.

    A round's optimiser steps train on documents of which each has a weight, negative ones included: a step's loss is
    the sum of each document's weight times its negative log likelihood, over the step's tokens.

    Args:
        accelerator: Device and precision.
        model: The composed model.
        sampler: Writes its programs.
        tasks: Tasks that programs are sampled for.
        validation: Tasks that decide; the first ``options.validation_programs`` a language are written, the loss is
            that of all.
        stop_id: Token that ends a program.
        languages: All languages.
        options: Reward options.
        seed: Seed of the run.
        teacher: What the base says to answers that are to be kept; None: there are none.

    Attributes:
        history: Validations so far.
    """

    unit = "round"
    overlap = False

    def __init__(
        self,
        accelerator: Accelerator,
        model: Any,
        sampler: Sampler,
        tasks: Sequence[Task],
        validation: Sequence[Task],
        stop_id: int,
        languages: Sequence[str],
        options: RewardRecipe,
        seed: int,
        teacher: Teacher | None = None,
    ) -> None:
        self._accelerator, self._model, self._sampler = accelerator, model, sampler
        self._tasks, self._stop_id, self._languages = tasks, stop_id, languages
        self._options, self._seed, self._teacher = options, seed, teacher
        self._loss = PackedLoss(model, optimisation(options))
        if teacher is not None and teacher.kept.options.loss == "kl":
            self._loss = KeptLoss(model, optimisation(options), None, self._answer_weight(teacher))
        self._validation = [task.encoded for task in validation]
        own = {name: [task for task in validation if task.example.language == name] for name in languages}
        self._judged = [task for name in languages for task in own[name][: options.validation_programs]]
        self.history: list[Facts] = []

    def take(self, number: int, update: Update, is_last: bool) -> Callable[[], Facts]:
        """See ``Steps``."""
        options = self._options
        tasks = [self._tasks[index] for index in drawn(len(self._tasks), options.prompts, self._seed, number)]
        seed = seed_of(self._seed, f"round {number}")
        samples = self._sampler.write(tasks, options.samples, options.temperature, seed)
        rows = self.rows(samples, tasks, number)
        steps = min(options.steps, len(rows))
        bounds = [len(rows) * step // steps for step in range(steps + 1)]
        norms = []
        for start, end in itertools.pairwise(bounds):
            self.add_gradients(rows[start:end])
            norms.append(float(update()))
        facts = {
            "reward": samples.reward,
            "ended": samples.ended,
            "parses": samples.parsing,
            "rate": update.rate,
            "grad_norm": sum(norms) / len(norms),
            "sampled_tokens_per_second": round(samples.tokens_per_second),
        }
        return lambda: facts

    def rows(self, samples: Samples, tasks: Sequence[Task], number: int) -> list[PreparedRow]:
        """Packs what a round trains on.

        Args:
            samples: The round's programs.
            tasks: Its tasks.
            number: Number of the round, which seeds the packing.
        """
        documents, weights, temperatures = weighted_documents(samples, tasks, self._options, self._stop_id)
        teacher, languages, answers = self._teacher, self._languages, list[int]()
        first_answer = len(documents)
        if teacher is not None:
            count = teacher.kept.count_beside(len(tasks))
            answers = drawn(len(teacher.kept.training), count, seed_of(self._seed, "answers"), number)
            documents += [teacher.kept.training[answer] for answer in answers]
            weights = torch.cat([weights, torch.full((count,), self._answer_weight(teacher))])
            temperatures = torch.cat([temperatures, torch.ones(count)])
            languages = (*languages, ANCHOR)
        rows = []
        for row in PackedBatches(documents, languages, self._options.row_tokens, seed=number):
            positions_N, labels_N = targets(row)
            own_N = row.examples_at(positions_N + 1)
            weighed: tuple[Tensor, ...] = (weights[own_N], temperatures[own_N])
            if teacher is not None and teacher.kept.options.loss == "kl":
                is_kept_N = own_N >= first_answer
                places = [index - first_answer for index in row.example_ids_D.tolist() if index >= first_answer]
                states_MD = teacher.states([answers[place] for place in places])
                weighed = ((~is_kept_N).nonzero()[:, 0], is_kept_N.nonzero()[:, 0], states_MD, *weighed)
            rows.append(PreparedRow(row, (positions_N, labels_N, *weighed)))
        return rows

    def _answer_weight(self, teacher: Teacher) -> float:
        """An answer stands for as many as there are samples of a task, as a reference program does."""
        return teacher.kept.options.weight * self._options.samples

    def add_gradients(self, rows: Sequence[PreparedRow]) -> float:
        """Adds the gradients of one optimiser step's rows and returns its loss."""
        self._loss.eval()  # as it sampled: in training, noisy gates are another policy
        with packed_attention(self._model):
            return float(add_gradients(self._accelerator, self._loss, rows))

    def validate(self, number: int) -> tuple[float, Facts]:
        """See ``Steps``; the reward is the mean over languages, the loss that of the float32 factors."""
        # Programs first: on a GPU the first sampling moves the base's weights, see ``Sampler``.
        samples = self._sampler.write(self._judged, 1, 0.0, 0)
        with packed_attention(self._model):
            loss = validation_loss(
                self._model, self._validation, self._languages, self._options.row_tokens, self._accelerator.autocast
            )
            answers = None if self._teacher is None else self._answers_loss(self._teacher)
        facts = {"reward": samples.mean_reward(), "ended": samples.ended, "parses": samples.parsing, "loss": loss}
        facts |= {} if answers is None else {"answers": answers}
        self.history.append({"round": number, **facts})
        return 1.0 - facts["reward"] + (0.0 if self._is_eligible(facts) else 1.0), facts

    def _answers_loss(self, teacher: Teacher) -> float:
        return teacher.loss(self._model, self._options.row_tokens, self._accelerator.autocast)

    def _is_eligible(self, facts: Facts) -> bool:
        """Whether a state may be kept; one that may not counts as worse than any that may, whatever its reward."""
        if self._teacher is None:
            return True
        return facts["answers"] <= self.history[0]["answers"] + self._teacher.kept.options.tolerance

    def shown(self, facts: Mapping[str, float], progress: Progress) -> dict[str, float | str]:
        """See ``Steps``."""
        return {"reward": facts["reward"], "val": self.history[-1]["reward"], "ended": f"{facts['ended']:.0%}"}

    def origin(self, number: int) -> str:
        """See ``Steps``: a round is taken on programs that the model wrote."""
        return ""

    def state_dict(self) -> dict[str, Any]:
        """See ``Steps``."""
        return {"history": self.history}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See ``Steps``."""
        self.history = state["history"]
