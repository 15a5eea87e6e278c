"""The gate: chooses the experts of each token and their weights.

A ``Router`` has no side effects: it keeps no counters and no losses. The ``Routing`` that it returns describes a
forward pass completely; balance losses, statistics and traces are functions of it and of a token mask.

``moesaic.gates`` lists the kinds of gates; this module has the rule of each kind.

Source: Shazeer et al. 2017, "Outrageously Large Neural Networks", section 2.1 and appendix A (arXiv:1701.06538);
Jiang et al. 2024, "Mixtral of Experts", section 2.1 (arXiv:2401.04088).

Shapes: T tokens, D model, E experts (F: the experts an expert is compared with), K top-k.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moesaic.errors import ModelError
from moesaic.gates import GATES, GateKind, experts_per_token


class Routing(NamedTuple):
    """The experts and weights that a gate chose for each token.

    Attributes:
        weights_TK: Gate weights of the chosen experts, summing to 1 over K; float32 or wider.
        experts_TK: Index of the expert in each slot: in descending order of weight for the top-k kinds, ``0 .. E-1``
            for ``softmax``.
        probs_TE: Softmax over all experts of the logits without noise.
        logits_TE: Logits without noise.
        load_TE: Probability that the expert would be chosen with a new draw of its noise (Shazeer et al. 2017, equation
            9); None unless the gate is noisy and in training.
        chosen_TKE: ``experts_TK`` as truth values, of which one is true in each slot; None for ``softmax``.
    """

    weights_TK: Tensor
    experts_TK: Tensor
    probs_TE: Tensor
    logits_TE: Tensor
    load_TE: Tensor | None = None
    chosen_TKE: Tensor | None = None


class Router(nn.Module):
    """A gate: a linear layer without bias whose logits choose the experts.

    It is computed in float32, whatever the type of the model, because rounding to half precision would change which
    logits are greatest. The weights start at zero, so that all experts have equal probabilities and the choices of a
    noisy gate depend only on the noise (Shazeer et al. 2017, appendix A). Of equal logits, that of the expert with the
    lower index counts as greater.

    Args:
        hidden: Size D of the token vectors.
        num_experts: Number E of experts.
        kind: Kind of the gate; see ``moesaic.gates``.
        top_k: Number K of experts per token; for ``softmax`` it is E and may be left out.

    Raises:
        ModelError: The kind is unknown, or top_k is not between 1 and E, or not E for ``softmax``.
    """

    weight_ED: nn.Parameter
    noise_ED: nn.Parameter | None

    def __init__(self, hidden: int, num_experts: int, kind: GateKind = "top_k", top_k: int | None = None) -> None:
        super().__init__()
        self.kind: GateKind = kind
        self.num_experts = num_experts
        self.top_k = experts_per_token(kind, top_k, num_experts)
        if top_k not in (None, self.top_k):
            raise ModelError(
                f"a {kind} gate uses all {num_experts} experts, but top_k is {top_k}: drop top_k or use kind top_k"
            )
        self.weight_ED = nn.Parameter(torch.zeros(num_experts, hidden))
        noise = nn.Parameter(torch.zeros(num_experts, hidden)) if GATES[kind].is_noisy else None
        self.register_parameter("noise_ED", noise)

    def extra_repr(self) -> str:
        """Returns the text that ``print(model)`` shows."""
        return f"kind={self.kind}, num_experts={self.num_experts}, top_k={self.top_k}"

    def forward(self, x_TD: Tensor) -> Routing:
        """Routes tokens, ``(T, D)``. In training mode, a noisy gate draws noise from torch's default generator."""
        with torch.autocast(x_TD.device.type, enabled=False):
            x_TD = x_TD.to(torch.promote_types(x_TD.dtype, torch.float32))
            logits_TE = F.linear(x_TD, self.weight_ED.to(x_TD.dtype))
            return RULES[self.kind](self, x_TD, logits_TE)


def _route_to_all(_router: Router, x_TD: Tensor, logits_TE: Tensor) -> Routing:
    probs_TE = logits_TE.softmax(dim=-1)
    experts_TK = torch.arange(logits_TE.shape[-1], device=x_TD.device).expand_as(logits_TE)
    return Routing(probs_TE, experts_TK, probs_TE, logits_TE)


def _route_to_top(router: Router, _x_TD: Tensor, logits_TE: Tensor) -> Routing:
    probs_TE = logits_TE.softmax(dim=-1)
    if logits_TE.device.type == "cpu" and not torch.is_grad_enabled():
        weights_TK, experts_TK, chosen_TKE = sorted_experts(logits_TE, router.top_k)
        return Routing(weights_TK, experts_TK, probs_TE, logits_TE, None, chosen_TKE)
    weights_TK, chosen_TKE = top_experts(logits_TE, router.top_k)
    return Routing(weights_TK, _indices(chosen_TKE), probs_TE, logits_TE, None, chosen_TKE)


