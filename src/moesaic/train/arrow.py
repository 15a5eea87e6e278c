"""Arrow: routes every projection by the experts' own deltas, without training (Ostapenko et al. 2024, 4.2).

In each projection, the prototype of an expert is the direction that its delta stretches most: the first right singular
vector v_e of B_e A_e. A token x goes to the k experts with the greatest |v_e . x|, weighted by a softmax over these
scores:

    y = W x + sum_e c_e(x) scale_e B_e A_e x

PEFT's ``create_arrow_model`` makes the model and its prototypes. PEFT's own forward pass computes the full output of
every expert (tokens x experts x outputs) and copies the scales from the host on every call, which a CUDA graph cannot
replay. ``StackedArrow`` computes the same function by applying the coefficients to the low-rank activations. This takes
two small products per projection, and generation can use CUDA graphs.

Shapes: T tokens, E experts, K top-k, R rank, I in, O out, N = E R.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from peft import ArrowConfig, create_arrow_model
from peft.tuners.lora.arrow import ArrowLoraLinearLayer
from torch import Tensor, nn

from moesaic.model.backbone import Base
from moesaic.model.lora import check_expert, read_adapter
from moesaic.train.injection import cast_factors, quiet_peft, take_out

ROUTER = "arrow_router"
"""The name that PEFT gives to the routing adapter."""


class StackedArrow(ArrowLoraLinearLayer):  # type: ignore[misc]
    """PEFT's Arrow layer with a forward pass that reads nothing from the host.

    Args:
        in_features: Number of inputs of the projection, I.
        config: PEFT's configuration, with the names of the experts' adapters.
        lora_A: Adapter name -> linear module with A_RI.
        lora_B: Adapter name -> linear module with B_OR.
        scaling: Adapter name -> scale.
        dtype: Number format of the products. Scores are computed in float32.
    """

    A_NI: Tensor
    B_ON: Tensor

    def __init__(
        self,
        in_features: int,
        config: ArrowConfig,
        lora_A: nn.ModuleDict,
        lora_B: nn.ModuleDict,
        scaling: Mapping[str, float],
        dtype: torch.dtype,
    ) -> None:
        super().__init__(in_features, config)
        self.build_prototypes(lora_A, lora_B)
        names = self.task_adapter_names
        A_NI = torch.cat([_weight(lora_A[name]) for name in names])
        B_ON = torch.cat([_weight(lora_B[name]) * scaling[name] for name in names], dim=1)
        self.register_buffer("A_NI", A_NI.to(dtype), persistent=False)
        self.register_buffer("B_ON", B_ON.to(dtype), persistent=False)

    def coefficients(self, x_TI: Tensor) -> Tensor:
        """Returns the weights of the experts for each token, (T, E), float32; K of them are positive and sum to 1."""
        scores_TE = (x_TI.float() @ self.prototypes.float().T).abs()
        scores_TK, experts_TK = scores_TE.topk(self.top_k, dim=1)
        weights_TK = (scores_TK / self.temperature).softmax(dim=1)
        return torch.zeros_like(scores_TE).scatter(1, experts_TK, weights_TK)

    def forward(self, x: Tensor, lora_A: Any, lora_B: Any, dropout: Any, scaling: Any) -> Tensor:
        """Returns the routed delta of ``x``, (..., I) -> (..., O). PEFT passes the other arguments; they are unused."""
        x_TI = x.reshape(-1, x.shape[-1])
        c_TE = self.coefficients(x_TI)
        low_TER = F.linear(x_TI, self.A_NI).view(len(x_TI), c_TE.shape[1], -1)
        low_TN = (low_TER * c_TE[:, :, None].to(low_TER.dtype)).flatten(1)
        return F.linear(low_TN, self.B_ON).view(*x.shape[:-1], -1)


@contextmanager
def arrow_model(base: Base, adapters: Sequence[Path], top_k: int, seed: int) -> Iterator[Any]:
    """Adds Arrow routing over adapters to the base inside the context and removes it afterwards.

    Args:
        base: The base model. It is changed in place and restored afterwards.
        adapters: Adapter folders of equal rank and targets.
        top_k: Experts per token.
        seed: Seed of the power iteration that finds the prototypes.

    Yields:
        The base's causal language model, which now computes with the routed adapters.

    Raises:
        CheckpointError: An adapter's files are corrupt.
        ModelError: An adapter does not fit the base.
    """
    for folder in adapters:  # checked here, because PEFT's own errors would not name the file
        check_expert(read_adapter(folder), base.model)
    config = ArrowConfig(top_k=top_k, rng_seed=seed)
    try:
        with quiet_peft():
            create_arrow_model(
                base.model, [str(folder) for folder in adapters], config, torch_device=str(base.model.device)
            )
        for module in [module for module in base.model.modules() if hasattr(module, "lora_arrow")]:
            module.lora_arrow[ROUTER] = StackedArrow(
                module.in_features, config, module.lora_A, module.lora_B, module.scaling, base.model.dtype
            )
        cast_factors(base.model, base.model.dtype)
        yield base.model.eval()
    finally:
        take_out(base.model)


def _weight(module: nn.Module) -> Tensor:
    weight: Tensor = module.weight.detach()  # type: ignore[operator]
    return weight
