"""The factored Mixture-of-Experts block: many LoRA experts that share one base MLP.

Expert e is the base MLP (gate G, up U, down D) with low-rank deltas. For a token x with gate weights w_e:

    h_e = silu(G x + B_g^e A_g^e x) * (U x + B_u^e A_u^e x)
    y   = D (sum_e w_e h_e) + sum_e w_e B_d^e A_d^e h_e          because D is linear

This equals a Mixtral block whose expert e has the weights W + B A (docs/exactness.md), but G, U and D are stored, read
and multiplied once for all experts, quantised or not. Routing is a mask over the concatenated ranks of all experts,
``((x A^T) * mask) B``. It needs only small dense matrix products, and no sorting, gathering or host synchronisation. In
return, low-rank products are computed for all E experts in each of the K slots, about 3 K E R / (3 D) of the base MLP.

The last expert may be the anchor, which is the base without any delta. It has a row in the gate and nothing else. In a
slot that is routed to it, all ranks are masked, so it costs no parameters and no products.

Shapes: T tokens, D model, F hidden, E experts, K top-k, S = T K slots, R greatest LoRA rank, N = E R, P = 2 (gate and
up projection). In the factors and in products with them, E does not count the anchor.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from moesaic.model.lora import LoraExpert, LowRank
from moesaic.model.router import Router, Routing
from moesaic.model.stacks import Stack, products

BASE = -1
"""Value of ``FactoredMoE.forced`` with which the block computes the base MLP without any delta."""


class FactoredMoE(nn.Module):
    """A routed MLP: the base's projections, the low-rank factors of every expert, and a gate.

    The factors are stacked over experts and padded with zeros to the greatest rank. The padding has zero gradients, so
    it stays zero in training. Factors of another type than the tokens (float32 masters in a bfloat16 model) are cast in
    the forward pass.

    Args:
        mlp: The MLP of the base. Its ``gate_proj``, ``up_proj`` and ``down_proj``, plain or quantised, are used
            unchanged.
        path: Path of ``mlp`` in the model.
        experts: The experts in order; an anchor is last. Modules of this block without a delta get a delta of zeros.
        router: A gate for the same number of experts.
        dtype: Type of the factors.
        device: Device of the factors.
    """

    scale_E: Tensor

    def __init__(
        self,
        mlp: nn.Module,
        path: str,
        experts: Sequence[LoraExpert],
        router: Router,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        super().__init__()
        self.gate_proj: Any = mlp.gate_proj
        self.up_proj: Any = mlp.up_proj
        self.down_proj: Any = mlp.down_proj
        self.router = router
        self.base = (mlp,)  # a tuple, so that it is not registered as a submodule, too; decompose restores it
        self.path = path
        adapted = [expert for expert in experts if not expert.is_anchor]
        self.names = tuple(expert.name for expert in experts)
        self.ranks = tuple(expert.rank for expert in experts)
        self.scales = tuple(expert.scale for expert in experts)
        self.forced: int | None = None
        self.recompute = False  # see train.checkpointing

        def stacked(factor: int, *projections: str) -> nn.Parameter:
            """Stacks the factors of all experts: ``(P, E, R, size)`` or ``(E, R, size)``, where B is transposed."""
            size = getattr(getattr(mlp, projections[0]), "in_features" if factor == 0 else "out_features")
            stack = torch.zeros(len(projections), len(adapted), max(self.ranks), size, dtype=dtype, device=device)
            for p, projection in enumerate(projections):
                for e, expert in enumerate(adapted):
                    pair = expert.deltas.get(f"{path}.{projection}")
                    if pair is not None:
                        stack[p, e, : expert.rank] = pair[factor] if factor == 0 else pair[factor].T
            return nn.Parameter(stack if len(projections) > 1 else stack[0])

        self.gate_up_A_PERD = stacked(0, "gate_proj", "up_proj")
        self.gate_up_B_PERF = stacked(1, "gate_proj", "up_proj")
        self.down_A_ERF = stacked(0, "down_proj")
        self.down_B_ERD = stacked(1, "down_proj")
        self.register_buffer(
            "scale_E", torch.tensor([expert.scale for expert in adapted], device=device), persistent=False
        )

    def extra_repr(self) -> str:
        """Returns the text that ``print(model)`` shows."""
        return f"experts={list(self.names)}, ranks={list(self.ranks)}"

    def forward(self, x: Tensor, stack: Stack | None = None) -> Tensor:
        """Applies the block to tokens of any leading shape, ``(..., D)``.

        Args:
            x: The tokens.
            stack: The weights of gate and up projection as one matrix, possibly followed by ``gate_up_A_PERD``; None if
                they are not stacked (``stacks``).
        """
        x_TD = x.reshape(-1, x.shape[-1])
        gate_TF, up_TF, *low = products((self.gate_proj, self.up_proj), stack, x_TD)
        if self.forced is not None:
            y_TD = self._one_expert(x_TD, gate_TF, up_TF, self.forced)
        else:
            routing = self.router(x_TD)
            if routing.experts_TK.shape[1] == len(self.names):
                y_TD = self._all_experts(x_TD, gate_TF, up_TF, routing)
            else:
                low_TPN = low[0] if low else F.linear(x_TD, self.gate_up_A_PERD.flatten(0, 2).to(x_TD.dtype))
                y_TD = self._top_experts(low_TPN, gate_TF, up_TF, routing)
        return y_TD.reshape(x.shape)

    def expert(self, index: int) -> dict[str, LowRank]:
        """Returns copies of one expert's factors by module path, without padding; empty for the anchor."""
        rank = self.ranks[index]
        if rank == 0:
            return {}
        stacks = {
            "gate_proj": (self.gate_up_A_PERD[0], self.gate_up_B_PERF[0]),
            "up_proj": (self.gate_up_A_PERD[1], self.gate_up_B_PERF[1]),
            "down_proj": (self.down_A_ERF, self.down_B_ERD),
        }
        return {
            f"{self.path}.{projection}": LowRank(
                A_ERI.detach()[index, :rank].clone(), B_ERO.detach()[index, :rank].T.contiguous()
            )
            for projection, (A_ERI, B_ERO) in stacks.items()
        }

    def _top_experts(self, low_TPN: Tensor, gate_TF: Tensor, up_TF: Tensor, routing: Routing) -> Tensor:
        """Computes all K slots together.

        In a slot, each token has one expert. The low-rank products of all other experts are masked with zeros.
        """
        (num_tokens, top_k), dtype = routing.experts_TK.shape, low_TPN.dtype
        num_adapted = len(self.scale_E)
        low_TPER = low_TPN.view(num_tokens, 2, num_adapted, -1)
        assert routing.chosen_TKE is not None
        mask_TKE = (routing.chosen_TKE[:, :, :num_adapted] * self.scale_E).to(dtype)
        low_SPN = (low_TPER[:, None] * mask_TKE[:, :, None, :, None]).flatten(3).flatten(0, 1)
        weights_TK1 = routing.weights_TK[:, :, None].to(dtype)
        slots = self._slots if torch.is_grad_enabled() else self._at_once
        h_TF, low_TKN = self._again(slots, low_SPN, gate_TF, up_TF, weights_TK1)
        low_TKER = low_TKN.view(num_tokens, top_k, num_adapted, -1)
        down_TN = (low_TKER * mask_TKE[:, :, :, None]).sum(1).flatten(1)
        return torch.addmm(self.down_proj(h_TF), down_TN, self.down_B_ERD.flatten(0, 1).to(dtype))

    def _slots(self, low_SPN: Tensor, gate_TF: Tensor, up_TF: Tensor, weights_TK1: Tensor) -> tuple[Tensor, Tensor]:
        """Computes the weighted activations of all slots.

        Returns:
            Their sum over slots, ``(T, F)``, and their products with the factors A of down, ``(T, K, N)``.
        """
        (num_tokens, top_k, _), dtype = weights_TK1.shape, low_SPN.dtype
        gate_B_NF, up_B_NF = self.gate_up_B_PERF.flatten(1, 2).to(dtype).unbind()
        A_NF = self.down_A_ERF.flatten(0, 1).to(dtype)
        low_TKPN = low_SPN.view(num_tokens, top_k, 2, -1)
        h_TF, low_TN = [], []
        for k in range(top_k):  # one by one: a compiler then sums slots and gradients in the kernels that compute them
            own_gate_TF, own_up_TF = low_TKPN[:, k, 0] @ gate_B_NF, low_TKPN[:, k, 1] @ up_B_NF
            h_TF.append(F.silu(own_gate_TF + gate_TF) * (own_up_TF + up_TF) * weights_TK1[:, k])
            low_TN.append(F.linear(h_TF[k], A_NF))
        return functools.reduce(torch.add, h_TF), torch.stack(low_TN, dim=1)

    def _at_once(self, low_SPN: Tensor, gate_TF: Tensor, up_TF: Tensor, weights_TK1: Tensor) -> tuple[Tensor, Tensor]:
        """Computes ``_slots`` without gradients in one product, because few kernels make a decoding step fast."""
        dtype, shape = low_SPN.dtype, (*weights_TK1.shape[:2], -1)
        own_PSF = torch.bmm(low_SPN.transpose(0, 1), self.gate_up_B_PERF.flatten(1, 2).to(dtype))
        gate_TKF, up_TKF = (own_SF.view(shape) for own_SF in own_PSF.unbind())
        if torch.compiler.is_compiling():  # stores no intermediate values anyway; in place, it would fix T
            h_TKF = F.silu(gate_TKF + gate_TF[:, None]) * (up_TKF + up_TF[:, None]) * weights_TK1
        else:  # in place, with which prompts take a quarter less time on a CPU (docs/lab-log.md, 2026-11-24)
            h_TKF = F.silu(gate_TKF.add_(gate_TF[:, None]), inplace=True)
            h_TKF = h_TKF.mul_(up_TKF.add_(up_TF[:, None])).mul_(weights_TK1)
        return h_TKF.sum(1), F.linear(h_TKF, self.down_A_ERF.flatten(0, 1).to(dtype))

    def _all_experts(self, x_TD: Tensor, gate_TF: Tensor, up_TF: Tensor, routing: Routing) -> Tensor:
        """Computes every expert for every token, one after the other, which needs no mask."""
        weights_TE = torch.zeros_like(routing.probs_TE).scatter(1, routing.experts_TK, routing.weights_TK)
        weights_ET1 = weights_TE.T[:, :, None].to(gate_TF.dtype)
        slots = [self._again(self._slot, x_TD, gate_TF, up_TF, weights_ET1[e], e) for e in range(len(self.names))]
        y_TD: Tensor = self.down_proj(torch.stack([h_TF for h_TF, _ in slots]).sum(0))
        for e, (_, low_TR) in enumerate(slots[: len(self.scale_E)]):
            y_TD = self._add_down(y_TD, low_TR, e)
        return y_TD

    def _slot(self, x_TD: Tensor, gate_TF: Tensor, up_TF: Tensor, weight_T1: Tensor, e: int) -> tuple[Tensor, Tensor]:
        """Computes the weighted activations of an expert, and their product with its factor A of down.

        For the anchor, the second result is empty.
        """
        if self.ranks[e] == 0:
            return F.silu(gate_TF) * up_TF * weight_T1, weight_T1.new_empty(0)
        h_TF = self._hidden(x_TD, gate_TF, up_TF, e) * weight_T1
        return h_TF, F.linear(h_TF, self.down_A_ERF[e].to(h_TF.dtype))

    def _again(self, function: Callable[..., tuple[Tensor, Tensor]], *args: Any) -> tuple[Tensor, Tensor]:
        """Calls a function; with ``recompute``, its intermediate values are computed again in the backward pass."""
        if self.recompute and torch.is_grad_enabled():
            again: tuple[Tensor, Tensor] = checkpoint(function, *args, use_reentrant=False, preserve_rng_state=False)
            return again
        return function(*args)

    def _one_expert(self, x_TD: Tensor, gate_TF: Tensor, up_TF: Tensor, index: int) -> Tensor:
        is_base = index == BASE or self.ranks[index] == 0
        h_TF = F.silu(gate_TF) * up_TF if is_base else self._hidden(x_TD, gate_TF, up_TF, index)
        y_TD: Tensor = self.down_proj(h_TF)
        if is_base:
            return y_TD
        return self._add_down(y_TD, F.linear(h_TF, self.down_A_ERF[index].to(h_TF.dtype)), index)

    def _hidden(self, x_TD: Tensor, gate_TF: Tensor, up_TF: Tensor, e: int) -> Tensor:
        """Computes the activations h_e of one expert, given the base's products, which all experts share."""
        low_TPR = F.linear(x_TD, self.gate_up_A_PERD[:, e].flatten(0, 1).to(x_TD.dtype)).view(x_TD.shape[0], 2, -1)
        low_TPR = low_TPR * self.scales[e]
        gate_B_RF, up_B_RF = self.gate_up_B_PERF[:, e].to(low_TPR.dtype)
        gate_TF = torch.addmm(gate_TF, low_TPR[:, 0], gate_B_RF)
        up_TF = torch.addmm(up_TF, low_TPR[:, 1], up_B_RF)
        return F.silu(gate_TF) * up_TF

    def _add_down(self, y_TD: Tensor, low_TR: Tensor, e: int) -> Tensor:
        return torch.addmm(y_TD, low_TR * self.scales[e], self.down_B_ERD[e].to(low_TR.dtype))
