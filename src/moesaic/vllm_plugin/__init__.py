"""The plug-in for vLLM: ``vllm serve FOLDER`` serves what ``moesaic export --format vllm`` writes.

vLLM finds ``register`` through the entry point ``vllm.general_plugins`` and calls it in each of its processes. Nothing
else of moesaic is imported there, and none of vLLM's models before a folder of ours is opened.
"""

from __future__ import annotations

from moesaic.vllm_plugin.layout import ARCHITECTURES


def register() -> None:
    """Tells transformers of our configurations and vLLM of our models; may be called more than once."""
    from transformers import AutoConfig
    from vllm import ModelRegistry

    from moesaic.vllm_plugin.configs import CONFIGS

    for config in CONFIGS:
        AutoConfig.register(config.model_type, config, exist_ok=True)
    known = ModelRegistry.get_supported_archs()
    for architecture in ARCHITECTURES.values():
        if architecture not in known:
            ModelRegistry.register_model(architecture, f"moesaic.vllm_plugin.models:{architecture}")
