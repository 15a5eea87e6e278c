"""Merges experts into one adapter: baselines that need no gates.

    linear      exact mean of the deltas: model soups (Wortsman et al. 2022)
    ties        keep the largest entries, elect a sign, average the entries that agree (Yadav et al. 2023, section 3)
    dare_ties   keep random entries and rescale them, then continue as TIES (Yu et al. 2024, section 3.2)

The arithmetic is PEFT's (``peft.utils.merge_utils``, which ``add_weighted_adapter`` uses). It runs on adapters read
from disk, so the base is not changed. PEFT offers each method in two spaces:

    factors     merges A and B separately, with the square root of weight x scale (``linear``, ``ties``, ``dare_ties``).
                The product of the merged factors is not the merge of the products, because it contains B_i A_j of
                different experts.
    deltas      merges the full deltas scale * B A, and factors the result by SVD (``svd``, ``ties_svd``,
                ``dare_ties_svd``)

``linear`` needs neither: PEFT's ``cat`` stacks the factors, which gives the exact mean of the deltas, with the sum of
the ranks as its rank. TIES and DARE are computed in both spaces; merged deltas are reduced to the sum of the ranks.
Each merge is scaled by a global weight, which is raised until the validation loss rises, and the merge with the lowest
loss of all is kept. (Both methods are linear in a weight that all experts share, so each merge is computed only once.)
All weights with their losses are written to ``baseline.json``.

PEFT 0.18 omits DARE's rescaling (its ``random_pruning`` drops the quotient), which the global weight compensates. Its
merges of deltas apply the scale twice; here the scale is applied once, as in later releases.

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
"""Global weights, tried in this order until the loss rises; 1 gives the mean of the entries that agree."""

SPACES: tuple[Space, ...] = ("factors", "deltas")
"""The spaces in which TIES and DARE merge."""

NUM_MERGES = len(SPACES) * len(WEIGHTS)
"""The largest number of merges that are validated for one method."""

_Combine = Callable[[list[Tensor], Tensor, float], Tensor]
_COMBINE: dict[Method, _Combine] = {"ties": merge_utils.ties, "dare_ties": merge_utils.dare_ties}


def merge_linear(base: Base, adapters: Mapping[str, Path], folder: Path) -> dict[str, Any]:
    """Writes the mean of the experts' deltas as a PEFT adapter.

    Args:
        base: The base that the adapters were trained on.
        adapters: Expert name -> adapter folder.
        folder: Folder for the adapter, whose rank is the sum of the ranks.

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
        method: Method of merging.
        accelerator: Precision of the validation.
        base: The base that the adapters were trained on. It is changed in place and restored afterwards.
        adapters: Expert name -> adapter folder.
        validation: Encoded validation examples of all languages.
        languages: All languages of the run.
        row_tokens: Tokens per forward pass.
        seed: Seed of the run, which determines the entries that DARE keeps.
        folder: Folder for the adapter.

    Returns:
        Facts for ``baseline.json``: the density, each (space, weight) with its loss, and the one that was chosen.

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
    """Returns the exact weighted sum of the deltas as one expert with stacked factors (PEFT's ``cat``).

    Args:
        experts: Experts that change the same modules; ranks and scales may differ.
        weight: Weight of each expert.

    Raises:
        ModelError: The experts change different modules.
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
    """Merges experts with weight 1 each, using PEFT's arithmetic; the result has scale 1.

    Args:
        method: Method of merging.
        space: Space in which to merge, as described in the module's docstring.
        experts: Experts that change the same modules; in the space ``factors`` their ranks must be equal, too.
        seed: Seed of the entries that DARE keeps. The caller's random state does not change.
        device: Device of the computation.

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
    """Returns the paths of the modules that the experts change; raises ``ModelError`` if they differ."""
    paths = experts[0].deltas.keys()
    for expert in experts:
        if odd := sorted(expert.deltas.keys() ^ paths):
            raise ModelError(
                f"experts {experts[0].name!r} and {expert.name!r} change different modules ({len(odd)}, the first is "
                f"{odd[0]}): a merge needs the same experts.targets"
            )
    return list(paths)
