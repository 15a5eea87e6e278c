"""Losses on the gates, as pure functions of a ``Routing`` and a token mask.

Each takes the routing of one block and returns a scalar; the caller multiplies by its coefficient and averages over
blocks. Tokens outside the mask (padding, prompts) take no part.

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
    """Switch load balancing: ``E * sum_e f_e P_e``, 1 when tokens and probabilities are spread evenly.

    ``f_e`` is the share of choices that went to expert e and ``P_e`` the mean router probability (Fedus et al. 2021,
    equations 4 to 6). For top_k > 1 the shares are over all T*K choices, so that an even spread still gives 1.
    Gradients flow through ``P_e`` only.
    """
    mask_T = _as_mask(routing, mask_T)
    share_E = (chosen(routing) * mask_T[:, None]).sum(0) / (mask_T.sum().clamp(min=1) * routing.experts_TK.shape[1])
    mean_prob_E = _masked_mean(routing.probs_TE, mask_T)
    return routing.probs_TE.shape[1] * (share_E * mean_prob_E).sum()


def importance_loss(routing: Routing, mask_T: Tensor | None = None) -> Tensor:
    """Squared coefficient of variation of the experts' summed gate weights (Shazeer et al. 2017, equations 6 and 7)."""
    mask_T = _as_mask(routing, mask_T)
    return squared_variation((gates(routing) * mask_T[:, None]).sum(0))


def load_loss(routing: Routing, mask_T: Tensor | None = None) -> Tensor:
    """Squared coefficient of variation of the experts' smooth loads (Shazeer et al. 2017, equations 10 and 11).

    A router that gives no smooth load (not noisy, or not in training) has nothing to differentiate: the loss is 0.
    """
    if routing.load_TE is None:
        return routing.probs_TE.new_zeros(())
    mask_T = _as_mask(routing, mask_T)
    return squared_variation((routing.load_TE * mask_T[:, None]).sum(0))


def z_loss(routing: Routing, mask_T: Tensor | None = None) -> Tensor:
    """Mean squared log-sum-exp of the logits, which keeps them small (Zoph et al. 2022, equation 5)."""
    return _masked_mean(routing.logits_TE.logsumexp(-1).square(), _as_mask(routing, mask_T))


def language_loss(routing: Routing, language_ids_T: Tensor, mask_T: Tensor | None = None) -> Tensor:
    """Cross entropy of the gate's probabilities, with the language of each token as the label.

    Ours: the experts are languages, so that the right expert of a training token is known.

    Args:
        routing: Routing of one block.
        language_ids_T: Index of the token's own expert, int64.
        mask_T: Tokens that count; all by default.
    """
    loss_T = F.cross_entropy(routing.logits_TE, language_ids_T, reduction="none")
    return _masked_mean(loss_T, _as_mask(routing, mask_T))


def gates(routing: Routing) -> Tensor:
    """Returns gate weights by expert, zero for experts that were not chosen; shape ``(T, E)``."""
    return torch.zeros_like(routing.probs_TE).scatter(1, routing.experts_TK, routing.weights_TK)


def chosen(routing: Routing) -> Tensor:
    """Returns 1 for each expert to which a token was routed, otherwise 0; shape ``(T, E)``, no gradient."""
    return torch.zeros_like(routing.probs_TE).detach().scatter(1, routing.experts_TK, 1.0)


def squared_variation(x_E: Tensor) -> Tensor:
    """Squared coefficient of variation, ``var / mean^2`` with the population variance; 0 for a single expert."""
    return x_E.var(correction=0) / x_E.mean().square().clamp(min=1e-10)


def _as_mask(routing: Routing, mask_T: Tensor | None) -> Tensor:
    probs_TE = routing.probs_TE
    return probs_TE.new_ones(probs_TE.shape[0]) if mask_T is None else mask_T.to(probs_TE.dtype)


def _masked_mean(x: Tensor, mask_T: Tensor) -> Tensor:
    """Mean over the first dimension of the tokens in the mask; 0 for an empty mask."""
    weights = mask_T.reshape(-1, *[1] * (x.dim() - 1))
    return (x * weights).sum(0) / mask_T.sum().clamp(min=1)
