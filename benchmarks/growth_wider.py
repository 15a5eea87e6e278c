"""Increases the rank of a trained dense adapter without changing its function."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import torch

from moesaic.errors import ModelError
from moesaic.model.lora import LowRank, read_adapter, write_adapter
from moesaic.recipe import ExpertsRecipe
from moesaic.train.experts import seed_of


def write_wider(source: Path, options: ExpertsRecipe, seed: int, folder: Path) -> None:
    """Writes an adapter with added ranks, whose rows of A are drawn as in PEFT and whose columns of B are zero.

    Args:
        source: The adapter.
        options: The rank, alpha and modules of the result.
        seed: Seed of the added ranks.
        folder: Folder of the result.

    Raises:
        ModelError: The adapter has a higher rank, a different scale or different modules.
    """
    expert = read_adapter(source)
    scale, modules = options.alpha / options.rank, {path.rpartition(".")[2] for path in expert.deltas}
    more = options.rank - expert.rank
    if more < 0 or not math.isclose(expert.scale, scale) or modules != set(options.target_modules()):
        raise ModelError(
            f"--first-dense: {source} has rank {expert.rank}, scale {expert.scale:g} and deltas on "
            f"{', '.join(sorted(modules))}; the dense arms have rank {options.rank}, scale {scale:g} and deltas on "
            f"{', '.join(options.target_modules())} (experts.rank, experts.alpha, experts.targets)"
        )
    generator = torch.Generator().manual_seed(seed_of(seed, "wider"))
    deltas = {}
    for path, (A_RI, B_OR) in expert.deltas.items():
        bound = 1 / math.sqrt(A_RI.shape[1])  # Kaiming's uniform distribution with a = sqrt(5)
        drawn_SI = (torch.rand(more, A_RI.shape[1], generator=generator) * 2 - 1) * bound
        zeros_OS = torch.zeros(B_OR.shape[0], more)
        deltas[path] = LowRank(torch.cat([A_RI, drawn_SI.to(A_RI)]), torch.cat([B_OR, zeros_OS.to(B_OR)], dim=1))
    write_adapter(replace(expert, rank=options.rank, deltas=deltas), folder)


if __name__ == "__main__":
    raise SystemExit("growth_wider.py is a part of other scripts: run growth.py")
