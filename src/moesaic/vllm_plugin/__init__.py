"""The plug-in for vLLM: ``vllm serve FOLDER`` serves what ``moesaic export --format vllm`` writes.

vLLM finds ``register`` through the entry point ``vllm.general_plugins`` and calls it in each of its processes. It
imports only what registering needs; the classes of the models are imported when vLLM opens such a folder.
"""

from __future__ import annotations

from moesaic.vllm_plugin.layout import ARCHITECTURES


def register() -> None:
    """Registers the configurations with transformers and the models with vLLM; may be called more than once."""
    from transformers import AutoConfig
    from vllm import ModelRegistry

    from moesaic.vllm_plugin.configs import CONFIGS

    for config in CONFIGS:
        AutoConfig.register(config.model_type, config, exist_ok=True)
    known = ModelRegistry.get_supported_archs()
    for architecture in ARCHITECTURES.values():
        if architecture not in known:
            ModelRegistry.register_model(architecture, f"moesaic.vllm_plugin.models:{architecture}")
