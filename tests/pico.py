"""Models, tokenizers and adapters small enough for a unit test, built in code: nothing is downloaded."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
)

from moesaic.model.lora import LoraExpert, LowRank, anchor_expert

VOCABULARY = 260
MLP = ("gate_proj", "up_proj", "down_proj")
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
_SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "bos_token_id": 256,
    "eos_token_id": 258,
    "pad_token_id": 259,
}
_CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def pico_llama(seed: int = 0, **sizes: Any) -> LlamaForCausalLM:
    """A Llama with random weights, grouped-query attention, two layers; float32, evaluation mode."""
    return _initialised(LlamaForCausalLM, LlamaConfig(**{**_SIZES, "tie_word_embeddings": True, **sizes}), seed)


def pico_mistral(seed: int = 0, **sizes: Any) -> MistralForCausalLM:
    """A Mistral with random weights; no sliding window unless asked for."""
    return _initialised(MistralForCausalLM, MistralConfig(**{**_SIZES, "sliding_window": None, **sizes}), seed)


def pico_tokenizer(chat: bool = True) -> PreTrainedTokenizerFast:
    """One token a byte, plus ``<|bos|>``, ``<|im_start|>``, ``<|im_end|>`` (end of turn) and ``<|pad|>``."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={character: i for i, character in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|bos|>", "<|im_start|>", "<|im_end|>", "<|pad|>"])
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|bos|>", eos_token="<|im_end|>", pad_token="<|pad|>"
    )
    wrapped.chat_template = _CHAT_TEMPLATE if chat else None
    return wrapped


def pico_base(folder: Path, seed: int = 0, chat: bool = True, mistral: bool = False, **sizes: Any) -> Path:
    """Saves a pico model and tokenizer as a checkpoint folder."""
    (pico_mistral if mistral else pico_llama)(seed, **sizes).save_pretrained(folder)
    pico_tokenizer(chat).save_pretrained(folder)
    return folder


def random_expert(
    model: Any, name: str = "python", rank: int = 4, seed: int = 1, scale: float = 2.0, targets: tuple[str, ...] = MLP
) -> LoraExpert:
    """An expert whose deltas are about as large as the weights they change."""
    generator = torch.Generator().manual_seed(seed)
    dtype = next(model.parameters()).dtype
    deltas = {}
    for path, module in model.named_modules():
        if path.rpartition(".")[2] in targets and ".layers." in f".{path}":
            A_RI = torch.randn(rank, module.in_features, generator=generator) * 0.1
            B_OR = torch.randn(module.out_features, rank, generator=generator) * 0.1
            deltas[path] = LowRank(A_RI.to(dtype), B_OR.to(dtype))
    return LoraExpert(name, rank, scale, deltas)


def random_experts(
    model: Any, names: tuple[str, ...] = ("python", "java", "cpp"), ranks: tuple[int, ...] = (4, 2, 3)
) -> list[LoraExpert]:
    """Experts of different ranks and scales."""
    return [
        random_expert(model, name, rank, seed=10 + i, scale=[2.0, 0.5, 1.0][i % 3])
        for i, (name, rank) in enumerate(zip(names, ranks, strict=True))
    ]


def with_anchor(experts: list[LoraExpert]) -> list[LoraExpert]:
    """The experts and the base itself."""
    return [*experts, anchor_expert()]


def random_peft_adapter(
    model: Any, folder: Path, rank: int = 4, seed: int = 1, targets: tuple[str, ...] = MLP, **options: Any
) -> Any:
    """Saves an adapter with random factors by PEFT itself; returns the PEFT model (``model`` is changed by PEFT)."""
    from peft import LoraConfig, get_peft_model

    options = {"r": rank, "lora_alpha": 2 * rank, "target_modules": list(targets), "task_type": "CAUSAL_LM", **options}
    peft_model = get_peft_model(model, LoraConfig(**options))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, parameter in peft_model.named_parameters():
            if "lora_" in key:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
    peft_model.save_pretrained(str(folder))
    return peft_model.eval()


def random_gates(model: Any, seed: int = 5, size: float = 1.0) -> None:
    """Gives the routers of a composed model random weights, so that tokens go to different experts."""
    from moesaic.model.moe import moe_blocks

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for block in moe_blocks(model).values():
            block.router.weight_ED.copy_(torch.randn(block.router.weight_ED.shape, generator=generator) * size)


def pico_routed(anchor: bool = False, kind: Any = "top_k", top_k: int = 2, **sizes: Any) -> LlamaForCausalLM:
    """A composed model of random experts, perhaps with an anchor, whose tokens go to different ones."""
    from moesaic.model.moe import compose

    model = pico_llama(**sizes)
    experts = random_experts(model)
    compose(model, with_anchor(experts) if anchor else experts, kind, top_k)
    random_gates(model)
    return model


class TracedGraphs(list[Any]):
    """A backend for ``torch.compile`` without a compiler: it keeps every graph that is traced and runs it as it is.

    Up to there it does what a compiler does, so that it too fails where a size that varies would be fixed.
    """

    def __call__(self, graph: Any, inputs: Any) -> Any:
        from torch._dynamo.backends.debugging import aot_eager

        self.append(graph)
        return aot_eager(graph, inputs)

    def compile_steps(self, batch: Any) -> None:
        """Lets a SlotBatch decode through this backend."""
        from moesaic.model.decode.step import after_attention, before_attention

        batch._compiles = True
        batch._before = torch.compile(before_attention, backend=self, fullgraph=True)
        batch._after = torch.compile(after_attention, backend=self, fullgraph=True)


def _initialised(kind: Any, config: Any, seed: int) -> Any:
    torch.manual_seed(seed)
    model = kind(config)
    # transformers' 0.02 leaves such a small model nearly linear; larger weights make differences visible.
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.mul_(6.0)
    return model.eval()
