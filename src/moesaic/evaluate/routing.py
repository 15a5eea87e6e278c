"""Measures where tokens are routed: load, entropy and specialisation, per language and layer.

Routing is measured on the code tokens of the programs in the data, which the model reads with teacher forcing. The
statistics therefore describe the languages, not the output of one system. They are shares or means over tokens. Nothing
in this module changes the model.

Shape suffixes: L layers, E experts, G languages, T tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from moesaic.data.packing import PackedBatch
from moesaic.gates import ANCHOR
from moesaic.model.balance import chosen, gates
from moesaic.model.router import Routing

DEAD_SHARE = 0.01
"""An expert of a layer is called dead if it is chosen for less than this share of the tokens of every language."""


@dataclass(frozen=True)
class RoutingStatistics:
    """Routing of one model on one split, as nested lists that are indexed as their suffixes say.

    Attributes:
        experts: Names of the experts, ``(E,)``.
        languages: Names of the languages, ``(G,)``.
        tokens_G: Number of code tokens that were measured, ``(G,)``.
        top1_GLE: Share of tokens for which the expert has the greatest weight, ``(G, L, E)``.
        chosen_GLE: Share of tokens for which the expert is chosen, ``(G, L, E)``.
        weight_GLE: Mean gate weight of the expert, ``(G, L, E)``.
        entropy_GL: Mean entropy of the gate's probabilities in bits, at most log2 E, ``(G, L)``.
        dead: ``layer/expert`` of the experts that no language uses, except the anchor.
    """

    experts: list[str]
    languages: list[str]
    tokens_G: list[int]
    top1_GLE: list[list[list[float]]]
    chosen_GLE: list[list[list[float]]]
    weight_GLE: list[list[list[float]]]
    entropy_GL: list[list[float]]
    dead: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Returns the statistics as plain lists."""
        return asdict(self)

    def own_expert(self) -> dict[str, dict[str, float]]:
        """Returns language -> ``top1``, ``chosen``, ``weight`` and ``enrichment`` of its own expert, means over layers.

        Enrichment is the expert's mean gate weight on its own language divided by its mean gate weight on the other
        languages. It is 1 if the gates do not distinguish the languages. Languages without an own expert are left out.
        """
        table: dict[str, dict[str, float]] = {}
        for row, language in enumerate(self.languages):
            if language not in self.experts:
                continue
            column = self.experts.index(language)
            own, others = (
                _layer_mean(self.weight_GLE[row], column),
                [_layer_mean(self.weight_GLE[other], column) for other in range(len(self.languages)) if other != row],
            )
            elsewhere = sum(others) / len(others) if others else 0.0
            table[language] = {
                "top1": _layer_mean(self.top1_GLE[row], column),
                "chosen": _layer_mean(self.chosen_GLE[row], column),
                "weight": own,
                "enrichment": own / elsewhere if elsewhere > 0 else float("inf"),
            }
        return table


class RoutingSums:
    """Adds up the routing of one model over forward passes, which the caller makes.

    Args:
        experts: Names of the experts.
        languages: Names of the languages, in the order of the language ids of the packed rows.
    """

    def __init__(self, experts: Sequence[str], languages: Sequence[str]) -> None:
        self.experts, self.languages = list(experts), list(languages)
        self._sums: dict[str, Tensor] = {}

    def of_row(self, routings: Mapping[int, Routing], batch: PackedBatch) -> dict[str, Tensor]:
        """Returns the sums over the code tokens of a row as float64 tensors on the CPU, for ``include``.

        Args:
            routings: Layer -> its routing in the forward pass over the row, as ``record_routing`` gives it.
            batch: The row, on the CPU.
        """
        member_TG = one_hot(batch.language_ids_1T[0].clamp(min=0), len(self.languages))
        member_GT = (member_TG * batch.code_mask_1T[0][:, None]).T.double()
        sums = {"tokens": member_GT.sum(1)}
        layers = [routings[layer] for layer in range(len(routings))]
        weights_LTE = torch.stack([gates(routing) for routing in layers])
        probs_LTE = torch.stack([routing.probs_TE for routing in layers]).double()
        member_GT = member_GT.to(weights_LTE.device)  # only the sums are copied from a GPU
        for key, values_LTE in {
            "top1": one_hot(weights_LTE.argmax(-1), len(self.experts)),
            "chosen": torch.stack([chosen(routing) for routing in layers]),
            "weight": weights_LTE,
            "entropy": -(probs_LTE * probs_LTE.clamp(min=1e-30).log2()).sum(-1, keepdim=True),
        }.items():
            sums[key] = torch.einsum("gt,lte->gle", member_GT, values_LTE.double()).cpu()
        return sums

    def add(self, routings: Mapping[int, Routing], batch: PackedBatch) -> None:
        """Adds the routing of the code tokens of a row; see ``of_row``."""
        self.include(self.of_row(routings, batch))

    def include(self, row: Mapping[str, Tensor]) -> None:
        """Adds the sums that ``of_row`` returned. The order of the rows changes the last bits of the result."""
        for key, total in row.items():
            self._sums[key] = self._sums[key] + total if key in self._sums else total

    def statistics(self) -> RoutingStatistics:
        """Returns the shares and means over all rows that were added; there must be at least one."""
        tokens_G = self._sums["tokens"]
        sums = {key: total for key, total in self._sums.items() if key != "tokens"}
        mean = {key: total / tokens_G.clamp(min=1)[:, None, None] for key, total in sums.items()}
        busiest_LE = mean["chosen"].amax(0)
        dead = [
            f"{layer}/{self.experts[expert]}"
            for layer, expert in (busiest_LE < DEAD_SHARE).nonzero().tolist()
            if self.experts[expert] != ANCHOR  # the anchor is for prompts other than these
        ]
        return RoutingStatistics(
            experts=self.experts,
            languages=self.languages,
            tokens_G=[int(count) for count in tokens_G],
            top1_GLE=mean["top1"].tolist(),
            chosen_GLE=mean["chosen"].tolist(),
            weight_GLE=mean["weight"].tolist(),
            entropy_GL=mean["entropy"][:, :, 0].tolist(),
            dead=dead,
        )


def _layer_mean(values_LE: list[list[float]], column: int) -> float:
    return sum(row[column] for row in values_LE) / len(values_LE)
