"""Configurations of exports for vLLM: that of the base, with a model type that only the plug-in knows."""

from __future__ import annotations

from transformers import LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config

from moesaic.vllm_plugin.layout import MODEL_TYPES


class MoesaicLlamaConfig(LlamaConfig):
    """Llama with routed blocks."""

    model_type = MODEL_TYPES["llama"]


class MoesaicMistralConfig(MistralConfig):
    """Mistral with routed blocks."""

    model_type = MODEL_TYPES["mistral"]


class MoesaicQwen2Config(Qwen2Config):
    """Qwen2 with routed blocks."""

    model_type = MODEL_TYPES["qwen2"]


class MoesaicQwen3Config(Qwen3Config):
    """Qwen3 with routed blocks."""

    model_type = MODEL_TYPES["qwen3"]


CONFIGS = (MoesaicLlamaConfig, MoesaicMistralConfig, MoesaicQwen2Config, MoesaicQwen3Config)
