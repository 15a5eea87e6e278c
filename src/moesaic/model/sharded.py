"""Spreads the layers of a base that does not fit one GPU over the processes of a run (FSDP2).

    shard_base(model, device)      once, right after the base was loaded

Each process keeps a part of every decoder layer's weights; a layer is put together when it runs, in the forward and
again in the backward pass, and let go behind it (Zhao et al. 2023, "PyTorch FSDP", arXiv:2304.11277). Embedding, final
norm and head stay whole in each process. So do adapters, experts and gates, which are put on later: they are small, and
their gradients are added up as those of an unsharded base are (``train.rows``). Nothing of the base has a gradient, so
nothing is ever reduced or scattered.

To put a layer together all processes have to take part, so all run as many passes as the one with the most work: what
is left over is an ``idle_pass``.
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
    """Spreads a model's decoder layers over all processes, in place, and moves all of it to this process's device.

    Args:
        model: A causal language model without gradients, the same in all processes; its weights may be on the CPU, from
            where they go layer by layer.
        device: Where this process computes.
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
    # The decoder has no weights of its own to share; as the root it lets one layer come while another one runs.
    fully_shard(decoder, mesh=mesh, ignored_params=whole)
    for module in model.modules():
        for name, buffer in module._buffers.items():
            if buffer is not None and buffer.device != device:
                module._buffers[name] = buffer.to(device)
    # What FSDP makes at first use is made here: made in inference mode, it could not be trained with.
    with torch.no_grad():
        idle_pass(model)


def is_sharded(model: Any) -> bool:
    """Whether the layers of a model are spread over several processes."""
    fsdp = sys.modules.get("torch.distributed.fsdp")  # not imported: nothing was sharded
    return fsdp is not None and any(isinstance(layer, fsdp.FSDPModule) for layer in model.get_decoder().layers)


def idle_pass(model: Any) -> None:
    """Takes part in one pass of the other processes through all layers, with nothing of its own to compute."""
    decoder = model.get_decoder()
    device = decoder.embed_tokens.weight.device
    zeros_11 = torch.zeros(1, 1, dtype=torch.long, device=device)
    ends_2 = torch.tensor([0, 1], dtype=torch.int32, device=device)
    with packed_attention(model):
        decoder(input_ids=zeros_11, position_ids=zeros_11, cu_seqlens=ends_2, max_seqlen=1, use_cache=False)


def is_anyone_busy(model: Any, busy: bool) -> bool:
    """Whether another pass is due: in any of the processes that share the model's layers, or else in this one."""
    if not is_sharded(model):
        return busy
    return bool(world().add(torch.tensor(int(busy))).item())


def whole_layers(layers: Sequence[Any]) -> Iterator[Any]:
    """Yields decoder layers whose weights are whole meanwhile, for those who use them without calling the layer.

    Of sharded layers the next one's weights are on their way while one is used.
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
