"""Gives a finished Mixture-of-Experts a further expert; the others, and their rows of the gates, keep their bytes.

Only the new expert's row of each gate is fitted, by ridge regression in closed form. Let z be the logits of the experts
that are there already, and k the experts per token:

    tokens of the new language      w x  ->  greatest z + m           the new expert comes first
    tokens of every other language  w x  ->  k-th greatest z - m      the new expert is not chosen

The targets are relative to the other logits because these are not touched: what matters is only where the new logit
stands among them. The solution is linear in the margin m, which is chosen on held-out programs for each layer. As in
``gate_init``, each language has the same weight and router inputs are taken where the token is routed rightly: of the
new language while the new expert runs, of the others while the model runs as it was.

T tokens, D model, E experts.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.nn import functional

from moesaic.checkpoint.description import BASE, ModelFolder
from moesaic.checkpoint.native import save_model_folder
from moesaic.data.packing import PackedBatch
from moesaic.data.prompts import EncodedExample
from moesaic.errors import DataError
from moesaic.gates import GATES, GateKind, experts_per_token
from moesaic.model.attention import packed_attention
from moesaic.model.backbone import Base
from moesaic.model.lora import LoraExpert, read_adapter
from moesaic.model.loss import example_losses
from moesaic.model.moe import compose, decompose, extract_router, force_expert, load_router, record_routing
from moesaic.progress import Bar
from moesaic.train.gate_init import CALIBRATION_SHARE, RIDGE_LAMBDA, router_inputs
from moesaic.train.growth_result import Growth, LanguageChange

_MARGINS: Final[tuple[float, ...]] = tuple(2.0 ** (exponent / 2) for exponent in range(-4, 15))


@dataclass(frozen=True)
class Gates:
    """Experts and their gates, as they are put together.

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


def grow_folder(
    accelerator: Accelerator,
    base: Base,
    base_spec: Mapping[str, Any],
    start: ModelFolder,
    adapters: Mapping[str, Path],
    languages: Sequence[str],
    programs: Mapping[str, Sequence[EncodedExample]],
    validation: Sequence[EncodedExample],
    row_tokens: int,
    folder: Path,
) -> Growth:
    """Writes a model folder that has all experts of another one, and new ones; what is not new keeps its bytes.

    Args:
        accelerator: Precision of the forward passes.
        base: The base model of ``start``; the same object, unchanged, afterwards.
        base_spec: The recipe's ``base`` section.
        start: The model that grows.
        adapters: New expert -> adapter folder. An expert of ``start`` of that name is replaced.
        languages: All languages of the grown model, in the order of its experts.
        programs: Encoded training programs per expert, the anchor among them where there are any.
        validation: Encoded validation programs that show what became of every language.
        row_tokens: Tokens of a forward pass.
        folder: The model folder.

    Raises:
        CheckpointError: A file of the model or of an adapter is corrupt.
        DataError: A language has no programs.
        ModelError: An adapter does not fit the base.
    """
    for name in languages:
        if not programs.get(name):
            raise DataError(
                f"there is no training program of {name}: the gate's new rows are fitted on programs of the new and of "
                "every other language (data.source, data.languages)"
            )
    before = Gates(tuple(start.read_experts()), start.read_router(), start.kind, start.top_k)
    grown = before.only([name for name in before.names if name not in adapters])
    kept = grown.names
    margins: dict[str, list[float]] = {}
    for name, path in adapters.items():
        expert = read_adapter(path, name)
        rows, margins[name] = _fit_rows(accelerator, base, grown, expert, programs, row_tokens)
        grown = grown.joined_by(expert, rows)
    grown = grown.only([*languages, *(name for name in kept if name not in languages)])
    changes = _changes(accelerator, base, before, grown, languages, tuple(adapters), validation, row_tokens)
    reuse = {name: start.expert_path(name) for name in kept if name in languages}
    if not start.has_own_base:  # otherwise an adapter names the base in its own folder
        reuse |= adapters
    save_model_folder(
        folder,
        base_spec=base_spec,
        base_digest=base.digest,
        experts=grown.experts,
        router_tensors=grown.tensors,
        kind=grown.kind,
        top_k=grown.per_token,
        reuse=reuse,
        own_base=start.path / BASE if start.has_own_base else None,
    )
    counts = {name: len(found) for name, found in programs.items()}
    return Growth(tuple(adapters), kept, counts, margins, changes)


