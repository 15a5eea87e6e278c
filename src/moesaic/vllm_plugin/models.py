"""vLLM's models with routed blocks instead of their MLPs; only vLLM imports this module.

Attention, caches, embedding, norms and linear layers, quantised or not, are vLLM's own. vLLM first makes the base; then
the MLP of each layer is wrapped, so that its projections keep their names and their shards.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vllm.config import VllmConfig
from vllm.distributed import (
    get_tensor_model_parallel_rank,
    get_tensor_model_parallel_world_size,
    tensor_model_parallel_all_reduce,
)
from vllm.model_executor.models.llama import LlamaForCausalLM
from vllm.model_executor.models.mistral import MistralForCausalLM
from vllm.model_executor.models.qwen2 import Qwen2ForCausalLM
from vllm.model_executor.models.qwen3 import Qwen3ForCausalLM

from moesaic.errors import ModelError
from moesaic.vllm_plugin.block import RoutedMLP
from moesaic.vllm_plugin.layout import SETTINGS, RoutedSettings


class _Routed:
    """Replaces the MLPs of a model by routed blocks; the first base class of every model in this module."""

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = "") -> None:
        if vllm_config.lora_config is not None:  # the base classes claim to support it, but the block does not
            raise ModelError("--enable-lora: a model of routed experts does not support further adapters; leave it out")
        super().__init__(vllm_config=vllm_config, prefix=prefix)  # type: ignore[call-arg]
        model: Any = self
        config = vllm_config.model_config.hf_config
        settings = RoutedSettings.read(getattr(config, SETTINGS, None))
        num_ranks = get_tensor_model_parallel_world_size()
        decoder = model.model
        for layer in decoder.layers[decoder.start_layer : decoder.end_layer]:
            layer.mlp.down_proj.reduce_results = False  # the block sums over ranks, together with the low-rank part
            layer.mlp = RoutedMLP(
                layer.mlp,
                config.hidden_size,
                config.intermediate_size,
                settings,
                get_tensor_model_parallel_rank(),
                num_ranks,
                tensor_model_parallel_all_reduce if num_ranks > 1 else _alone,
            )

    def load_weights(self, weights: Iterable[tuple[str, Any]]) -> set[str]:
        """Loads the weights as vLLM does for the base, and returns the names of those that were loaded.

        Raises:
            ModelError: The folder lacks factors or gates. vLLM might leave them uninitialised without an error.
        """
        model: Any = super()
        loaded: set[str] = model.load_weights(weights)
        own = {f"{path}.{name}" for path, block in _blocks(self) for name, _ in block.named_parameters(recurse=False)}
        if missing := sorted(own - loaded):
            raise ModelError(
                f"the folder lacks {missing[0]} and {len(missing) - 1} more tensors: export the model again"
            )
        return loaded


def _blocks(model: Any) -> list[tuple[str, RoutedMLP]]:
    return [(path, module) for path, module in model.named_modules() if isinstance(module, RoutedMLP)]


def _alone(y_TD: Any) -> Any:
    return y_TD


class MoesaicLlamaForCausalLM(_Routed, LlamaForCausalLM):
    """Llama with routed blocks."""


class MoesaicMistralForCausalLM(_Routed, MistralForCausalLM):
    """Mistral with routed blocks."""


class MoesaicQwen2ForCausalLM(_Routed, Qwen2ForCausalLM):
    """Qwen2 with routed blocks."""


class MoesaicQwen3ForCausalLM(_Routed, Qwen3ForCausalLM):
    """Qwen3 with routed blocks."""
