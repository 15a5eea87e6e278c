"""The loss of rows of sampled programs, each with a weight, and of answers to keep.

The loss of a document is its weight times its negative log likelihood. If the weight is an advantage, the gradient is
that of REINFORCE. Programs that were sampled by an earlier state of the model (``reward.overlap``) come with their
likelihood under that state, and the loss of a token is then the clipped surrogate of PPO (Schulman et al. 2017,
arXiv:1707.06347, equation 7). If the model has not changed since, the ratio of likelihoods is 1 and both losses have
the same gradient.

Shapes: T tokens of a row, N trained tokens among them, O of these trained by likelihood, M of these trained by
divergence, D model.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from moesaic.data.packing import PackedBatch
from moesaic.model.loss import divergences, token_losses
from moesaic.recipe import Optimisation
from moesaic.train.rows import PackedLoss


class PolicyLoss(PackedLoss):
    """Like ``PackedLoss``, but for weighted documents.

    Args:
        model: See ``PackedLoss``.
        options: See ``PackedLoss``.
        clip_ratio: Epsilon of the clipped surrogate.
        kept_weight: Weight of the divergence from the base on the tokens of kept answers.
    """

    def __init__(self, model: nn.Module, options: Optimisation, clip_ratio: float, kept_weight: float) -> None:
        super().__init__(model, options)
        self._clip_ratio, self._kept_weight = clip_ratio, kept_weight

    def forward(  # type: ignore[override]
        self,
        batch: PackedBatch,
        positions_N: Tensor,
        labels_N: Tensor,
        weights_N: Tensor,
        temperatures_N: Tensor,
        old_losses_N: Tensor,
        programs_O: Tensor,
        answers_M: Tensor,
        states_MD: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Returns the summed loss of all tokens, and 0 for the routing.

        Args:
            batch: The row, on the model's device.
            positions_N: Positions that predict a trained token.
            labels_N: The tokens they predict.
            weights_N: Weight of each token's loss.
            temperatures_N: Temperature of each token, by which its logits are divided.
            old_losses_N: Negative log likelihood of each token when it was sampled, in nats; NaN if the token's loss is
                not corrected by it. Empty if no loss is.
            programs_O: Indices into the N tokens of those that are trained by likelihood.
            answers_M: Indices into the N tokens of those that are trained by divergence from the base.
            states_MD: The base's final hidden states at the latter.
        """
        hidden_TD, extra = self.run_layers(batch)
        hidden_ND = hidden_TD[positions_N]
        loss = hidden_ND.new_zeros((), dtype=torch.float)
        if len(programs_O):
            losses_O = self.losses(hidden_ND[programs_O], labels_N[programs_O], temperatures_N[programs_O])
            old_O = old_losses_N[programs_O] if len(old_losses_N) else None
            loss = loss + surrogate(losses_O, weights_N[programs_O], old_O, self._clip_ratio).sum()
        if len(answers_M):
            losses_M = divergences(hidden_ND[answers_M], states_MD, self.head, compiled=self.is_compiled)
            loss = loss + self._kept_weight * losses_M.sum()
        return loss, extra

    def losses(self, hidden_OD: Tensor, labels_O: Tensor, temperatures_O: Tensor) -> Tensor:
        """Returns each token's negative log likelihood at its temperature, (O,), in nats.

        Args:
            hidden_OD: Final hidden states at the positions that predict the tokens.
            labels_O: The tokens.
            temperatures_O: Temperature of each token, by which its logits are divided.
        """
        # The head is linear, so dividing the hidden states by the temperature divides the logits by it.
        hidden_OD = hidden_OD * (1 / temperatures_O)[:, None].to(hidden_OD.dtype)
        return token_losses(hidden_OD, self.head, labels_O, compiled=self.is_compiled)


def surrogate(losses_O: Tensor, weights_O: Tensor, old_losses_O: Tensor | None, clip_ratio: float) -> Tensor:
    """Returns the clipped surrogate of each token, (O,), to be minimised (Schulman et al. 2017, equation 7).

    Args:
        losses_O: Current negative log likelihood of each token, in nats.
        weights_O: Advantage of each token's program, or weight of its reference.
        old_losses_O: Negative log likelihood when the token was sampled; NaN stands for the current one. None means NaN
            for all tokens; the result is then the weighted negative log likelihood, which has the same gradient.
        clip_ratio: Epsilon. The ratio of likelihoods is clipped to 1 - epsilon .. 1 + epsilon.
    """
    if old_losses_O is None:
        return losses_O * weights_O
    now_O = losses_O.detach()
    ratios_O = (torch.where(old_losses_O.isnan(), now_O, old_losses_O) - losses_O).exp()
    clipped_O = ratios_O.clamp(1 - clip_ratio, 1 + clip_ratio)
    return -torch.minimum(ratios_O * weights_O, clipped_O * weights_O)


def joined(parts: Sequence[Tensor | None], lengths: Sequence[int]) -> Tensor:
    """Concatenates the values of documents.

    Args:
        parts: One value per token for each document, or None for a document without values.
        lengths: Number of tokens of each document. A document without values gets this many NaN.
    """
    return torch.cat(
        [
            torch.full((length,), float("nan")) if part is None else part
            for part, length in zip(parts, lengths, strict=True)
        ]
    )
