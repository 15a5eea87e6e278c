"""Adds an expert to a finished Mixture-of-Experts without changing the others or their rows of the gates.

Only the new expert's row of each gate is fitted (``growth_rows``). If there are answers of the base in the new
language, two fits are made: one routes these answers as before, the other routes them to the new expert. Each fit is
measured by the sum of its losses on validation programs of the language and on validation answers, and the fit with the
lower sum is kept, so that a gain on the one is weighed against a loss on the other. Both losses are also measured for
the base.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from moesaic.checkpoint.description import BASE, ModelFolder
from moesaic.checkpoint.native import save_model_folder
from moesaic.data.packing import PackedBatch
from moesaic.data.prompts import EncodedExample
from moesaic.errors import DataError
from moesaic.model.backbone import Base
from moesaic.model.lora import read_adapter
from moesaic.model.loss import example_losses
from moesaic.model.moe import force_base, record_routing
from moesaic.progress import Bar
from moesaic.train.growth_result import Growth, LanguageChange, Losses, NewLanguage, Preferred
from moesaic.train.growth_rows import Gates, composed, fit_rows

Answers = Mapping[str, tuple[Sequence[EncodedExample], Sequence[EncodedExample]]]
"""New language -> the base's own answers in it, encoded: those to fit the gates on, and those for validation."""


def grow_folder(
    accelerator: Accelerator,
    base: Base,
    base_spec: Mapping[str, Any],
    start: ModelFolder,
    adapters: Mapping[str, Path],
    languages: Sequence[str],
    programs: Mapping[str, Sequence[EncodedExample]],
    answers: Answers,
    validation: Sequence[EncodedExample],
    row_tokens: int,
    folder: Path,
) -> Growth:
    """Writes a model folder with the experts of another model folder and new ones; files of kept experts do not change.

    Args:
        accelerator: Precision of the forward passes.
        base: The base model of ``start``. It is changed in place and restored afterwards.
        base_spec: The recipe's ``base`` section.
        start: The model that grows.
        adapters: New expert -> adapter folder. An expert of ``start`` with the same name is replaced.
        languages: All languages of the grown model, in the order of its experts.
        programs: Expert name -> encoded training programs; may include the anchor.
        answers: The base's own answers in the new languages; a language may have none.
        validation: Encoded validation programs on which the loss of every language is compared before and after.
        row_tokens: Tokens per forward pass.
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
    against_base: dict[str, NewLanguage] = {}
    for name, path in adapters.items():
        expert = read_adapter(path, name)
        fitted_on, own_answers = answers.get(name, ((), ()))
        fits = fit_rows(accelerator, base, grown, expert, programs, fitted_on, row_tokens)
        candidates = {preferred: grown.joined_by(expert, rows.rows_LD) for preferred, rows in fits.items()}
        own_programs = [example for example in validation if example.language == name]
        found = _against_base(accelerator, base, candidates, own_programs, own_answers, row_tokens)
        against_base[name], margins[name] = found, list(fits[found.preferred].margins_L)
        grown = candidates[found.preferred]
    grown = grown.only([*languages, *(name for name in kept if name not in languages)])
    changes = _changes(accelerator, base, before, grown, languages, tuple(adapters), validation, row_tokens)
    reuse = {name: start.expert_path(name) for name in kept if name in languages}
    # An adapter's files name the base that it was trained on. If the model contains its own base, the new adapters are
    # written anew, so that they name that base.
    if not start.has_own_base:
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
    return Growth(tuple(adapters), kept, counts, margins, changes, against_base)


def _against_base(
    accelerator: Accelerator,
    base: Base,
    candidates: Mapping[Preferred, Gates],
    programs: Sequence[EncodedExample],
    answers: Sequence[EncodedExample],
    row_tokens: int,
) -> NewLanguage:
    """Compares the base and each fit on a new language's validation programs and answers, and chooses the best fit."""

    def loss(model: Any, examples: Sequence[EncodedExample]) -> float | None:
        if not examples:
            return None
        languages = list(dict.fromkeys(example.language for example in examples))
        nats, tokens = example_losses(model, examples, languages, row_tokens, accelerator.autocast).sum(0).tolist()
        return float(nats / max(tokens, 1))

    found: dict[Preferred, Losses] = {}
    of_base = Losses(None, None)
    for preferred, gates in candidates.items():
        with composed(base, gates) as model:
            found[preferred] = Losses(loss(model, programs), loss(model, answers))
            if len(found) == len(candidates):
                with force_base(model):
                    of_base = Losses(loss(model, programs), loss(model, answers))
    best = min(found, key=lambda name: found[name].total)
    return NewLanguage(best, of_base, found[best], dict(found), len(answers))


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
    """Measures each language's loss before and after, and the gate weight that goes to the new experts."""
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
