"""Rounds of sampling, judging and training, as steps of the training loop (``loop``).

    on-policy    write 1 | judge 1 | train 1 | write 2 | judge 2 | train 2 | ...
    overlapped   write 1 | write 2 | train 1 | write 3 | train 2 | write 4 | ...
                           judge 1 | judge 2           | judge 3           |

When rounds overlap (``reward.overlap``), the programs of a round are written before the model is trained on the round
before it, and the CPU judges them during that training. They are then one round old when the model is trained on them,
so the loss of each token is corrected by the ratio of its current likelihood to its likelihood when it was sampled
(module ``policy``). Programs that are not yet trained on are stored in the checkpoint; a resumed run judges them again
and continues with them.

Several processes share the generation of programs, the judging (each with the CPUs of its machine) and the rows to
train on. All of them get all results, so that all train on the same data.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from moesaic.data.packing import PackedBatches
from moesaic.data.prompts import EncodedExample
from moesaic.gates import ANCHOR
from moesaic.model.attention import packed_attention
from moesaic.model.decode.generate import Generation
from moesaic.model.loss import hidden_states, targets, validation_loss
from moesaic.recipe import Optimisation, RewardRecipe
from moesaic.train.experts import seed_of
from moesaic.train.loop import Facts, Update
from moesaic.train.objective import Teacher
from moesaic.train.pieces import PreparedRow
from moesaic.train.policy import PolicyLoss, joined
from moesaic.train.resume import Progress
from moesaic.train.rows import add_gradients, ranks_of
from moesaic.train.sampler import Sampler
from moesaic.train.samples import (
    Judgement,
    Measure,
    Sample,
    Samples,
    Task,
    document,
    drawn,
    first_tasks,
    teaching,
    weighted_documents,
)
from moesaic.train.turns import Turns
from moesaic.train.verdicts import judged_samples, own_judgements, sums

_WARMUP_ROUNDS = 2


def optimisation(options: RewardRecipe) -> Optimisation:
    """Returns the options of training on rewards as those of the training loop, in which a round is a step."""
    same = ("learning_rate", "clip_norm", "row_tokens", "evaluations", "checkpoint_minutes", "compile")
    warmup = min(1.0, _WARMUP_ROUNDS / max(1, options.rounds))
    return Optimisation(warmup_fraction=warmup, **{key: getattr(options, key) for key in same})


@dataclass
class Round:
    """A round whose programs have been written.

    Attributes:
        number: Number of the round, from 1.
        places: For each measure, the indices of the tasks that were drawn.
        generations: For each measure, the judged parts of the programs, grouped by task.
        ended: Share of the programs that ended by themselves.
        old_losses: For each measure, ``Sample.old_losses`` of the programs; None if the state that wrote the programs
            is the one that is trained on them.
        tokens_per_second: Speed of the sampling.
        verdicts: Future of two results: for each measure, the judgements of this process's share of the programs; and
            language -> verdicts per second.
    """

    number: int
    places: list[list[int]]
    generations: list[list[Generation]]
    ended: float
    old_losses: list[list[Tensor]] | None
    tokens_per_second: float
    verdicts: Future[tuple[list[list[Judgement]], Mapping[str, float]]]

    def state_dict(self) -> dict[str, Any]:
        """Returns the round for JSON, without verdicts."""
        return {
            "number": self.number,
            "places": self.places,
            "ids": [[generation.ids for generation in group] for group in self.generations],
            "stopped": [[generation.stopped for generation in group] for group in self.generations],
            "ended": self.ended,
            "old_losses": self.old_losses and [[losses.tolist() for losses in group] for group in self.old_losses],
            "tokens_per_second": self.tokens_per_second,
        }


class RewardRounds:
    """Rounds of sampling and training, as steps of the training loop.

    The optimiser steps of a round train on weighted documents; weights may be negative. The loss of a step is the sum
    over documents of weight times negative log likelihood, divided by the number of tokens of the step.

    Args:
        accelerator: Device and precision.
        model: The composed model.
        sampler: Writes programs with the model's current weights.
        measures: The rewards, with their tasks.
        programs: Encoded programs whose loss is measured at each validation.
        languages: All languages.
        options: Reward options.
        seed: Seed of the run.
        teacher: The base's distribution on the kept answers; None without kept answers.
        rates: Returns, for each language, the verdicts per second since its last call.

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
        measures: Sequence[Measure],
        programs: Sequence[EncodedExample],
        languages: Sequence[str],
        options: RewardRecipe,
        seed: int,
        teacher: Teacher | None = None,
        rates: Callable[[], Mapping[str, float]] = dict,
    ) -> None:
        self._accelerator, self._model, self._sampler = accelerator, model, sampler
        self._ranks = ranks_of(accelerator)
        self._measures, self._programs, self._languages = measures, programs, languages
        self._options, self._seed, self._teacher, self._rates = options, seed, teacher, rates
        self._stop_id = sampler.prompt.stop_ids[0]
        kept_weight = self._answer_weight(teacher) if teacher is not None else 1.0
        self._loss = PolicyLoss(model, optimisation(options), options.clip_ratio, kept_weight)
        # The first measure uses the seed of the run, so that runs with one measure draw the same tasks as they did
        # before there could be several.
        seeds = [seed if place == 0 else seed_of(seed, measure.name) for place, measure in enumerate(measures)]
        self._turns = [Turns(len(m.training), own) for m, own in zip(measures, seeds, strict=True)]
        self._counts = [options.prompts * (n + 1) // len(measures) - options.prompts * n // len(measures)
                        for n in range(len(measures))]  # fmt: skip
        self._judging = ThreadPoolExecutor(1, thread_name_prefix="moesaic-judging")
        self._ahead: Round | None = None
        self._validation = [first_tasks(m.validation, languages, options.validation_programs) for m in measures]
        self.history: list[Facts] = []

    def close(self) -> None:
        """Stops the judging of programs that were written ahead, and discards them."""
        self._judging.shutdown(wait=False, cancel_futures=True)

    def take(self, number: int, update: Update, is_last: bool) -> Callable[[], Facts]:
        """See ``Steps``."""
        started = time.monotonic()
        current = self._ahead or self._begin(number)
        self._ahead = self._begin(number + 1) if self._options.overlap and not is_last else None
        waiting = time.monotonic()
        own, own_rates = current.verdicts.result()
        asked = self._tasks(current.places)
        groups = judged_samples(self._ranks, asked, current.generations, own, current.old_losses)
        rates = sums(self._ranks.gather(own_rates))
        waited = time.monotonic() - waiting
        facts = self._told(groups) | {"ended": current.ended}
        for turns, tasks, samples in zip(self._turns, current.places, groups, strict=True):
            for task, taught in zip(tasks, self._taught(samples).tolist(), strict=True):
                turns.report(task, taught=taught)
        rows = self.rows(groups, number)
        steps = min(self._options.steps, len(rows))
        norms = []
        for start, end in itertools.pairwise(len(rows) * step // steps for step in range(steps + 1) if steps):
            self.add_gradients(rows[start:end])
            norms.append(float(update()))
        facts |= {
            "rate": update.rate,
            "grad_norm": sum(norms) / max(1, len(norms)),
            "sampled_tokens_per_second": round(current.tokens_per_second),
            "idle": waited / max(1e-9, time.monotonic() - started),
        }
        facts |= {f"verdicts_per_second_{name}": round(rate, 2) for name, rate in rates.items()}
        return lambda: facts

    def _begin(self, number: int) -> Round:
        """Writes the programs of a round and starts judging them in the background."""
        options = self._options
        places = [turns.draw(count) for turns, count in zip(self._turns, self._counts, strict=True)]
        tasks = self._tasks(places)
        seed = seed_of(self._seed, f"round {number}")
        together = [task for group in tasks for task in group]
        written, speed = self._sampler.write(together, options.temperature, seed, self._ranks)
        ended = sum(generation.stopped for generation in written) / len(written)
        generations, old_losses = self._parts(tasks, _split(written, tasks)), None
        if options.overlap:
            shares = [
                self.losses(self._ranks.share(own), self._ranks.share(texts))
                for own, texts in zip(tasks, generations, strict=True)
            ]
            old_losses = [self._ranks.merge(found) for found in zip(*self._ranks.gather(shares), strict=True)]
        return self._judged(number, places, generations, ended, old_losses, speed)

    def _parts(self, tasks: Sequence[Sequence[Task]], texts: Sequence[Sequence[Generation]]) -> list[list[Generation]]:
        return [
            measure.parts(own, written, self._sampler.prompt)
            for measure, own, written in zip(self._measures, tasks, texts, strict=True)
        ]

    def _judged(
        self,
        number: int,
        places: list[list[int]],
        generations: list[list[Generation]],
        ended: float,
        old_losses: list[list[Tensor]] | None,
        speed: float,
    ) -> Round:
        tasks = self._tasks(places)

        def judge() -> tuple[list[list[Judgement]], Mapping[str, float]]:
            return own_judgements(self._ranks, self._measures, tasks, generations, self._sampler.prompt), self._rates()

        return Round(number, places, generations, ended, old_losses, speed, self._judging.submit(judge))

    def _tasks(self, places: Sequence[Sequence[int]]) -> list[list[Task]]:
        """Returns, for each measure, its tasks, each repeated once per sample."""
        return [
            [measure.training[task] for task in group for _ in range(self._options.samples)]
            for measure, group in zip(self._measures, places, strict=True)
        ]

    def losses(self, tasks: Sequence[Task], generations: Sequence[Generation]) -> list[Tensor]:
        """Returns ``Sample.old_losses`` of programs under the current model."""
        documents = [document(*pair, self._stop_id) for pair in zip(tasks, generations, strict=True)]
        if not documents:
            return []
        found: dict[int, Tensor] = {}
        self._loss.eval()
        with torch.inference_mode(), packed_attention(self._model):
            for row in PackedBatches(documents, self._languages, self._options.row_tokens, shuffle=False):
                positions_N, labels_N = targets(row)
                batch, device = row.to(self._accelerator.device), self._accelerator.device
                temperatures_N = torch.full(positions_N.shape, self._options.temperature, device=device)
                with self._accelerator.autocast():
                    hidden_ND = hidden_states(self._model, batch)[positions_N.to(device)]
                    losses_N = self._loss.losses(hidden_ND, labels_N.to(device), temperatures_N).float().cpu()
                lengths = [_trained(documents[index]) for index in row.example_ids_D.tolist()]
                found |= zip(row.example_ids_D.tolist(), torch.split(losses_N.clone(), lengths), strict=True)
        return [found[index] for index in range(len(documents))]

    def _told(self, groups: Sequence[Sequence[Sample]]) -> Facts:
        """Returns the values for the log that describe a round's programs."""
        together = Samples([sample for group in groups for sample in group])
        rewards = [Samples(list(group)).reward for group in groups]
        facts = {"reward": self._weighted(rewards), "parses": together.parsing}
        if len(groups) > 1:
            facts |= {f"reward_{m.name}": reward for m, reward in zip(self._measures, rewards, strict=True)}
        first_of_even = [
            sample.reward
            for group in groups
            for sample, taught in zip(group[:: self._options.samples], self._taught(group).tolist(), strict=True)
            if not taught
        ]
        solved = sum(reward == 1.0 for reward in first_of_even)
        return facts | {"all_solved": solved, "none_solved": len(first_of_even) - solved}

    def _taught(self, samples: Sequence[Sample]) -> Tensor:
        rewards = torch.tensor([sample.reward for sample in samples], dtype=torch.double)
        return teaching(rewards.view(-1, self._options.samples))

    def _weighted(self, values: Sequence[float]) -> float:
        weights = [measure.weight for measure in self._measures]
        return sum(w * value for w, value in zip(weights, values, strict=True)) / sum(weights)

    def rows(self, groups: Sequence[Sequence[Sample]], number: int) -> list[PreparedRow]:
        """Packs the documents of a round; returns no rows if no task teaches anything and there are no other documents.

        Args:
            groups: For each measure, the round's programs.
            number: Number of the round, which seeds the packing.
        """
        documents = weighted_documents(groups[0], self._options, self._stop_id, self._measures[0].weight)
        for samples, measure in zip(groups[1:], self._measures[1:], strict=True):
            documents += weighted_documents(samples, self._options, self._stop_id, measure.weight)
        teacher, languages, answers = self._teacher, self._languages, list[int]()
        first_answer = len(documents.encoded)
        if teacher is not None:
            num_tasks = sum(map(len, groups)) // self._options.samples
            count = teacher.kept.count_beside(num_tasks)
            answers = drawn(len(teacher.kept.training), count, seed_of(self._seed, "answers"), number)
            documents = documents.with_more(
                [teacher.kept.training[answer] for answer in answers], self._answer_weight(teacher)
            )
            languages = (*languages, ANCHOR)
        if not documents.encoded:
            return []
        off_policy = any(losses is not None for losses in documents.old_losses)
        diverge = teacher is not None and teacher.kept.options.loss == "kl"
        rows = []
        for row in PackedBatches(documents.encoded, languages, self._options.row_tokens, seed=number):
            positions_N, labels_N = targets(row)
            own_N = row.examples_at(positions_N + 1)
            indices = row.example_ids_D.tolist()
            old_N = torch.zeros(0)
            if off_policy:
                lengths = [_trained(documents.encoded[index]) for index in indices]
                old_N = joined([documents.old_losses[index] for index in indices], lengths)
            is_kept_N = (own_N >= first_answer) & diverge
            states_MD = torch.zeros(0)
            if teacher is not None and diverge:
                states_MD = teacher.states([answers[i - first_answer] for i in indices if i >= first_answer])
            parts = ((~is_kept_N).nonzero()[:, 0], is_kept_N.nonzero()[:, 0], states_MD)
            weights_N, temperatures_N = documents.weights[own_N], documents.temperatures[own_N]
            rows.append(PreparedRow(row, (positions_N, labels_N, weights_N, temperatures_N, old_N, *parts)))
        return rows

    def _answer_weight(self, teacher: Teacher) -> float:
        """Returns the weight of an answer: like a reference program, it counts as often as a task has samples."""
        return teacher.kept.options.weight * self._options.samples

    def add_gradients(self, rows: Sequence[PreparedRow]) -> float:
        """Adds the gradients of one optimiser step's rows and returns its loss."""
        self._loss.eval()  # as in sampling: with their training noise, noisy gates would be a different policy
        with packed_attention(self._model):
            return float(add_gradients(self._accelerator, self._loss, rows))

    def validate(self, number: int) -> tuple[float, Facts]:
        """See ``Steps``. Scores are means over languages; the loss is computed with the float32 factors."""
        tasks = self._validation
        written, _ = self._sampler.write([task for group in tasks for task in group], 0.0, 0, self._ranks)
        generations = _split(written, tasks)
        own = own_judgements(self._ranks, self._measures, tasks, generations, self._sampler.prompt, deciding=True)
        groups = [Samples(group) for group in judged_samples(self._ranks, tasks, generations, own)]
        answers = None
        row_tokens, autocast = self._options.row_tokens, self._accelerator.autocast
        with packed_attention(self._model):
            loss = validation_loss(
                self._model, self._programs, self._languages, row_tokens, autocast, ranks=self._ranks
            )
            if self._teacher is not None:
                answers = self._teacher.loss(self._model, row_tokens, autocast, self._ranks)
        together = Samples([sample for group in groups for sample in group.programs])
        scores = [group.mean_score() for group in groups]
        facts = {"reward": self._weighted(scores), "ended": together.ended, "parses": together.parsing, "loss": loss}
        if len(groups) > 1:
            facts |= {f"reward_{m.name}": score for m, score in zip(self._measures, scores, strict=True)}
        facts |= {} if answers is None else {"answers": answers}
        self.history.append({"round": number, **facts})
        return 1.0 - facts["reward"] + (0.0 if self._is_eligible(facts) else 1.0), facts

    def _is_eligible(self, facts: Facts) -> bool:
        """Whether a state may be kept. A state that may not counts as worse than all that may, whatever its reward."""
        if self._teacher is None:
            return True
        return facts["answers"] <= self.history[0]["answers"] + self._teacher.kept.options.tolerance

    def shown(self, facts: Mapping[str, float], progress: Progress) -> dict[str, float | str]:
        """See ``Steps``."""
        said: dict[str, float | str] = {"reward": facts["reward"], "val": self.history[-1]["reward"]}
        return said | {"ended": f"{facts['ended']:.0%}", "idle": f"{facts['idle']:.0%}"}

    def origin(self, number: int) -> str:
        """See ``Steps``. There are no training examples to name: a round is trained on programs of the model."""
        return ""

    def state_dict(self) -> dict[str, Any]:
        """See ``Steps``."""
        return {
            "history": self.history,
            "turns": [turns.state_dict() for turns in self._turns],
            "ahead": self._ahead and self._ahead.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See ``Steps``."""
        self.history = state["history"]
        for turns, own in zip(self._turns, state["turns"], strict=True):
            turns.load_state_dict(own)
        if ahead := state["ahead"]:
            generations = [
                [Generation(ids, [], stopped) for ids, stopped in zip(*group, strict=True)]
                for group in zip(ahead["ids"], ahead["stopped"], strict=True)
            ]
            old = ahead["old_losses"] and [[torch.tensor(x) for x in group] for group in ahead["old_losses"]]
            given = (ahead["number"], ahead["places"], generations, ahead["ended"], old, ahead["tokens_per_second"])
            self._ahead = self._judged(*given)


def _split(written: Sequence[Generation], tasks: Sequence[Sequence[Task]]) -> list[list[Generation]]:
    """Splits programs that were written in one call into those of each measure."""
    left = iter(written)
    return [list(itertools.islice(left, len(group))) for group in tasks]


def _trained(example: EncodedExample) -> int:
    """Returns the number of tokens of a document that carry a loss."""
    return len(example.ids) - example.num_prompt_tokens
