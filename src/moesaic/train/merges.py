"""Merges experts into one adapter: baselines that need no gates.

    linear      mean of the deltas, exact                                    model soups (Wortsman et al. 2022)
    ties        keep the largest entries, elect a sign, mean of those that agree      Yadav et al. 2023, section 3
    dare_ties   keep random entries and rescale them, then as TIES                    Yu et al. 2024, section 3.2

The arithmetic is PEFT's (``peft.utils.merge_utils``, behind ``add_weighted_adapter``), on adapters read from disk, so
that the base is not touched. PEFT offers each method in two spaces:

    factors     on A and B apart, with the square roots of weight x scale (``linear``, ``ties``, ``dare_ties``). The
                product of two merged factors is not the merge of the products: B_i A_j of different experts enter.
    deltas      on the full deltas scale * B A, factored again by SVD (``svd``, ``ties_svd``, ``dare_ties_svd``)

For the soup neither is needed: ``cat`` stacks the factors and gives the mean of the deltas without any loss, at the sum
of the ranks. TIES and DARE are made in both spaces, the deltas cut to the sum of the ranks, and scaled by a global
weight that rises until the validation loss does; the lowest loss of all decides. (Both are linear in a weight that all
experts share, so a merge is made once.) What was tried goes to ``baseline.json``.

PEFT 0.18 forgets DARE's rescaling (its ``random_pruning`` drops the quotient); the global weight makes up for it. Its
merges of deltas count the scale twice; here it counts once, as in later releases.

Shapes: E experts, R rank, I in, O out.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from accelerate import Accelerator
from peft.helpers import rescale_adapter_scale
from peft.utils import merge_utils
from torch import Tensor

from moesaic.checkpoint.exchange.factoring import factored
from moesaic.data.prompts import EncodedExample
from moesaic.errors import ModelError
from moesaic.model.attention import packed_attention
from moesaic.model.backbone import Base
from moesaic.model.lora import LoraExpert, LowRank, check_expert, read_adapter, write_adapter
from moesaic.model.loss import validation_loss
from moesaic.progress import Bar, track
from moesaic.train.experts import seed_of
from moesaic.train.injection import adapted

Method = Literal["ties", "dare_ties"]
Space = Literal["factors", "deltas"]

DENSITY = 0.5
"""Share of the entries that TIES and DARE keep."""

WEIGHTS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
"""Global weights, tried in this order until the loss rises; 1 is the mean of the entries that agree."""

SPACES: tuple[Space, ...] = ("factors", "deltas")
"""Spaces tried."""

NUM_MERGES = len(SPACES) * len(WEIGHTS)
"""Most merges that are validated for one method."""

_Combine = Callable[[list[Tensor], Tensor, float], Tensor]
_COMBINE: dict[Method, _Combine] = {"ties": merge_utils.ties, "dare_ties": merge_utils.dare_ties}


def merge_linear(base: Base, adapters: Mapping[str, Path], folder: Path) -> dict[str, Any]:
    """Writes the mean of the experts' deltas as a PEFT adapter.

    Args:
        base: The base that the adapters were trained on.
        adapters: Expert name -> adapter folder.
        folder: Gets the adapter; its rank is the sum of the ranks.

    Returns:
        Facts for ``baseline.json``.

    Raises:
        CheckpointError: An adapter's files are corrupt.
        ModelError: An adapter does not fit the base, or the adapters change different modules.
    """
    experts = _read(base, adapters)
    write_adapter(concatenated(experts, 1 / len(experts)), folder, base=base.spec)
    return {"weight": 1 / len(experts), "rank": sum(expert.rank for expert in experts)}


def merge_tuned(
    method: Method,
    accelerator: Accelerator,
    base: Base,
    adapters: Mapping[str, Path],
    validation: Sequence[EncodedExample],
    languages: Sequence[str],
    row_tokens: int,
    seed: int,
    folder: Path,
) -> dict[str, Any]:
    """Merges by TIES or DARE in both spaces and writes the merge with the lowest validation loss as a PEFT adapter.

    Args:
        method: Which.
        accelerator: Precision of the validation.
        base: The base that the adapters were trained on; the same object, unchanged, afterwards.
        adapters: Expert name -> adapter folder.
        validation: Encoded validation examples of all languages.
        languages: All languages of the run.
        row_tokens: Tokens of a forward pass.
        seed: Seed of the run; DARE draws from it.
        folder: Gets the adapter.

    Returns:
        Facts for ``baseline.json``: density, every (space, weight) with its loss, and the one that was kept.

    Raises:
        CheckpointError: An adapter's files are corrupt.
        ModelError: An adapter does not fit the base, or the adapters differ in ranks or modules.
    """
    experts = _read(base, adapters)
    merged = {
        space: merge(method, space, experts, seed_of(seed, f"{method} {space}"), base.model.device) for space in SPACES
    }
    tried: list[dict[str, Any]] = []
    candidate = folder / ".candidate"
    with Bar(f"{method}: validation", None, "merges") as bar:
        for space, expert in merged.items():
            write_adapter(expert, candidate, base=base.spec)
            with adapted(base, candidate) as model, packed_attention(model):
                previous = math.inf
                for weight in WEIGHTS:
                    with rescale_adapter_scale(model, weight):
                        loss = validation_loss(model, validation, languages, row_tokens, accelerator.autocast)
                    tried.append({"space": space, "weight": weight, "validation_loss": loss})
                    bar.advance(1, loss=loss)
                    if not loss < previous:
                        break
                    previous = loss
    shutil.rmtree(candidate)
    best = min(tried, key=lambda row: row["validation_loss"])
    write_adapter(replace(merged[best["space"]], scale=best["weight"]), folder, base=base.spec)
    return {"density": DENSITY, "chosen": best, "tried": tried}


def concatenated(experts: Sequence[LoraExpert], weight: float) -> LoraExpert:
    """Returns the exact weighted sum of the deltas, with the factors side by side (``cat`` of PEFT).

    Args:
        experts: Experts that change the same modules; ranks and scales may differ.
        weight: Weight of each.
    """
    deltas = {
        path: LowRank(
            torch.cat([expert.deltas[path].A_RI.float() * (weight * expert.scale) for expert in experts]),
            torch.cat([expert.deltas[path].B_OR.float() for expert in experts], dim=1),
        )
        for path in _common_paths(experts)
    }
    return LoraExpert("linear", sum(expert.rank for expert in experts), 1.0, deltas)


def merge(
    method: Method, space: Space, experts: Sequence[LoraExpert], seed: int, device: torch.device | str = "cpu"
) -> LoraExpert:
    """Merges experts with weight 1 each by PEFT's arithmetic; the result has scale 1.

    Args:
        method: Which.
        space: See the module.
        experts: Experts that change the same modules; in the space of factors their ranks are equal, too.
        seed: Seed of DARE's choice; the caller's random state is left alone.
        device: Where it is computed.

    Raises:
        ModelError: Ranks or modules differ.
    """
    paths, ranks = _common_paths(experts), [expert.rank for expert in experts]
    if space == "factors" and len(set(ranks)) > 1:
        raise ModelError(f"experts of ranks {ranks} cannot be merged factor by factor: give them one rank")
    device = torch.device(device)
    combine = _COMBINE[method]
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        if space == "factors":
            roots_E = torch.tensor([expert.scale for expert in experts]).sqrt()
            deltas = {path: _combined_factors(combine, experts, path, roots_E, device) for path in paths}
            rank = ranks[0]
        else:
            ones_E, rank = torch.ones(len(experts), device=device), sum(ranks)
            deltas = {
                path: factored(combine([e.delta(path).to(device) for e in experts], ones_E, DENSITY).double(), rank)
                for path in track(paths, f"{method}: merging deltas", unit="modules")
            }
    return LoraExpert(method, rank, 1.0, deltas)


def _combined_factors(
    combine: _Combine, experts: Sequence[LoraExpert], path: str, roots_E: Tensor, device: torch.device
) -> LowRank:
    A_RI, B_OR = (
        combine([factor.float().to(device) for factor in factors], roots_E.to(device), DENSITY).cpu()
        for factors in zip(*(expert.deltas[path] for expert in experts), strict=True)
    )
    return LowRank(A_RI, B_OR)


def _read(base: Base, adapters: Mapping[str, Path]) -> list[LoraExpert]:
    experts = [read_adapter(path, name) for name, path in adapters.items()]
    for expert in experts:
        check_expert(expert, base.model)
    return experts


def _common_paths(experts: Sequence[LoraExpert]) -> list[str]:
    """The modules that the experts change."""
    paths = experts[0].deltas.keys()
    for expert in experts:
        if odd := sorted(expert.deltas.keys() ^ paths):
            raise ModelError(
                f"experts {experts[0].name!r} and {expert.name!r} change different modules ({len(odd)}, the first is "
                f"{odd[0]}): a merge needs the same experts.targets"
            )
    return list(paths)
