"""Where tokens go: load, entropy and specialisation, per language and layer.

Measured on the code tokens of real programs read with teacher forcing, so it is a statement about the language, not
about one system's own output. Everything is a share or a mean over tokens; nothing here changes the model.

L layers, E experts, G languages, T tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from moesaic.data.packing import PackedBatches
from moesaic.data.prompts import EncodedExample
from moesaic.model.balance import chosen, gates
from moesaic.model.loss import hidden_states
from moesaic.model.moe import expert_names, record_routing

DEAD_SHARE = 0.01
"""An expert that gets less than this share of the choices of every language in a layer is named dead there."""


@dataclass(frozen=True)
class RoutingStatistics:
    """Routing of one model on one split; lists are indexed as their names say.

    Attributes:
        experts: Names of the experts (E).
        languages: Names of the languages (G).
        tokens_G: Code tokens measured.
        top1_GLE: Share of tokens whose first expert is e.
        chosen_GLE: Share of tokens that run expert e at all.
        weight_GLE: Mean gate weight of expert e.
        entropy_GL: Mean entropy of the router's probabilities, in bits (at most log2 E).
        dead: ``layer/expert`` pairs that no language uses.
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
        """Returns it as plain lists."""
        return asdict(self)

    def own_expert(self) -> dict[str, dict[str, float]]:
        """Returns, per language with an expert of its own: first choice, chosen, weight, and enrichment.

        Enrichment is the mean gate weight on the own language over its mean on the other languages: 1 means that the
        router does not tell them apart.
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


def routing_statistics(
    model: nn.Module,
    examples: Sequence[EncodedExample],
    languages: Sequence[str],
    row_tokens: int,
    on_row: Callable[[int], None] | None = None,
) -> RoutingStatistics:
    """Measures the routing of a composed model on the code tokens of examples.

    Args:
        model: A composed model with packed attention enabled.
        examples: Encoded examples of all languages.
        languages: Names in the order of the table.
        row_tokens: Tokens of a forward pass.
        on_row: Called with the number of documents after each row.
    """
    device = next(model.parameters()).device
    names = list(expert_names(model))
    row_tokens = max([row_tokens, *(len(example.ids) for example in examples)])
    sums: dict[str, Tensor] = {}
    tokens_G = torch.zeros(len(languages), dtype=torch.float64)
    was_training = model.training
    model.eval()
    with torch.inference_mode(), record_routing(model) as routings:
        for batch in PackedBatches(examples, languages, row_tokens, shuffle=False):
            hidden_states(model, batch.to(device))
            code_T = batch.code_mask_1T[0]
            member_TG = torch.nn.functional.one_hot(batch.language_ids_1T[0].clamp(min=0), len(languages))
            member_GT = (member_TG * code_T[:, None]).T.double()
            tokens_G += member_GT.sum(1)
            rows: dict[str, list[Tensor]] = {"top1": [], "chosen": [], "weight": [], "entropy": []}
            for layer in range(len(routings)):
                routing = routings[layer]
                probs_TE = routing.probs_TE.double()
                first_T = gates(routing).argmax(1)
                rows["top1"].append(torch.nn.functional.one_hot(first_T, len(names)).double())
                rows["chosen"].append(chosen(routing).double())
                rows["weight"].append(gates(routing).double())
                rows["entropy"].append(-(probs_TE * probs_TE.clamp(min=1e-30).log2()).sum(1, keepdim=True))
            for key, parts in rows.items():
                total_GLE = torch.einsum("gt,lte->gle", member_GT, torch.stack(parts).cpu())
                sums[key] = total_GLE if key not in sums else sums[key] + total_GLE
            if on_row is not None:
                on_row(len(batch.example_ids_D))
    model.train(was_training)
    mean = {key: total / tokens_G.clamp(min=1)[:, None, None] for key, total in sums.items()}
    busiest_LE = mean["chosen"].amax(0)
    dead = [f"{layer}/{names[expert]}" for layer, expert in (busiest_LE < DEAD_SHARE).nonzero().tolist()]
    return RoutingStatistics(
        experts=names,
        languages=list(languages),
        tokens_G=[int(count) for count in tokens_G],
        top1_GLE=mean["top1"].tolist(),
        chosen_GLE=mean["chosen"].tolist(),
        weight_GLE=mean["weight"].tolist(),
        entropy_GL=mean["entropy"][:, :, 0].tolist(),
        dead=dead,
    )


def _layer_mean(values_LE: list[list[float]], column: int) -> float:
    return sum(row[column] for row in values_LE) / len(values_LE)
