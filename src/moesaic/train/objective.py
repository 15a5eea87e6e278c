"""The objective of a training: programs of the languages, and answers of the base to keep.

    loss  =  (sum over program tokens of -log p(token)  +  weight * sum over answer tokens of d) / number of tokens

With ``keep.loss: likelihood``, d is the token's negative log likelihood. With ``kl``, d is the Kullback-Leibler
divergence of the model's distribution from the base's. For ``kl``, the base's final hidden states on the answers are
stored instead of its distributions. With the frozen head, they determine the distributions, and they take D numbers per
token instead of V. They are computed once, before training, so later changes of the base's weights do not affect them.

Kept answers are labelled as programs of the anchor (``gates.ANCHOR``), so that gates learn when to choose it.

Shapes: T tokens of a row, N trained tokens among them, O of these in programs, M of these in answers, D model,
V vocabulary.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from moesaic.data.packing import PackedBatch, PackedBatches
from moesaic.data.prompts import EncodedExample
from moesaic.gates import ANCHOR
from moesaic.model.attention import packed_attention
from moesaic.model.loss import (
    answer_states,
    divergences,
    hidden_states,
    own_rows,
    targets,
    token_losses,
    validation_loss,
)
from moesaic.model.moe import force_base, is_composed
from moesaic.ranks import ALONE, Ranks
from moesaic.recipe import KeepRecipe, Optimisation
from moesaic.train.loop import Facts
from moesaic.train.rows import PackedLoss, RoutingLoss

Autocast = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True)
class Kept:
    """Kept answers of the base.

    Attributes:
        training: Encoded answers to train on; their language is ``ANCHOR``.
        validation: Encoded answers to validate on.
        options: Loss, weight and share.
        languages: Language of each training answer; empty if that is not known.
    """

    training: Sequence[EncodedExample]
    validation: Sequence[EncodedExample]
    options: KeepRecipe
    languages: Sequence[str] = ()

    def beside(self, num_programs: int) -> list[int]:
        """Returns the indices of the training answers to mix with a number of programs.

        Each answer is used once before any is used twice.
        """
        order = list(range(len(self.training)))
        random.Random("answers").shuffle(order)
        return list(itertools.islice(itertools.cycle(order), self.count_beside(num_programs)))

    def count_beside(self, num_programs: int) -> int:
        """Returns the number of answers to mix with a number of programs: ``keep.share`` of the total, at least 1."""
        share = self.options.share
        return max(1, round(num_programs * share / (1 - share)))

    def mixed(self, training: Sequence[EncodedExample]) -> list[EncodedExample]:
        """Returns the programs, followed by the answers to mix with them."""
        return [*training, *(self.training[index] for index in self.beside(len(training)))]


@dataclass(frozen=True)
class Teacher:
    """The base's distribution on kept answers.

    Attributes:
        kept: The answers.
        training: With ``kl``, the base's final hidden states on each training answer, (M, D); otherwise empty.
        validation: The same for each validation answer.
    """

    kept: Kept
    training: Sequence[Tensor] = ()
    validation: Sequence[Tensor] = ()

    @classmethod
    def listen(cls, model: Any, kept: Kept, row_tokens: int, autocast: Autocast) -> Teacher:
        """Runs the base once over all answers, if the loss needs its hidden states (``kl``).

        Args:
            model: The base, plain or composed, before anything has changed its weights.
            kept: The answers.
            row_tokens: Tokens per forward pass.
            autocast: Returns the context of a forward pass.
        """
        if kept.options.loss != "kl":
            return cls(kept)
        with packed_attention(model), force_base(model) if is_composed(model) else nullcontext():
            states = [
                answer_states(model, answers, (ANCHOR,), row_tokens, autocast)
                for answers in (kept.training, kept.validation)
            ]
        return cls(kept, *states)

    def states(self, answers: Sequence[int]) -> Tensor:
        """Returns the base's hidden states on the given training answers, concatenated, (M, D)."""
        found = [self.training[index] for index in answers]
        return torch.cat(found) if found else self.training[0].new_zeros(0, self.training[0].shape[1])

    def loss(self, model: Any, row_tokens: int, autocast: Autocast, ranks: Ranks = ALONE) -> float:
        """Returns the mean ``keep.loss`` of a model on the validation answers, in nats per token.

        Args:
            model: The model in training, with packed attention enabled.
            row_tokens: Tokens per forward pass.
            autocast: Returns the context of a forward pass.
            ranks: Processes that share the answers.
        """
        if self.kept.options.loss == "likelihood":
            return validation_loss(model, self.kept.validation, (ANCHOR,), row_tokens, autocast, ranks=ranks)
        device = next(model.parameters()).device
        was_training = model.training
        model.eval()
        sums = torch.zeros(2, dtype=torch.float64)
        with torch.inference_mode():
            for batch in own_rows(
                model, PackedBatches(self.kept.validation, (ANCHOR,), row_tokens, shuffle=False), ranks
            ):
                positions_M, _ = targets(batch)
                states_MD = torch.cat([self.validation[index] for index in batch.example_ids_D.tolist()])
                with autocast():
                    hidden_MD = hidden_states(model, batch.to(device))[positions_M.to(device)]
                    sums[0] += float(divergences(hidden_MD, states_MD.to(device), model.lm_head.weight).sum())
                sums[1] += len(positions_M)
        model.train(was_training)
        total, count = ranks.add(sums).tolist()
        return float(total / count)


