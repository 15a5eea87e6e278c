"""Fits a new row of every gate for one more expert by ridge regression; the other rows stay the same.

Let z be the logits of the existing experts, x the gate input, w the new row and k the experts per token. The targets of
the regression are:

    tokens of the new language      w x  ->  greatest z + m           the new expert comes first
    tokens of every other language  w x  ->  k-th greatest z - m      the new expert is not chosen

The targets are relative to the other logits, because those stay the same and only the order of the logits matters. The
solution is linear in the margin m, which is chosen for each layer on held-out programs. As in ``gate_init``, each
language has the same weight, and gate inputs are captured while tokens are routed correctly: for the new language while
the new expert runs, for the others while the existing model runs.

The base's own answers in the new language have the weight of a language. The tokens alone do not say whether these
answers should be routed as before or to the new expert, so a row is fitted for each case. The first row uses the new
expert only for programs like those that it was trained on, the second for everything in the language.

Shapes: T tokens, D model, E experts, L layers, M margins.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Final

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.nn import functional

from moesaic.data.prompts import EncodedExample
from moesaic.gates import GATES, GateKind, experts_per_token
from moesaic.model.attention import packed_attention
from moesaic.model.backbone import Base
from moesaic.model.lora import LoraExpert
from moesaic.model.moe import compose, decompose, extract_router, force_expert, load_router
from moesaic.progress import Bar
from moesaic.train.gate_init import CALIBRATION_SHARE, RIDGE_LAMBDA, router_inputs
from moesaic.train.growth_result import Preferred

_MARGINS: Final[tuple[float, ...]] = tuple(2.0 ** (exponent / 2) for exponent in range(-4, 15))


@dataclass(frozen=True)
class Gates:
    """Experts and their gates.

    Attributes:
        experts: Experts in the order of the gates' rows; an anchor is the last.
        tensors: ``layers.<i>.weight`` (E, D) and, for noisy gates, ``layers.<i>.noise`` (E, D), float32.
        kind: Kind of gate; see ``moesaic.gates``.
        top_k: Experts per token, if the kind does not mix all.
    """

    experts: tuple[LoraExpert, ...]
    tensors: Mapping[str, Tensor]
    kind: GateKind
    top_k: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the experts."""
        return tuple(expert.name for expert in self.experts)

    @property
    def per_token(self) -> int:
        """Experts per token."""
        return experts_per_token(self.kind, min(self.top_k, len(self.experts)), len(self.experts))

    def only(self, names: Sequence[str]) -> Gates:
        """Returns the experts with these names, in this order, with their rows."""
        rows = [self.names.index(name) for name in names]
        tensors = {key: tensor[rows].contiguous() for key, tensor in self.tensors.items()}
        return replace(self, experts=tuple(self.experts[row] for row in rows), tensors=tensors)

    def joined_by(self, expert: LoraExpert, rows: Sequence[Tensor]) -> Gates:
        """Returns these experts and one more, which goes before an anchor.

        In noisy gates, the new expert starts without noise, as in a new gate.

        Args:
            expert: The new expert.
            rows: Its row of the gate of each layer, (D,).
        """
        place = len(self.experts) - self.experts[-1].is_anchor
        tensors = {}
        for key, tensor in self.tensors.items():
            _, layer, part = key.split(".")
            row_D = rows[int(layer)] if part == "weight" else torch.zeros_like(tensor[0])
            tensors[key] = torch.cat([tensor[:place], row_D.to(tensor)[None], tensor[place:]])
        return replace(self, experts=(*self.experts[:place], expert, *self.experts[place:]), tensors=tensors)


def ridge_row(gram_DD: Tensor, reference_D: Tensor, direction_D: Tensor) -> Tensor:
    """Solves the ridge regression of a new logit on gate inputs.

    Args:
        gram_DD: Mean over languages of each language's mean outer product x x^T, (D, D), float64.
        reference_D: Mean over languages of the mean of x times the logit that the new one is compared with, (D,).
        direction_D: Mean over languages of the mean of x, with a negative sign for all but the new language, (D,).

    Returns:
        Two rows, (2, D): the solution for a margin of zero, and what each unit of margin adds to it.
    """
    penalty = RIDGE_LAMBDA * gram_DD.diagonal().mean()
    identity_DD = torch.eye(len(gram_DD), dtype=gram_DD.dtype, device=gram_DD.device)
    targets_D2 = torch.stack([reference_D, direction_D], dim=1)
    solution_D2: Tensor = torch.linalg.solve(gram_DD + penalty * identity_DD, targets_D2)
    return solution_D2.T


