"""The kinds of gates, one row each, with what recipes, model folders, decoding and exports need to know.

    softmax       all experts, with the weights softmax(x W^T)
    top_k         the k greatest logits, with a softmax over only these (as Mixtral's renormalised softmax over all)
    noisy_top_k   top_k with trainable Gaussian noise on the logits in training (Shazeer et al. 2017, section 2.1)

If a row does not claim a property, features that need the property are not used with that kind: decoding falls back to
the block's own forward pass, and exports refuse the kind by name. ``model.router`` has a rule for each row, which
computes the routing.

Source: Shazeer et al. 2017, "Outrageously Large Neural Networks", section 2.1 (arXiv:1701.06538); Jiang et al. 2024,
"Mixtral of Experts", section 2.1 (arXiv:2401.04088).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from moesaic.errors import ModelError

ANCHOR: Final = "base"
"""Name of the anchor, which is the expert without deltas: its output is that of the base."""

GateKind = Literal["softmax", "top_k", "noisy_top_k"]
"""The kinds of gates that a recipe can choose; ``GATES`` has a row for each."""


@dataclass(frozen=True, slots=True)
class Gate:
    """The properties of one kind of gate.

    Attributes:
        tensors: Names of its parameters in every layer, each of shape (experts, hidden size).
        mixes_all: Whether every expert gets a weight, so that ``top_k`` is the number of experts.
        is_mixtral: Whether the gate, outside training, is a softmax over the k greatest logits of ``weight``. The
            decoding kernels, Mixtral checkpoints and llama.cpp can compute only this.
    """

    tensors: tuple[str, ...] = ("weight",)
    mixes_all: bool = False
    is_mixtral: bool = False

    @property
    def is_noisy(self) -> bool:
        """Whether noise is added to the logits in training; its size is a parameter."""
        return "noise" in self.tensors


GATES: Final[dict[GateKind, Gate]] = {
    "softmax": Gate(mixes_all=True, is_mixtral=True),
    "top_k": Gate(is_mixtral=True),
    "noisy_top_k": Gate(tensors=("weight", "noise"), is_mixtral=True),
}


def experts_per_token(kind: str, top_k: int | None, num_experts: int) -> int:
    """Returns the number of experts that the gate chooses for each token.

    Args:
        kind: Kind of the gate.
        top_k: The requested number; None for all experts. It has no effect if the kind mixes all experts.
        num_experts: Number of experts.

    Raises:
        ModelError: The kind is unknown, or ``top_k`` is not between 1 and ``num_experts``.
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
