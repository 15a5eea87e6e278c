"""The factored block under tensor parallelism: split by hidden unit, with one all-reduce.

The hidden units are split over the processes, which are called ranks here. Each rank holds its share of the hidden
units in the base's gate, up and down projection, in the factors B of the gate and up projection, and in the factor A of
the down projection.

    h_e  = silu(G x + s B_g^e A_g^e x) * (U x + s B_u^e A_u^e x)          own hidden units, no exchange
    y    = sum over ranks of [ D sum_e w_e h_e + sum_e s w_e B_d^e (A_d^e h_e) ]

On each rank, A_d^e h_e is only one term of a sum over ranks. Because B_d is linear, it can be applied before the sum is
taken, so both terms of y share the one all-reduce that the base needs anyway. The algebra and the masks are those of
``model.block``, where they are explained. All operations are dense, their shapes depend only on the number of tokens,
and none synchronises with the host, so the block is captured in CUDA graphs like the rest of a layer. This module does
not depend on vLLM.

Shapes: T tokens, D model, F hidden units of this rank, E experts, K top-k, R greatest LoRA rank, N = E R, P = 2 (gate
and up projection). In the factors and in products with them, E does not count the anchor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moesaic.model.router import top_experts
from moesaic.vllm_plugin.layout import RoutedSettings


class RoutedMLP(nn.Module):
    """A routed MLP around the base's projections.

    Args:
        mlp: The MLP of the base. Its ``gate_up_proj`` and ``down_proj`` are used unchanged. As vLLM's linear layers do,
            both return a pair whose first element is the product. Neither may sum over ranks.
        hidden_size: D, the width of the model.
        intermediate_size: The number of hidden units of all ranks together.
        settings: The settings that all routed blocks share.
        rank: The index of this process.
        num_ranks: The number of processes.
        all_reduce: Returns the sum of a tensor over ranks.
    """

    scale_E: Tensor

    def __init__(
        self,
        mlp: Any,
        hidden_size: int,
        intermediate_size: int,
        settings: RoutedSettings,
        rank: int = 0,
        num_ranks: int = 1,
        all_reduce: Callable[[Tensor], Tensor] = lambda y_TD: y_TD,
    ) -> None:
        super().__init__()
        self.gate_up_proj = mlp.gate_up_proj
        self.down_proj = mlp.down_proj
        self.top_k = settings.top_k
        self.num_experts = len(settings.experts)
        self._rank, self._all_reduce = rank, all_reduce
        num_adapted, own = len(settings.scales), intermediate_size // num_ranks

        def parameter(*shape: int, split: bool = False, dtype: torch.dtype | None = None) -> nn.Parameter:
            made = nn.Parameter(torch.empty(*shape, dtype=dtype), requires_grad=False)
            made.weight_loader = self._load_part if split else _load_whole  # type: ignore[attr-defined]
            return made

        self.router_ED = parameter(self.num_experts, hidden_size, dtype=torch.float32)
        self.gate_up_A_PERD = parameter(2, num_adapted, settings.rank, hidden_size)
        self.gate_up_B_PERF = parameter(2, num_adapted, settings.rank, own, split=True)
        self.down_A_ERF = parameter(num_adapted, settings.rank, own, split=True)
        self.down_B_ERD = parameter(num_adapted, settings.rank, hidden_size)
        self.register_buffer("scale_E", torch.tensor(settings.scales, dtype=torch.float32), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Applies the block to tokens of any leading shape, ``(..., D)``."""
        x_TD = x.reshape(-1, x.shape[-1])
        gate_TF, up_TF = self.gate_up_proj(x_TD)[0].chunk(2, dim=-1)
        logits_TE = F.linear(x_TD.float(), self.router_ED)  # in half precision, close logits would be ordered wrongly
        low_TPN = F.linear(x_TD, self.gate_up_A_PERD.flatten(0, 2))
        low_TPER = low_TPN.view(len(x_TD), 2, len(self.scale_E), -1)
        add = self._every_expert if self.top_k == self.num_experts else self._top_experts
        h_TF, down_TN = add(low_TPER, gate_TF, up_TF, logits_TE)
        y_TD = torch.addmm(self.down_proj(h_TF)[0], down_TN, self.down_B_ERD.flatten(0, 1))
        return self._all_reduce(y_TD).view(x.shape)

    def _top_experts(
        self, low_TPER: Tensor, gate_TF: Tensor, up_TF: Tensor, logits_TE: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Computes one of the top-k slots after the other.

        In a slot, each token has one expert. The low-rank products of all other experts are masked with zeros.
        """
        weights_TK, chosen_TKE = top_experts(logits_TE, self.top_k)
        mask_TKE = (chosen_TKE[:, :, : len(self.scale_E)] * self.scale_E).to(gate_TF.dtype)
        gate_B_NF, up_B_NF = self.gate_up_B_PERF.flatten(1, 2).unbind()
        h_TF, down_TN = None, None
        for k in range(self.top_k):
            mask_TE1 = mask_TKE[:, k, :, None]
            low_TPN = (low_TPER * mask_TE1[:, None]).flatten(2)
            slot_TF = _hidden(gate_TF, up_TF, low_TPN[:, 0] @ gate_B_NF, low_TPN[:, 1] @ up_B_NF)
            slot_TF = slot_TF * weights_TK[:, k : k + 1].to(gate_TF.dtype)
            low_TER = F.linear(slot_TF, self.down_A_ERF.flatten(0, 1)).view(len(slot_TF), len(self.scale_E), -1)
            slot_TN = (low_TER * mask_TE1).flatten(1)
            h_TF = slot_TF if h_TF is None else h_TF + slot_TF
            down_TN = slot_TN if down_TN is None else down_TN + slot_TN
        assert h_TF is not None
        assert down_TN is not None
        return h_TF, down_TN

    def _every_expert(
        self, low_TPER: Tensor, gate_TF: Tensor, up_TF: Tensor, logits_TE: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Computes one expert after the other; no mask is needed, because every token uses all experts."""
        weights_TE = logits_TE.softmax(-1).to(gate_TF.dtype)
        total_TF, low = torch.zeros_like(gate_TF), []
        for e in range(self.num_experts):
            if e < len(self.scale_E):
                low_TPR = low_TPER[:, :, e] * self.scale_E[e].to(gate_TF.dtype)
                own = [low_TPR[:, p] @ self.gate_up_B_PERF[p, e] for p in range(2)]
                h_TF = _hidden(gate_TF, up_TF, *own) * weights_TE[:, e : e + 1]
                low.append(F.linear(h_TF, self.down_A_ERF[e]) * self.scale_E[e].to(gate_TF.dtype))
            else:
                h_TF = F.silu(gate_TF) * up_TF * weights_TE[:, e : e + 1]
            total_TF = total_TF + h_TF
        return total_TF, torch.cat(low, dim=-1)

    def _load_part(self, parameter: Tensor, loaded: Tensor) -> None:
        """Loads this rank's share of the hidden units, which are the last axis."""
        own = parameter.shape[-1]
        _load_whole(parameter, loaded.narrow(-1, self._rank * own, own))


def _hidden(gate_TF: Tensor, up_TF: Tensor, own_gate_TF: Tensor, own_up_TF: Tensor) -> Tensor:
    return F.silu(own_gate_TF + gate_TF) * (own_up_TF + up_TF)


def _load_whole(parameter: Tensor, loaded: Tensor) -> None:
    if parameter.shape != loaded.shape:
        raise ValueError(f"a tensor of shape {tuple(loaded.shape)} for a parameter of {tuple(parameter.shape)}")
    parameter.data.copy_(loaded)
