"""Composes a base and experts into one model, and reads or changes its experts and gates.

``compose`` puts a ``FactoredMoE`` in the place of each layer's MLP and ``decompose`` takes it out again, both in place.
In between, experts and gates can be read and replaced, the model can run as one of its experts or as its base, and the
routing of each forward pass can be recorded.

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
        experts: One or more experts with different names, trained on this base; ranks may differ. The anchor
            (``lora.anchor_expert``) may be one more, the last.
        kind: Gate; see ``router``.
        top_k: Experts a token; for ``softmax`` all.
        dtype: Type of the experts' parameters: float32 for training, None for the model's own type.
        attention: What to do with deltas outside the MLP, which no router can reach: ``error`` refuses, ``base`` leaves
            them out with a warning.

    Returns:
        The same model.

    Raises:
        ModelError: No experts but the anchor, equal names, an anchor that is not the last, an expert that does not fit
            the base, deltas outside the MLP, a wrong top_k, or a model that is already composed.
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
    """Whether the model has routed blocks."""
    return any(isinstance(module, FactoredMoE) for module in model.modules())


def moe_blocks(model: Any) -> dict[str, FactoredMoE]:
    """The composed blocks by path, in the order of the layers.

    Raises:
        ModelError: The model is not composed.
    """
    blocks = {path: mlp for path, mlp in mlp_blocks(model).items() if isinstance(mlp, FactoredMoE)}
    if not blocks:
        raise ModelError("the model is not composed: it has no routed blocks")
    return blocks


def expert_names(model: Any) -> tuple[str, ...]:
    """Names of the experts of a composed model, in order."""
    return next(iter(moe_blocks(model).values())).names


def extract_experts(model: Any) -> list[LoraExpert]:
    """Copies the experts of a composed model, in their parameters' type; unchanged experts are returned exactly."""
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
    """Copies the gates: ``layers.<i>.weight`` (E, D) and, when noisy, ``layers.<i>.noise`` (E, D), in float32."""
    return {name: parameter.detach().clone() for name, parameter in _router_parameters(model).items()}


def load_router(model: Any, tensors: Mapping[str, Tensor]) -> None:
    """Sets the gates in place from what ``extract_router`` gave.

    Raises:
        ModelError: Names or shapes are not those of this model's gates.
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
    """Runs a composed model as exactly one of its experts inside the context, without calling the gates.

    Raises:
        ModelError: There is no expert of that name.
    """
    names = expert_names(model)
    if name not in names:
        raise ModelError(f"there is no expert {name!r}: allowed: {', '.join(names)}")
    with _forced(model, names.index(name)):
        yield


@contextmanager
def force_base(model: Any) -> Iterator[None]:
    """Runs a composed model as its base inside the context, bit for bit, without calling the gates."""
    with _forced(model, BASE):
        yield


@contextmanager
def record_routing(model: Any) -> Iterator[dict[int, Routing]]:
    """Yields a dictionary that holds, after each forward pass, the routing of every layer in that pass.

    Tokens are in the order of the flattened input. Gradients flow through what is recorded.
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
