"""Losses on the gates, as pure functions of a ``Routing`` and a token mask.

Each function takes the routing of one block and returns a scalar. The caller multiplies it by a coefficient and
averages over blocks. Tokens outside the mask (padding, prompts) are ignored; without a mask, all tokens count.

Sources: Shazeer et al. 2017, section 4 and appendix A (arXiv:1701.06538); Fedus, Zoph and Shazeer 2021, "Switch
Transformers", section 2.2 (arXiv:2101.03961); Zoph et al. 2022, "ST-MoE", section 3 (arXiv:2202.08906).

Shapes: T tokens, E experts, K top-k.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from moesaic.model.router import Routing


def switch_loss(routing: Routing, mask_T: Tensor | None = None) -> Tensor:
    """Returns the load-balancing loss of the Switch Transformer, ``E * sum_e f_e P_e``.

    ``f_e`` is the share of choices that went to expert e, and ``P_e`` is the mean of the gate's probabilities for e
    (Fedus et al. 2021, equations 4 to 6). The loss is 1 if tokens and probabilities are spread evenly. For top_k > 1,
    the shares refer to all T*K choices, so that an even spread still gives 1. Gradients flow only through ``P_e``.
    """
    mask_T = _as_mask(routing, mask_T)
    share_E = (chosen(routing) * mask_T[:, None]).sum(0) / (mask_T.sum().clamp(min=1) * routing.experts_TK.shape[1])
    mean_prob_E = _masked_mean(routing.probs_TE, mask_T)
    return routing.probs_TE.shape[1] * (share_E * mean_prob_E).sum()


def importance_loss(routing: Routing, mask_T: Tensor | None = None) -> Tensor:
    """Returns the squared coefficient of variation of the experts' summed gate weights.

    Source: Shazeer et al. 2017, equations 6 and 7.
    """
    mask_T = _as_mask(routing, mask_T)
    return squared_variation((gates(routing) * mask_T[:, None]).sum(0))


def load_loss(routing: Routing, mask_T: Tensor | None = None) -> Tensor:
    """Returns the squared coefficient of variation of the experts' smooth loads.

    The loss is 0 if the gate computes no smooth load, because it is not noisy or not in training.

    Source: Shazeer et al. 2017, equations 10 and 11.
    """
    if routing.load_TE is None:
        return routing.probs_TE.new_zeros(())
    mask_T = _as_mask(routing, mask_T)
    return squared_variation((routing.load_TE * mask_T[:, None]).sum(0))


def z_loss(routing: Routing, mask_T: Tensor | None = None) -> Tensor:
    """Returns the mean squared log-sum-exp of the logits, which keeps them small (Zoph et al. 2022, equation 5)."""
    return _masked_mean(routing.logits_TE.logsumexp(-1).square(), _as_mask(routing, mask_T))


def language_loss(routing: Routing, language_ids_T: Tensor, mask_T: Tensor | None = None) -> Tensor:
    """Returns the cross entropy of the gate's probabilities, with the language of each token as the label.

    This loss is not from a paper. It is possible because the experts are languages, so the right expert of each
    training token is known.

    Args:
        routing: Routing of one block.
        language_ids_T: Index of the expert of each token's language, int64.
        mask_T: The tokens that count; by default all tokens.
    """
    loss_T = F.cross_entropy(routing.logits_TE, language_ids_T, reduction="none")
    return _masked_mean(loss_T, _as_mask(routing, mask_T))


def gates(routing: Routing) -> Tensor:
    """Returns the gate weight of every expert, which is zero if it was not chosen; shape ``(T, E)``."""
    return torch.zeros_like(routing.probs_TE).scatter(1, routing.experts_TK, routing.weights_TK)


def chosen(routing: Routing) -> Tensor:
    """Returns 1 for each expert that was chosen for a token, otherwise 0; shape ``(T, E)``, without gradient."""
    return torch.zeros_like(routing.probs_TE).detach().scatter(1, routing.experts_TK, 1.0)


def squared_variation(x_E: Tensor) -> Tensor:
    """Returns the squared coefficient of variation, ``var / mean^2`` (population variance); 0 for a single expert."""
    return x_E.var(correction=0) / x_E.mean().square().clamp(min=1e-10)


def _as_mask(routing: Routing, mask_T: Tensor | None) -> Tensor:
    probs_TE = routing.probs_TE
    return probs_TE.new_ones(probs_TE.shape[0]) if mask_T is None else mask_T.to(probs_TE.dtype)


def _masked_mean(x: Tensor, mask_T: Tensor) -> Tensor:
    """Returns the mean of ``x`` over the tokens in the mask, which are its first dimension; 0 for an empty mask."""
    weights = mask_T.reshape(-1, *[1] * (x.dim() - 1))
    return (x * weights).sum(0) / mask_T.sum().clamp(min=1)