def ridge_row(gram_DD: Tensor, reference_D: Tensor, direction_D: Tensor) -> Tensor:
    """Ridge regression of a new logit on router inputs.

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


def best_margin(gaps: Mapping[str, Tensor], new: str) -> float:
    """Returns the margin with the lowest cross entropy of "new or not", each language with the same weight.

    Args:
        gaps: Language -> (T, 2) of held-out tokens: by how much the new logit is above the one it is compared with for
            a margin of zero, and what every unit of margin adds.
        new: The new language.
    """
    margins_M = torch.tensor(_MARGINS, dtype=torch.float64)
    loss_M = torch.zeros_like(margins_M)
    for name, gap_T2 in gaps.items():
        gap_TM = gap_T2[:, :1].cpu() + gap_T2[:, 1:].cpu() * margins_M
        loss_M += functional.softplus(-gap_TM if name == new else gap_TM).mean(0)
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


def _fit_rows(
    accelerator: Accelerator,
    base: Base,
    gates: Gates,
    expert: LoraExpert,
    programs: Mapping[str, Sequence[EncodedExample]],
    row_tokens: int,
) -> tuple[list[Tensor], list[float]]:
    """Returns the new expert's row of every gate, and the margins."""
    known = [name for name in gates.names if programs.get(name)]
    held_out = {name: programs[name][::CALIBRATION_SHARE] for name in (*known, expert.name)}
    fit = {
        name: [example for index, example in enumerate(programs[name]) if index % CALIBRATION_SHARE] or held
        for name, held in held_out.items()
    }
    num_layers = sum(key.endswith(".weight") for key in gates.tensors)
    weights = [gates.tensors[f"layers.{layer}.weight"].double().to(base.model.device) for layer in range(num_layers)]
    alone = gates.joined_by(expert, [torch.zeros_like(weight_ED[0]) for weight_ED in weights])

    def compared(x_TD: Tensor, layer: int, is_new: bool) -> Tensor:
        """The logits that the new one is compared with."""
        logits_TE = x_TD @ weights[layer].T
        if GATES[gates.kind].mixes_all:
            return logits_TE.logsumexp(1)
        return logits_TE.topk(1 if is_new else gates.per_token, dim=1).values[:, -1]

    def inputs(examples: Mapping[str, Sequence[EncodedExample]]) -> Iterator[tuple[str, list[Tensor]]]:
        """Router inputs of all layers, row by row: the others' as the model runs, then the new language's."""
        with composed(base, gates) as model:
            for name in known:
                arguments = (model, examples[name], [name], row_tokens, accelerator.autocast)
                yield from ((name, found) for found in router_inputs(*arguments, nullcontext()))
                bar.advance(len(examples[name]))
        with composed(base, alone) as model:
            arguments = (model, examples[expert.name], [expert.name], row_tokens, accelerator.autocast)
            running = force_expert(model, expert.name)
            yield from ((expert.name, found) for found in router_inputs(*arguments, running))
            bar.advance(len(examples[expert.name]))

    total = sum(map(len, (*fit.values(), *held_out.values())))
    with torch.no_grad(), Bar(f"gates: a row for {expert.name}", total, "programs") as bar:
        means: list[_Moments] = []
        for name, rows in itertools.groupby(inputs(fit), key=operator.itemgetter(0)):
            sums: list[_Moments] = []
            for _, found in rows:
                row = [
                    _moments(x_TD.double(), compared(x_TD.double(), layer, name == expert.name))
                    for layer, x_TD in enumerate(found)
                ]
                sums = [old + new for old, new in zip(sums, row, strict=True)] if sums else row
            shares = [moments.share(len(fit), name == expert.name) for moments in sums]
            means = [old + new for old, new in zip(means, shares, strict=True)] if means else shares
        solutions = [ridge_row(moments.gram_DD, moments.reference_D, moments.direction_D) for moments in means]
        gaps: list[dict[str, list[Tensor]]] = [{} for _ in range(num_layers)]
        for name, found in inputs(held_out):
            for layer, x_TD in enumerate(found):
                gap_T2 = x_TD.double() @ solutions[layer].T
                gap_T2[:, 0] -= compared(x_TD.double(), layer, name == expert.name)
                gaps[layer].setdefault(name, []).append(gap_T2)
        margins = [
            best_margin({name: torch.cat(parts) for name, parts in found.items()}, expert.name) for found in gaps
        ]
    rows_D = [
        (zero_D + margin * per_margin_D).float().cpu()
        for (zero_D, per_margin_D), margin in zip(solutions, margins, strict=True)
    ]
    return rows_D, margins


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


def _changes(
    accelerator: Accelerator,
    base: Base,
    before: Gates,
    grown: Gates,
    languages: Sequence[str],
    new: Sequence[str],
    validation: Sequence[EncodedExample],
    row_tokens: int,
) -> dict[str, LanguageChange]:
    """Loss of every language under the model before and the grown one, and what goes to the new experts."""
    rows = [index for index, name in enumerate(grown.names) if name in new]
    weight_L, count_L = torch.zeros(len(languages)), torch.zeros(len(languages))
    losses: list[Tensor] = []
    for gates in (before, grown):
        with (
            Bar("loss before" if gates is before else "loss after", len(validation), "programs") as bar,
            composed(base, gates) as model,
            record_routing(model) as routings,
        ):

            def finish(
                batch: PackedBatch, bar: Bar = bar, gates: Gates = gates, routings: Mapping[int, Any] = routings
            ) -> None:
                bar.advance(len(batch.example_ids_D))
                if gates is before:
                    return
                languages_T = batch.language_ids_1T[0]
                is_program_T = languages_T >= 0
                for routing in routings.values():
                    is_new_TK = torch.isin(routing.experts_TK.cpu(), torch.tensor(rows))
                    to_new_T = (routing.weights_TK.float().cpu() * is_new_TK).sum(1)
                    weight_L.index_add_(0, languages_T[is_program_T], to_new_T[is_program_T])
                    count_L.index_add_(0, languages_T[is_program_T], is_program_T[is_program_T].float())

            losses.append(example_losses(model, validation, languages, row_tokens, accelerator.autocast, on_row=finish))
    found = {}
    for index, name in enumerate(languages):
        chosen = [place for place, example in enumerate(validation) if example.language == name]
        nats_2, tokens = [sums_N2[chosen, 0].sum() for sums_N2 in losses], losses[0][chosen, 1].sum().clamp(min=1)
        found[name] = LanguageChange(
            len(chosen),
            float(nats_2[0] / tokens),
            float(nats_2[1] / tokens),
            float(weight_L[index] / count_L[index].clamp(min=1)),
        )
    return found