class Objective:
    """Training data, loss and validation of one training.

    Create it before the model is changed: with ``keep.loss: kl``, the base runs once over all answers.

    Args:
        model: The ``...ForCausalLM`` module, plain or composed.
        training: Encoded programs to train on.
        validation: Encoded programs to validate on.
        languages: All languages, in the order of the experts.
        options: Length of rows, ``compile``.
        autocast: Returns the context of a forward pass.
        kept: The kept answers. If None, only programs are trained on.
        ranks: Processes that share a validation.
    """

    def __init__(
        self,
        model: Any,
        training: Sequence[EncodedExample],
        validation: Sequence[EncodedExample],
        languages: Sequence[str],
        options: Optimisation,
        autocast: Autocast,
        kept: Kept | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        self._ranks = ranks
        self._model, self._validation, self._options, self._autocast = model, validation, options, autocast
        self._first_answer = len(training)
        self._languages = languages if kept is None else (*languages, ANCHOR)
        self._answers = [] if kept is None else kept.beside(len(training))
        self._examples = training if kept is None else kept.mixed(training)
        self._teacher = None if kept is None else Teacher.listen(model, kept, options.row_tokens, autocast)

    def batches(self, seed: int) -> PackedBatches:
        """Returns the training data as packed rows, in an order that depends on ``seed``."""
        return PackedBatches(self._examples, self._languages, self._options.row_tokens, seed=seed)

    def loss(self, routing_loss: RoutingLoss | None = None) -> PackedLoss:
        """Returns the module that computes the loss of a row. Do not replace the model's layers afterwards."""
        if self._teacher is not None and self._teacher.kept.options.loss == "kl":
            return KeptLoss(self._model, self._options, routing_loss, self._teacher.kept.options.weight)
        return PackedLoss(self._model, self._options, routing_loss)

    def prepare(self, row: PackedBatch) -> tuple[Tensor, ...]:
        """Returns the further arguments of the loss for a row on the CPU; the first two have the length N."""
        positions_N, labels_N = targets(row)
        if self._teacher is None:
            return positions_N, labels_N
        options = self._teacher.kept.options
        is_kept_N = row.language_ids_1T[0][positions_N + 1] == len(self._languages) - 1
        if options.loss == "likelihood":
            return positions_N, labels_N, torch.where(is_kept_N, options.weight, 1.0)
        places = [index - self._first_answer for index in row.example_ids_D.tolist() if index >= self._first_answer]
        states_MD = self._teacher.states([self._answers[place] for place in places])
        return positions_N, labels_N, (~is_kept_N).nonzero()[:, 0], is_kept_N.nonzero()[:, 0], states_MD

    def validate(self) -> Facts:
        """Returns the validation ``loss`` in nats per token, which is the mean over languages.

        With kept answers, their loss is added with its weight, and the two parts are also returned as ``programs`` and
        ``answers``.
        """
        row_tokens, ranks = self._options.row_tokens, self._ranks
        loss = validation_loss(self._model, self._validation, self._languages, row_tokens, self._autocast, ranks=ranks)
        if self._teacher is None:
            return {"loss": loss}
        answers = self._teacher.loss(self._model, row_tokens, self._autocast, ranks)
        return {"loss": loss + self._teacher.kept.options.weight * answers, "programs": loss, "answers": answers}


class KeptLoss(PackedLoss):
    """Like ``PackedLoss``, but with the divergence from the base on the tokens of kept answers.

    Args:
        model: See ``PackedLoss``.
        options: See ``PackedLoss``.
        routing_loss: See ``PackedLoss``.
        weight: Weight of the divergence.
    """

    def __init__(
        self, model: nn.Module, options: Optimisation, routing_loss: RoutingLoss | None, weight: float
    ) -> None:
        super().__init__(model, options, routing_loss)
        self._weight = weight

    def forward(  # type: ignore[override]
        self,
        batch: PackedBatch,
        positions_N: Tensor,
        labels_N: Tensor,
        programs_O: Tensor,
        answers_M: Tensor,
        states_MD: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Returns the summed loss of all tokens and the routing loss of the row.

        Args:
            batch: The row, on the model's device.
            positions_N: Positions that predict a trained token.
            labels_N: The tokens they predict.
            programs_O: Indices into the N tokens of those that belong to programs.
            answers_M: Indices into the N tokens of those that belong to answers.
            states_MD: The base's final hidden states at the answers' tokens.
        """
        hidden_TD, extra = self.run_layers(batch)
        hidden_ND = hidden_TD[positions_N]
        loss = hidden_ND.new_zeros((), dtype=torch.float)
        if len(programs_O):
            losses_O = token_losses(hidden_ND[programs_O], self.head, labels_N[programs_O], compiled=self.is_compiled)
            loss = loss + losses_O.sum()
        if len(answers_M):
            losses_M = divergences(hidden_ND[answers_M], states_MD, self.head, compiled=self.is_compiled)
            loss = loss + self._weight * losses_M.sum()
        return loss, extra