def best_margin(gaps: Mapping[str, Tensor], new: Collection[str]) -> float:
    """Returns the margin with the lowest cross entropy of "new or not", where each group has the same weight.

    Args:
        gaps: Group -> (T, 2) for its held-out tokens: the difference between the new logit and the one that it is
            compared with for a margin of zero, and what each unit of margin adds to it.
        new: The groups whose tokens should be routed to the new expert.
    """
    margins_M = torch.tensor(_MARGINS, dtype=torch.float64)
    loss_M = torch.zeros_like(margins_M)
    for name, gap_T2 in gaps.items():
        gap_TM = gap_T2[:, :1].cpu() + gap_T2[:, 1:].cpu() * margins_M
        loss_M += functional.softplus(-gap_TM if name in new else gap_TM).mean(0)
    return _MARGINS[int(loss_M.argmin())]


@contextmanager
def composed(base: Base, gates: Gates) -> Iterator[Any]:
    """Composes the base with experts (in float32) and gates inside the context and restores it afterwards."""
    model = compose(
        base.model, gates.experts, gates.kind, gates.per_token, dtype=torch.float32, attention="base"
    ).eval()
    try:
        load_router(model, {name: gates.tensors[name] for name in extract_router(model)})
        with packed_attention(model):
            yield model
    finally:
        decompose(model)


@dataclass(frozen=True)
class Rows:
    """The new expert's rows.

    Attributes:
        rows_LD: Its row of each layer's gate, (D,), float32, on the CPU.
        margins_L: The margin of each layer.
    """

    rows_LD: Sequence[Tensor]
    margins_L: Sequence[float]


@dataclass(frozen=True)
class _Group:
    """Examples that together have the weight of a language.

    Attributes:
        name: Name of the group.
        examples: The examples.
        is_new: Whether their tokens should be routed to the new expert.
        preferred: The fit that uses the group; None if every fit does.
    """

    name: str
    examples: Sequence[EncodedExample]
    is_new: bool
    preferred: Preferred | None = None

    @property
    def held_out(self) -> Sequence[EncodedExample]:
        """The examples that choose the margin: one in ``CALIBRATION_SHARE``."""
        return self.examples[::CALIBRATION_SHARE]

    @property
    def fitted(self) -> Sequence[EncodedExample]:
        """The examples that the row is fitted on: all others, or the same one if there is only one."""
        return [example for index, example in enumerate(self.examples) if index % CALIBRATION_SHARE] or self.held_out


