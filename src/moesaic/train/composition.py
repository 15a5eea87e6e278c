"""Joins experts under gates that were not trained by back-propagation, and saves the model folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from accelerate import Accelerator

from moesaic.checkpoint.native import save_model_folder
from moesaic.data.prompts import EncodedExample
from moesaic.gates import experts_per_token
from moesaic.model.attention import packed_attention
from moesaic.model.backbone import Base
from moesaic.model.lora import anchor_expert, read_adapter
from moesaic.model.moe import compose, decompose, extract_experts, extract_router
from moesaic.recipe import GateRecipe
from moesaic.train.gate_init import initial_gates


def compose_folder(
    accelerator: Accelerator,
    base: Base,
    base_spec: Mapping[str, Any],
    adapters: Mapping[str, Path],
    programs: dict[str, list[EncodedExample]],
    options: GateRecipe,
    init: Literal["ridge", "prompts", "zero"],
    row_tokens: int,
    folder: Path,
) -> None:
    """Composes adapters, fits the initial gates and writes a model folder with unchanged copies of the adapters' files.

    Args:
        accelerator: Precision of the forward passes.
        base: The base model. It is changed in place and restored afterwards.
        base_spec: The recipe's ``base`` section.
        adapters: Expert name -> adapter folder, in the order of the gates' rows.
        programs: Expert name -> encoded training programs that the gates are fitted on. With ``gate.anchor``, the
            anchor may have none; its rows then start at zero.
        options: Kind of gate, experts per token, anchor.
        init: How the gates are fitted; see ``gate_init``.
        row_tokens: Tokens per forward pass.
        folder: The model folder.

    Raises:
        CheckpointError: An adapter's files are corrupt.
        ModelError: An adapter does not fit the base.
    """
    experts = [read_adapter(path, name) for name, path in adapters.items()]
    if options.anchor:
        experts.append(anchor_expert())
    top_k = experts_per_token(options.kind, options.top_k, len(experts))
    model = compose(base.model, experts, options.kind, top_k, dtype=torch.float32, attention="base")
    try:
        with packed_attention(model):
            initial_gates(model, programs, init, row_tokens, accelerator.autocast)
        if accelerator.is_main_process:
            save_model_folder(
                folder,
                base_spec=base_spec,
                base_digest=base.digest,
                experts=extract_experts(model),
                router_tensors=extract_router(model),
                kind=options.kind,
                top_k=top_k,
                reuse=adapters,
            )
    finally:
        decompose(model)
