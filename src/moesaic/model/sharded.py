"""Spreads the layers of a base that does not fit one GPU over the processes of a run (FSDP2).

    shard_base(model, device)      once, right after the base was loaded

Each process keeps a part of the weights of every decoder layer. The weights of a layer are gathered when it runs, in
the forward and again in the backward pass, and freed afterwards (Zhao et al. 2023, "PyTorch FSDP", arXiv:2304.11277).
Embedding, final norm and head are complete in each process. So are adapters, experts and gates, which are added later:
they are small, and their gradients are summed as with an unsharded base (``train.rows``). The base has no gradients, so
there is nothing to reduce or scatter.

All processes have to take part in gathering a layer. Therefore they all run as many passes as the process with the most
work; the others run an ``idle_pass`` in place of the passes that they lack.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch

from moesaic.model.attention import packed_attention
from moesaic.ranks import world

if TYPE_CHECKING:
    from torch.distributed.fsdp import FSDPModule


def shard_base(model: Any, device: torch.device) -> None:
    """Spreads the decoder layers of a model over all processes, in place, and moves the model to a device.

    Args:
        model: A causal language model without gradients, the same in all processes. Its weights may be on the CPU; they
            are moved layer by layer.
        device: The device of this process.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    decoder = model.get_decoder()
    mesh = init_device_mesh(device.type, (world().count,))
    for layer in decoder.layers:
        fully_shard(layer, mesh=mesh, reshard_after_forward=True)
    outside = {id(parameter) for layer in decoder.layers for parameter in layer.parameters()}
    whole = {parameter for parameter in model.parameters() if id(parameter) not in outside}
    for parameter in whole:
        parameter.data = parameter.data.to(device)
    # The decoder has no weights of its own to shard. As the root, it gathers a layer while the previous one runs.
    fully_shard(decoder, mesh=mesh, ignored_params=whole)
    for module in model.modules():
        for name, buffer in module._buffers.items():
            if buffer is not None and buffer.device != device:
                module._buffers[name] = buffer.to(device)
    # FSDP makes tensors at first use. If that were in inference mode, they could not be used in training.
    with torch.no_grad():
        idle_pass(model)


def is_sharded(model: Any) -> bool:
    """Returns whether the layers of a model are spread over several processes."""
    fsdp = sys.modules.get("torch.distributed.fsdp")  # as long as it is not imported, nothing is sharded
    return fsdp is not None and any(isinstance(layer, fsdp.FSDPModule) for layer in model.get_decoder().layers)


def idle_pass(model: Any) -> None:
    """Takes part in a pass of the other processes through all layers, with a single token whose output is not used."""
    decoder = model.get_decoder()
    device = decoder.embed_tokens.weight.device
    zeros_11 = torch.zeros(1, 1, dtype=torch.long, device=device)
    ends_2 = torch.tensor([0, 1], dtype=torch.int32, device=device)
    with packed_attention(model):
        decoder(input_ids=zeros_11, position_ids=zeros_11, cu_seqlens=ends_2, max_seqlen=1, use_cache=False)


def is_anyone_busy(model: Any, busy: bool) -> bool:
    """Returns whether another pass is needed.

    Args:
        model: The model.
        busy: Whether this process needs another pass.

    Returns:
        If the model is sharded, whether any of the processes needs another pass, else ``busy``.
    """
    if not is_sharded(model):
        return busy
    return bool(world().add(torch.tensor(int(busy))).item())


def whole_layers(layers: Sequence[Any]) -> Iterator[Any]:
    """Yields the layers one by one, each with gathered weights.

    This is for code that uses the weights of a layer without calling the layer. While a layer is used, the weights of
    the next one are gathered.
    """
    sharded: Sequence[FSDPModule] = [layer for layer in layers if hasattr(layer, "unshard")]
    if not sharded:
        yield from layers
        return
    for index, layer in enumerate(sharded):
        layer.unshard()
        if index + 1 < len(sharded):
            sharded[index + 1].unshard(async_op=True)
        yield layer
        layer.reshard()