def _route_with_noise(router: Router, x_TD: Tensor, logits_TE: Tensor) -> Routing:
    if router.noise_ED is None or not router.training:
        return _route_to_top(router, x_TD, logits_TE)
    # Equation 4: the standard deviation of the noise is a trained function of the token.
    std_TE = F.softplus(F.linear(x_TD, router.noise_ED.to(x_TD.dtype)))
    noisy_TE = logits_TE + torch.randn_like(logits_TE) * std_TE
    weights_TK, chosen_TKE = top_experts(noisy_TE, router.top_k)
    load_TE = smooth_load(logits_TE, noisy_TE, std_TE, router.top_k)
    return Routing(weights_TK, _indices(chosen_TKE), logits_TE.softmax(dim=-1), logits_TE, load_TE, chosen_TKE)


RULES: Final[dict[GateKind, Callable[[Router, Tensor, Tensor], Routing]]] = {
    "softmax": _route_to_all,
    "top_k": _route_to_top,
    "noisy_top_k": _route_with_noise,
}
"""Kind of a gate -> the function that routes tokens, given the gate, the tokens and the logits without noise."""


def top_experts(logits_TE: Tensor, top_k: int) -> tuple[Tensor, Tensor]:
    """Chooses the experts with the greatest logits, in descending order; of equal logits the lower index comes first.

    The result is that of ``topk`` and a softmax over the chosen logits, but the order is found by counting how many
    logits are greater than each. For a few experts, these are a handful of element-wise operations, which a compiler
    fuses with the operations around them, whereas ``topk`` and its sort would be separate kernels in every block. The
    values that are computed once (positions in the order, exponentials) have the shape of the logits and form one
    kernel; everything else is cheap enough to be recomputed wherever it is used.

    Args:
        logits_TE: Logits.
        top_k: Number K of experts per token.

    Returns:
        The weights, ``(T, K)``, and the experts as truth values, ``(T, K, E)``.
    """
    index_E = torch.arange(logits_TE.shape[-1], device=logits_TE.device)
    value_TEF, other_TEF = logits_TE[:, :, None], logits_TE[:, None, :]
    is_before_TEF = (other_TEF > value_TEF) | ((other_TEF == value_TEF) & (index_E < index_E[:, None]))
    rank_TE = is_before_TEF.sum(-1)
    # The greatest logit is subtracted for stability; it cancels out.
    exp_TE = (logits_TE - logits_TE.detach().amax(-1, keepdim=True)).exp()
    chosen_TKE = rank_TE[:, None] == index_E[:top_k, None]
    total_T1 = ((rank_TE < top_k) * exp_TE).sum(-1, keepdim=True)
    return (chosen_TKE * exp_TE[:, None]).sum(-1) / total_T1, chosen_TKE


def sorted_experts(logits_TE: Tensor, top_k: int) -> tuple[Tensor, Tensor, Tensor]:
    """Chooses the same experts as ``top_experts``, by sorting.

    This takes four operators instead of twenty. It is for generation on a CPU, where operators are not fused and take
    longer to start than to run (docs/lab-log.md, 2026-11-25).

    Args:
        logits_TE: Logits.
        top_k: Number K of experts per token.

    Returns:
        The weights, ``(T, K)``, the experts as indices, ``(T, K)``, and as truth values, ``(T, K, E)``.
    """
    # The sort is stable, so of equal logits the one with the lower index comes first.
    sorted_TE, index_TE = logits_TE.sort(dim=-1, descending=True, stable=True)
    experts_TK = index_TE[:, :top_k]
    chosen_TKE = experts_TK[:, :, None] == torch.arange(logits_TE.shape[-1], device=logits_TE.device)
    return sorted_TE[:, :top_k].softmax(-1), experts_TK, chosen_TKE


def _indices(chosen_TKE: Tensor) -> Tensor:
    return (chosen_TKE * torch.arange(chosen_TKE.shape[-1], device=chosen_TKE.device)).sum(-1)


def smooth_load(logits_TE: Tensor, noisy_TE: Tensor, std_TE: Tensor, top_k: int) -> Tensor:
    """Returns the probability that each expert is chosen if only its own noise is drawn again.

    Unlike the count of tokens, it is differentiable with respect to the logits and the noise.

    Source: Shazeer et al. 2017, appendix A, equations 8 and 9.

    Args:
        logits_TE: Logits without noise.
        noisy_TE: Logits with the noise that was drawn.
        std_TE: Standard deviation of the noise, which is positive.
        top_k: Number K of experts per token.

    Returns:
        The probabilities, shape ``(T, E)``.
    """
    num_experts = logits_TE.shape[-1]
    if top_k == num_experts:
        return torch.ones_like(logits_TE)
    top_TK1 = noisy_TE.topk(top_k + 1, dim=-1).values
    # The threshold is the k-th greatest of the other logits; for a chosen expert, this is the (k+1)-th greatest of all.
    is_in_TE = noisy_TE > top_TK1[:, -1:]
    threshold_TE = torch.where(is_in_TE, top_TK1[:, -1:], top_TK1[:, -2:-1])
    return cast("Tensor", torch.special.ndtr((logits_TE - threshold_TE) / std_TE))
