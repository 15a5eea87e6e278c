"""Describes a model folder from headers and gates alone: sizes, ranks, how well gates tell experts apart.

Shapes: E experts, D model, K top-k.
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
"""Condition number above which a gate is called degenerate: in some direction, its rows hardly differ."""


_CARD_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """The facts that ``moesaic inspect`` shows.

    Attributes:
        path: The folder.
        base: Name of the base; if the folder contains its own base, name of the base from which that was made.
        own_base: Whether the folder contains its own base.
        kind: Kind of the gates.
        top_k: Number of experts per token.
        experts: Name -> ``rank``, ``parameters`` and ``bytes`` of each expert.
        base_parameters: Number of parameters of the base.
        total_parameters: Number of parameters of base, experts and gates.
        active_parameters: Largest number of parameters used for a token: base, gates and factors of top_k experts.
        mixtral_parameters: Number of parameters of the same model, exported with full experts.
        folder_bytes: Size of the model folder without its own base, in bytes.
        base_bytes: Size of the base's weights, in bytes.
        gate_conditions: Condition number of each layer's gate, in order; infinite if rows are linearly dependent.
        warnings: Sentences about what looks wrong.
        scores: Rows of the model card's table: system, metric, the scores as text.
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
        """Returns the facts as JSON values. Infinite condition numbers become None."""
        values = asdict(self)
        values["gate_conditions"] = [c if c != float("inf") else None for c in self.gate_conditions]
        return values


def inspect_model(path: Path, base: str | None = None) -> ModelFacts:
    """Collects the facts of a model folder. The only weights that are read are those of the gates.

    Args:
        path: The model folder.
        base: Place of the base, if it is not where the folder says.

    Raises:
        ModelError: ``path`` is not a model folder, or the base does not fit.
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
    """Returns the condition number sigma_max / sigma_min of every layer's gate matrix [E, D].

    The choice of experts depends only on differences between rows. Therefore the mean row is subtracted first, and the
    singular value that becomes zero by this is ignored. (mergekit's warning uses the condition number of the original
    rows.)

    Raises:
        CheckpointError: The file of the gates is corrupt.
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
    """Returns the rows of the table of scores in the model card."""
    if not card.is_file():
        return []
    _, _, section = card.read_bytes()[:_CARD_BYTES].decode("utf-8", "replace").partition("## Scores")
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("|") and not line.startswith("|-")
    ]
    return [(system, metric, " | ".join(cells)) for system, metric, *cells in (row for row in rows if len(row) > 2)]
