"""Describes a model folder from headers and gates alone: sizes, ranks, how well gates tell experts apart.

E experts, D model, K top-k.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from moesaic.checkpoint.bases import find_base
from moesaic.checkpoint.card import CARD
from moesaic.checkpoint.description import BASE, ModelFolder
from moesaic.checkpoint.exchange.preflight import AdapterFactors
from moesaic.checkpoint.formats import PROJECTIONS, split_layer_key
from moesaic.checkpoint.native import read_model_folder
from moesaic.checkpoint.streaming import TensorReader

DEGENERATE_CONDITION: Final = 1e4
"""Condition number of a gate matrix above which its rows hardly differ in some direction."""


_CARD_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """The facts that ``moesaic inspect`` shows.

    Attributes:
        path: The folder.
        base: The base's spec; for a base of the folder's own, what that was made from.
        own_base: Whether the base's weights are in the folder.
        kind: Gate.
        top_k: Experts per token.
        experts: Name -> rank, parameters and bytes.
        base_parameters: Parameters of the base.
        total_parameters: Base, experts and gates.
        active_parameters: Parameters that a token meets: base, gates and its top_k experts' factors.
        mixtral_parameters: Parameters of the same model exported with full experts.
        folder_bytes: Size of the model folder but for its own base.
        base_bytes: Size of the base's weights.
        gate_conditions: Condition number of each layer's gate, in order; infinite when rows are linearly dependent.
        warnings: What looks wrong.
        scores: Rows of the card's table: system, metric, the scores as text.
    """

    path: str
    base: str
    own_base: bool
    kind: str
    top_k: int
    experts: dict[str, dict[str, int]]
    base_parameters: int
    total_parameters: int
    active_parameters: int
    mixtral_parameters: int
    folder_bytes: int
    base_bytes: int
    gate_conditions: list[float]
    warnings: list[str]
    scores: list[tuple[str, str, str]]

    def as_json(self) -> dict[str, Any]:
        """Returns the facts as JSON values; infinite condition numbers become None."""
        values = asdict(self)
        values["gate_conditions"] = [c if c != float("inf") else None for c in self.gate_conditions]
        return values


def inspect_model(path: Path, base: str | None = None) -> ModelFacts:
    """Reads the facts of a model folder; of the weights only the gates are read.

    Args:
        path: The model folder.
        base: Where the base is now, if not where the folder says.

    Raises:
        ModelError: No model folder, or the base does not fit.
        CheckpointError: A file is corrupt.
    """
    folder = read_model_folder(path)
    source = find_base(folder, base)
    with TensorReader(source.path) as reader:
        sizes = {name: _count(reader.spec(name).shape) for name in reader.names}
        base_bytes = reader.num_bytes
    mlp = sum(size for name, size in sizes.items() if _is_routed(name))
    experts = {entry.name: _expert_facts(folder, entry.name, entry.rank) for entry in folder.experts}
    gates = folder.read_router()
    routers = sum(_count(gate.shape) for name, gate in gates.items() if name.endswith("weight"))
    factors = sorted((facts["parameters"] for facts in experts.values()), reverse=True)
    conditions = gate_conditions(folder)
    base_parameters = sum(sizes.values())
    return ModelFacts(
        path=str(folder.path),
        base=folder.base_title,
        own_base=folder.has_own_base,
        kind=folder.kind,
        top_k=folder.top_k,
        experts=experts,
        base_parameters=base_parameters,
        total_parameters=base_parameters + routers + sum(factors),
        active_parameters=base_parameters + routers + sum(factors[: folder.top_k]),
        mixtral_parameters=base_parameters + routers + (len(experts) - 1) * mlp,
        folder_bytes=sum(
            file.stat().st_size
            for file in folder.path.rglob("*")
            if file.is_file() and folder.path / BASE not in file.parents
        ),
        base_bytes=base_bytes,
        gate_conditions=conditions,
        warnings=_warnings(conditions),
        scores=_card_scores(folder.path / CARD),
    )


def gate_conditions(folder: ModelFolder) -> list[float]:
    """Returns sigma_max / sigma_min of every layer's gate matrix [E, D].

    Only differences between rows decide, so the mean row is taken out first and the vanishing singular value that this
    makes is left out. (mergekit warns from the condition number of the rows as they are.)
    """
    import torch

    gates = folder.read_router()
    conditions = []
    for layer in range(sum(name.endswith("weight") for name in gates)):
        gate_ED = gates[f"layers.{layer}.weight"].double()
        values_E = torch.linalg.svdvals(gate_ED - gate_ED.mean(0))[: max(len(gate_ED) - 1, 1)]
        smallest = float(values_E[-1])
        conditions.append(float(values_E[0]) / smallest if smallest > 1e-12 * float(values_E[0]) else float("inf"))
    return conditions


def _warnings(conditions: Sequence[float]) -> list[str]:
    bad = [layer for layer, condition in enumerate(conditions) if condition > DEGENERATE_CONDITION]
    if not bad:
        return []
    return [
        f"degenerate gates in {len(bad)} of {len(conditions)} layers (first: layer {bad[0]}, condition number "
        f"{conditions[bad[0]]:.3g}): some experts cannot be told apart there. Gates that were never trained look like "
        "this: run 'moesaic gate'"
    ]


def _expert_facts(folder: ModelFolder, name: str, rank: int) -> dict[str, int]:
    if rank == 0:  # the anchor
        return {"rank": 0, "parameters": 0, "bytes": 0}
    with AdapterFactors.open(folder.expert_path(name), name).reader as reader:
        parameters = sum(_count(reader.spec(tensor).shape) for tensor in reader.names)
        return {"rank": rank, "parameters": parameters, "bytes": reader.num_bytes}


def _is_routed(name: str) -> bool:
    block, _, projection = (split_layer_key(name) or (0, ""))[1].rpartition(".")
    return block == "mlp" and projection in PROJECTIONS


def _count(shape: Sequence[int]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def _card_scores(card: Path) -> list[tuple[str, str, str]]:
    """Returns the rows of the card's score table; the card is what a person reads, so what it says is shown."""
    if not card.is_file():
        return []
    _, _, section = card.read_bytes()[:_CARD_BYTES].decode("utf-8", "replace").partition("## Scores")
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("|") and not line.startswith("|-")
    ]
    return [(system, metric, " | ".join(cells)) for system, metric, *cells in (row for row in rows if len(row) > 2)]
