"""Fits a new row of every gate for one more expert by ridge regression; the other rows stay the same.

Let z be the logits of the experts that are there already, and k the experts per token:

    tokens of the new language      w x  ->  greatest z + m           the new expert comes first
    tokens of every other language  w x  ->  k-th greatest z - m      the new expert is not chosen

The targets are relative to the other logits because these are not touched: what matters is only where the new logit
stands among them. The solution is linear in the margin m, which is chosen on held-out programs for each layer. As in
``gate_init``, each language has the same weight and router inputs are taken where the token is routed rightly: of the
new language while the new expert runs, of the others while the model runs as it was.

The base's own answers in the new language weigh as much as a language. Whose they are to be, the base's as before or
the new expert's, cannot be told from tokens alone, so both are fitted: the first row keeps the new expert for programs
like those it was trained on, the second gives it all of the language.

T tokens, D model, E experts.
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
        experts: In the order of the rows, an anchor last.
        tensors: ``layers.<i>.weight`` (E, D) and, when noisy, ``layers.<i>.noise`` (E, D), float32.
        kind: See ``moesaic.gates``.
        top_k: Experts per token, where not all are mixed.
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
        """Returns the experts of these names, in this order, with their rows."""
        rows = [self.names.index(name) for name in names]
        tensors = {key: tensor[rows].contiguous() for key, tensor in self.tensors.items()}
        return replace(self, experts=tuple(self.experts[row] for row in rows), tensors=tensors)

    def joined_by(self, expert: LoraExpert, rows: Sequence[Tensor]) -> Gates:
        """Returns these experts and one more; in noisy gates it starts without noise, as a fresh gate does."""
        place = len(self.experts) - self.experts[-1].is_anchor  # which is always the last
        tensors = {}
        for key, tensor in self.tensors.items():
            _, layer, part = key.split(".")
            row_D = rows[int(layer)] if part == "weight" else torch.zeros_like(tensor[0])
            tensors[key] = torch.cat([tensor[:place], row_D.to(tensor)[None], tensor[place:]])
        return replace(self, experts=(*self.experts[:place], expert, *self.experts[place:]), tensors=tensors)


def ridge_row(gram_DD: Tensor, reference_D: Tensor, direction_D: Tensor) -> Tensor:
    """Ridge regression of a new logit on gate inputs.

    Args:
        gram_DD: Mean over languages of the languages' mean outer product x x^T, float64.
        reference_D: Mean over languages of the mean of x times the logit that the new one is compared with.
        direction_D: Mean over languages of the mean of x, negative for all but the new language.

    Returns:
        Two rows, (2, D): the solution for a margin of zero, and what every unit of margin adds.
    """
    penalty = RIDGE_LAMBDA * gram_DD.diagonal().mean()
    identity_DD = torch.eye(len(gram_DD), dtype=gram_DD.dtype, device=gram_DD.device)
    targets_D2 = torch.stack([reference_D, direction_D], dim=1)
    solution_D2: Tensor = torch.linalg.solve(gram_DD + penalty * identity_DD, targets_D2)
    return solution_D2.T


def best_margin(gaps: Mapping[str, Tensor], new: Collection[str]) -> float:
    """Returns the margin with the lowest cross entropy of "new or not", each group with the same weight.

    Args:
        gaps: Group -> (T, 2) of held-out tokens: by how much the new logit is above the one it is compared with for a
            margin of zero, and what every unit of margin adds.
        new: The groups whose tokens are for the new expert.
    """
    margins_M = torch.tensor(_MARGINS, dtype=torch.float64)
    loss_M = torch.zeros_like(margins_M)
    for name, gap_T2 in gaps.items():
        gap_TM = gap_T2[:, :1].cpu() + gap_T2[:, 1:].cpu() * margins_M
        loss_M += functional.softplus(-gap_TM if name in new else gap_TM).mean(0)
    return _MARGINS[int(loss_M.argmin())]


@contextmanager
def composed(base: Base, gates: Gates) -> Iterator[Any]:
    """The base with experts and gates, taken apart afterwards; experts are in float32."""
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
        rows_LD: One of every gate, float32.
        margins_L: The margin of each.
    """

    rows_LD: Sequence[Tensor]
    margins_L: Sequence[float]


@dataclass(frozen=True)
class _Group:
    """Examples that weigh as much as a language.

    Attributes:
        name: Its name.
        examples: The examples.
        is_new: Whether their tokens are for the new expert.
        preferred: The row that it is for, where it is not for every one.
    """

    name: str
    examples: Sequence[EncodedExample]
    is_new: bool
    preferred: Preferred | None = None

    @property
    def held_out(self) -> Sequence[EncodedExample]:
        """One in a few, which choose the margin."""
        return self.examples[::CALIBRATION_SHARE]

    @property
    def fitted(self) -> Sequence[EncodedExample]:
        """The others."""
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
        base: The base model; the same object, unchanged, afterwards.
        gates: The experts that are there.
        expert: The new one.
        programs: Encoded training programs per expert.
        answers: The base's own answers in the new language, encoded; without any there is one row to fit.
        row_tokens: Tokens of a forward pass.

    Returns:
        Who is preferred on the base's answers -> rows; ``expert`` alone where there are no answers.
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
        """The logits that the new one is compared with."""
        logits_TE = x_TD @ weights[layer].T
        if GATES[gates.kind].mixes_all:
            return logits_TE.logsumexp(1)
        return logits_TE.topk(1 if is_new else gates.per_token, dim=1).values[:, -1]

    def inputs(*, held_out: bool) -> Iterator[tuple[_Group, Iterator[list[Tensor]]]]:
        """Router inputs of all layers, row by row: the others' as the model runs, then what is the new expert's."""
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
    """The solutions with the margin that is best on the held-out examples."""
    margins = [best_margin({name: torch.cat(parts) for name, parts in found.items()}, new) for found in gaps]
    rows = [
        (zero_D + margin * per_margin_D).float().cpu()
        for (zero_D, per_margin_D), margin in zip(solutions, margins, strict=True)
    ]
    return Rows(rows, margins)


@dataclass(frozen=True)
class _Moments:
    """Sums over tokens: of x x^T, of x times the logit it is compared with, of x; and their number."""

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
        """Returns what a language adds to the mean over languages."""
        weight = 1 / (self.count * num_languages)
        return _Moments(
            self.gram_DD * weight,
            self.reference_D * weight,
            self.direction_D * (weight if is_new else -weight),
            self.count,
        )


def _moments(x_TD: Tensor, reference_T: Tensor) -> _Moments:
    return _Moments(x_TD.T @ x_TD, x_TD.T @ reference_T, x_TD.sum(0), len(x_TD))
