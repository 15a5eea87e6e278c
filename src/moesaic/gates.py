"""The kinds of gates, one row each, with what recipes, model folders, decoding and exports need to know.

    softmax       every expert, weights softmax(x W^T)
    top_k         the k largest logits, softmax over them alone (as Mixtral's softmax over all, renormalised)
    noisy_top_k   as top_k, with trainable Gaussian noise on the logits in training (Shazeer et al. 2017, section 2.1)

What a row does not claim is not done with that kind: decoding falls back to the block's own forward pass, and exports
refuse it by name. How a kind routes is in ``model.router``, which has a rule for each row.

Source: Shazeer et al. 2017, "Outrageously Large Neural Networks", section 2.1 (arXiv:1701.06538); Jiang et al. 2024,
"Mixtral of Experts", section 2.1 (arXiv:2401.04088).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from moesaic.errors import ModelError

ANCHOR: Final = "base"
"""Name of the anchor: the expert without deltas, which computes what the base computes."""

GateKind = Literal["softmax", "top_k", "noisy_top_k"]
"""The kinds that can be chosen; ``GATES`` has a row for each."""


@dataclass(frozen=True, slots=True)
class Gate:
    """What is particular to one kind of gate.

    Attributes:
        tensors: Its parameters in every layer, each of shape (experts, hidden size).
        mixes_all: Every expert gets a weight, so that ``top_k`` is the number of experts.
        is_mixtral: Outside training it is a softmax over the k greatest logits of ``weight``. That is all that the
            decoding kernels, a Mixtral checkpoint and llama.cpp can compute.
    """

    tensors: tuple[str, ...] = ("weight",)
    mixes_all: bool = False
    is_mixtral: bool = False

    @property
    def is_noisy(self) -> bool:
        """Whether training adds noise, whose size is a parameter."""
        return "noise" in self.tensors


GATES: Final[dict[GateKind, Gate]] = {
    "softmax": Gate(mixes_all=True, is_mixtral=True),
    "top_k": Gate(is_mixtral=True),
    "noisy_top_k": Gate(tensors=("weight", "noise"), is_mixtral=True),
}


def experts_per_token(kind: str, top_k: int | None, num_experts: int) -> int:
    """Number of experts that a token goes to.

    Args:
        kind: Kind of the gate.
        top_k: What was asked for; None for all, and without effect where the kind mixes all.
        num_experts: Number of experts.

    Raises:
        ModelError: Unknown kind, or more or fewer experts than there are.
    """
    if kind not in GATES:
        raise ModelError(f"unknown kind of gate {kind!r}: allowed: {', '.join(GATES)} (gate.kind)")
    if top_k is None or GATES[kind].mixes_all:
        return num_experts
    if not 1 <= top_k <= num_experts:
        raise ModelError(
            f"top_k is {top_k}, but there are {num_experts} experts: allowed: 1 to {num_experts} (gate.top_k)"
        )
    return top_k