def fit_rows(
    accelerator: Accelerator,
    base: Base,
    gates: Gates,
    expert: LoraExpert,
    programs: Mapping[str, Sequence[EncodedExample]],
    answers: Sequence[EncodedExample],
    row_tokens: int,
) -> dict[Preferred, Rows]:
    """Fits the new expert's row of every gate.

    Args:
        accelerator: Precision of the forward passes.
        base: The base model. It is changed in place and restored afterwards.
        gates: The existing experts and gates.
        expert: The new expert.
        programs: Expert name -> encoded training programs.
        answers: The base's own answers in the new language, encoded; may be empty.
        row_tokens: Tokens per forward pass.

    Returns:
        Fit -> rows. ``base`` routes the answers as before, ``expert`` routes them to the new expert. Without answers,
        there is only ``expert``.

    Raises:
        ModelError: The expert does not fit the base.
    """
    groups = [_Group(name, programs[name], False) for name in gates.names if programs.get(name)]
    groups += [_Group("answers", answers, False, "base")] if answers else []
    groups += [_Group(expert.name, programs[expert.name], True)]
    groups += [_Group("answers", answers, True, "expert")] if answers else []
    wanted: tuple[Preferred, ...] = ("base", "expert") if answers else ("expert",)
    num_layers = sum(key.endswith(".weight") for key in gates.tensors)
    weights = [gates.tensors[f"layers.{layer}.weight"].double().to(base.model.device) for layer in range(num_layers)]
    alone = gates.joined_by(expert, [torch.zeros_like(weight_ED[0]) for weight_ED in weights])

    def compared(x_TD: Tensor, layer: int, is_new: bool) -> Tensor:
        """Returns the logit that the new one is compared with, (T,)."""
        logits_TE = x_TD @ weights[layer].T
        if GATES[gates.kind].mixes_all:
            return logits_TE.logsumexp(1)
        return logits_TE.topk(1 if is_new else gates.per_token, dim=1).values[:, -1]

    def inputs(*, held_out: bool) -> Iterator[tuple[_Group, Iterator[list[Tensor]]]]:
        """Yields each group with its gate inputs, one list over layers per packed row.

        The groups of the existing experts come first, while the existing model runs; then those of the new expert,
        while that one runs.
        """
        for is_new in (False, True):
            with composed(base, alone if is_new else gates) as model:
                for group in groups:
                    if group.is_new is is_new:
                        examples = group.held_out if held_out else group.fitted
                        running = force_expert(model, expert.name) if is_new else nullcontext()
                        arguments = (model, examples, [group.name], row_tokens, accelerator.autocast)
                        yield group, router_inputs(*arguments, running)
                        bar.advance(len(examples))

    total = sum(len(group.fitted) + len(group.held_out) for group in groups)
    with torch.no_grad(), Bar(f"gates: a row for {expert.name}", total, "programs") as bar:
        means: dict[Preferred | None, list[_Moments]] = {}
        for group, rows in inputs(held_out=False):
            sums: list[_Moments] = []
            for found in rows:
                row = [
                    _moments(x_TD.double(), compared(x_TD.double(), layer, group.is_new))
                    for layer, x_TD in enumerate(found)
                ]
                sums = [old + new for old, new in zip(sums, row, strict=True)] if sums else row
            shares = [moments.share(len(groups) - len(wanted) + 1, group.is_new) for moments in sums]
            known = means.get(group.preferred)
            means[group.preferred] = shares if known is None else list(map(operator.add, known, shares))
        solutions: dict[Preferred, list[Tensor]] = {}
        for name in wanted:
            whole = list(map(operator.add, means[None], means[name])) if answers else means[None]
            solutions[name] = [ridge_row(own.gram_DD, own.reference_D, own.direction_D) for own in whole]
        gaps: dict[Preferred, list[dict[str, list[Tensor]]]] = {name: [{} for _ in weights] for name in wanted}
        for group, rows in inputs(held_out=True):
            for found in rows:
                for layer, x_TD in enumerate(found):
                    compared_T = compared(x_TD.double(), layer, group.is_new)
                    for name in wanted if group.preferred is None else (group.preferred,):
                        gap_T2 = x_TD.double() @ solutions[name][layer].T
                        gap_T2[:, 0] -= compared_T
                        gaps[name][layer].setdefault(group.name, []).append(gap_T2)
    return {
        name: _with_margins(solutions[name], gaps[name], {expert.name} | ({"answers"} if name == "expert" else set()))
        for name in wanted
    }


def _with_margins(solutions: Sequence[Tensor], gaps: Sequence[Mapping[str, list[Tensor]]], new: set[str]) -> Rows:
    """Returns the solutions for the margins that are best on the held-out examples."""
    margins = [best_margin({name: torch.cat(parts) for name, parts in found.items()}, new) for found in gaps]
    rows = [
        (zero_D + margin * per_margin_D).float().cpu()
        for (zero_D, per_margin_D), margin in zip(solutions, margins, strict=True)
    ]
    return Rows(rows, margins)


@dataclass(frozen=True)
class _Moments:
    """Sums over tokens.

    Attributes:
        gram_DD: Sum of x x^T.
        reference_D: Sum of x times the logit that the new one is compared with.
        direction_D: Sum of x.
        count: Number of tokens.
    """

    gram_DD: Tensor
    reference_D: Tensor
    direction_D: Tensor
    count: int

    def __add__(self, other: _Moments) -> _Moments:
        return _Moments(
            self.gram_DD + other.gram_DD,
            self.reference_D + other.reference_D,
            self.direction_D + other.direction_D,
            self.count + other.count,
        )

    def share(self, num_languages: int, is_new: bool) -> _Moments:
        """Returns the language's contribution to the means over languages."""
        weight = 1 / (self.count * num_languages)
        return _Moments(
            self.gram_DD * weight,
            self.reference_D * weight,
            self.direction_D * (weight if is_new else -weight),
            self.count,
        )


def _moments(x_TD: Tensor, reference_T: Tensor) -> _Moments:
    return _Moments(x_TD.T @ x_TD, x_TD.T @ reference_T, x_TD.sum(0), len(x_TD))
