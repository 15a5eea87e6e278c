"""Composes a base and experts into one model, and reads or changes its experts and gates.

``compose`` replaces the MLP of each layer by a ``FactoredMoE``, and ``decompose`` restores it, both in place. As long
as a model is composed, its experts and gates can be read and replaced, it can run as one of its experts or as its base,
and the routing of each forward pass can be recorded.

Shapes: D model, E experts.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn

from moesaic.errors import ModelError
from moesaic.gates import GateKind
from moesaic.model.backbone import mlp_blocks
from moesaic.model.block import BASE, FactoredMoE
from moesaic.model.lora import LoraExpert, check_expert
from moesaic.model.router import Router, Routing


def compose(
    model: Any,
    experts: Sequence[LoraExpert],
    kind: GateKind = "top_k",
    top_k: int | None = None,
    *,
    dtype: torch.dtype | None = None,
    attention: Literal["error", "base"] = "error",
) -> Any:
    """Replaces each decoder layer's ``mlp`` by a ``FactoredMoE``, in place. The gates start at zero.

    Args:
        model: A base model of a supported architecture.
        experts: One or more experts with different names, trained on this base. Their ranks may differ. An anchor
            (``lora.anchor_expert``) may be added as the last expert.
        kind: Kind of the gates; see ``moesaic.gates``.
        top_k: Number of experts per token; ``softmax`` uses all experts.
        dtype: Type of the experts' parameters: float32 for training, None for the model's own type.
        attention: What to do with deltas outside the MLP, which cannot be routed: ``error`` refuses them, ``base``
            leaves them out with a warning.

    Returns:
        The same model.

    Raises:
        ModelError: There are no experts except an anchor, two names are equal, an anchor is not the last, an expert
            does not fit the base or has deltas outside the MLP, the kind or top_k is not valid, or the model is already
            composed.
    """
    if all(expert.is_anchor for expert in experts):
        raise ModelError("there are no experts to compose: name at least one")
    names = [expert.name for expert in experts]
    if len(set(names)) < len(names):
        raise ModelError(f"expert names must differ, but are {', '.join(names)}")
    if any(expert.is_anchor for expert in experts[:-1]):
        raise ModelError(f"an expert without deltas must be the last one, but the order is {', '.join(names)}")
    blocks = mlp_blocks(model)
    if any(isinstance(mlp, FactoredMoE) for mlp in blocks.values()):
        raise ModelError("the model is composed already: decompose it first")
    for expert in experts:
        check_expert(expert, model)
        outside = expert.paths_outside_mlp
        if outside and attention == "error":
            raise ModelError(
                f"expert {expert.name!r} has {len(outside)} deltas outside the MLP (first: {outside[0]}), which "
                "cannot be routed: train with experts.targets mlp, or compose with attention 'base' to leave them out"
            )
        if outside:
            warnings.warn(f"expert {expert.name!r}: {len(outside)} deltas outside the MLP are left out", stacklevel=2)
    for path, mlp in blocks.items():
        norm = model.get_submodule(path.rpartition(".")[0]).post_attention_layernorm.weight
        router = Router(norm.shape[0], len(experts), kind, top_k).to(norm.device)
        parent, _, attribute = path.rpartition(".")
        block = FactoredMoE(mlp, path, experts, router, dtype or norm.dtype, norm.device)
        setattr(model.get_submodule(parent), attribute, block.train(mlp.training))
    return model


def decompose(model: Any) -> Any:
    """Restores the plain MLPs of the base, in place, and returns the same model."""
    for path, block in moe_blocks(model).items():
        parent, _, attribute = path.rpartition(".")
        setattr(model.get_submodule(parent), attribute, block.base[0])
    return model


def is_composed(model: Any) -> bool:
    """Returns whether the model has routed blocks."""
    return any(isinstance(module, FactoredMoE) for module in model.modules())


def moe_blocks(model: Any) -> dict[str, FactoredMoE]:
    """Returns the routed blocks by path, in the order of the layers.

    Raises:
        ModelError: The model is not composed.
    """
    blocks = {path: mlp for path, mlp in mlp_blocks(model).items() if isinstance(mlp, FactoredMoE)}
    if not blocks:
        raise ModelError("the model is not composed: it has no routed blocks")
    return blocks


def expert_names(model: Any) -> tuple[str, ...]:
    """Returns the names of the experts of a composed model, in order.

    Raises:
        ModelError: The model is not composed.
    """
    return next(iter(moe_blocks(model).values())).names


def extract_experts(model: Any) -> list[LoraExpert]:
    """Returns copies of the experts of a composed model, in the type of their parameters.

    In that type, experts that were not trained are equal to those that the model was composed of.

    Raises:
        ModelError: The model is not composed.
    """
    blocks = moe_blocks(model)
    first = next(iter(blocks.values()))
    return [
        LoraExpert(
            name,
            first.ranks[e],
            first.scales[e],
            {p: f for b in blocks.values() for p, f in b.expert(e).items()},
        )
        for e, name in enumerate(first.names)
    ]


def extract_router(model: Any) -> dict[str, Tensor]:
    """Returns copies of the gates: ``layers.<i>.weight`` and, for noisy gates, ``layers.<i>.noise``.

    Each tensor is [E, D] in float32.

    Raises:
        ModelError: The model is not composed.
    """
    return {name: parameter.detach().clone() for name, parameter in _router_parameters(model).items()}


def load_router(model: Any, tensors: Mapping[str, Tensor]) -> None:
    """Sets the values of the gates.

    Args:
        model: A composed model.
        tensors: The values, named as by ``extract_router``.

    Raises:
        ModelError: The model is not composed, or names or shapes are not those of its gates.
    """
    parameters = _router_parameters(model)
    if parameters.keys() != tensors.keys():
        odd = sorted(parameters.keys() ^ tensors.keys())
        raise ModelError(f"the gates do not belong to this model: {len(odd)} names differ, the first is {odd[0]}")
    for name, parameter in parameters.items():
        if parameter.shape != tensors[name].shape:
            raise ModelError(f"gate {name} is {tuple(tensors[name].shape)}, this model needs {tuple(parameter.shape)}")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(tensors[name])


@contextmanager
def force_expert(model: Any, name: str) -> Iterator[None]:
    """Makes a composed model run as one of its experts within the context. The gates are not called.

    Raises:
        ModelError: There is no expert with this name, or the model is not composed.
    """
    names = expert_names(model)
    if name not in names:
        raise ModelError(f"there is no expert {name!r}: allowed: {', '.join(names)}")
    with _forced(model, names.index(name)):
        yield


@contextmanager
def force_base(model: Any) -> Iterator[None]:
    """Makes a composed model run as its base within the context, bit for bit. The gates are not called.

    Raises:
        ModelError: The model is not composed.
    """
    with _forced(model, BASE):
        yield


@contextmanager
def record_routing(model: Any) -> Iterator[dict[int, Routing]]:
    """Yields a dictionary that, after each forward pass, contains the routing of every layer in that pass.

    Its keys are the indices of the layers. Tokens are in the order of the flattened input. Gradients flow through the
    recorded tensors.

    Raises:
        ModelError: The model is not composed.
    """
    recorded: dict[int, Routing] = {}

    def keep(layer: int) -> Any:
        def hook(_module: nn.Module, _inputs: tuple[Tensor, ...], routing: Routing) -> None:
            recorded[layer] = routing

        return hook

    hooks = [b.router.register_forward_hook(keep(layer)) for layer, b in enumerate(moe_blocks(model).values())]
    try:
        yield recorded
    finally:
        for handle in hooks:
            handle.remove()


def _router_parameters(model: Any) -> dict[str, nn.Parameter]:
    return {
        f"layers.{layer}.{name.removesuffix('_ED')}": parameter
        for layer, block in enumerate(moe_blocks(model).values())
        for name, parameter in block.router.named_parameters()
    }


@contextmanager
def _forced(model: Any, index: int) -> Iterator[None]:
    blocks = moe_blocks(model).values()
    before = [block.forced for block in blocks]
    for block in blocks:
        block.forced = index
    try:
        yield
    finally:
        for block, forced in zip(blocks, before, strict=True):
            block.forced = forced
