"""A packed forward pass is the documents' own forward passes, gradients included."""

import pytest
import torch

from moesaic.model import attention
from moesaic.model.attention import block_diagonal_mask, packed_attention
from moesaic.model.moe import compose
from pico import pico_llama, pico_mistral, random_experts, random_gates

LENGTHS = (5, 1, 12, 3)


def documents():
    generator = torch.Generator().manual_seed(0)
    return [torch.randint(0, 256, (1, length), generator=generator) for length in LENGTHS]


def packed_logits(model, rows):
    lengths = [row.shape[1] for row in rows]
    cu_seqlens = torch.tensor([0, *lengths]).cumsum(0).int()
    position_ids = torch.cat([torch.arange(length) for length in lengths])[None]
    with packed_attention(model):
        return model(
            torch.cat(rows, 1),
            position_ids=position_ids,
            cu_seqlens=cu_seqlens,
            max_seqlen=max(lengths),
            use_cache=False,
        ).logits


MODELS = {
    "llama": pico_llama,
    "llama without grouped queries": lambda: pico_llama(num_key_value_heads=4),
    "mistral": pico_mistral,
    "mistral with a window": lambda: pico_mistral(sliding_window=4),
    "composed": lambda: compose(pico_llama(), random_experts(pico_llama()), "top_k", 2),
}


@pytest.mark.parametrize("name", MODELS)
def test_packed_equals_separate_with_gradients(name):
    model = MODELS[name]()
    if name == "composed":
        random_gates(model)
    separate = torch.cat([model(row, use_cache=False).logits for row in documents()], 1)
    upstream = torch.randn(separate.shape, generator=torch.Generator().manual_seed(1))
    expected = torch.autograd.grad(separate, list(model.parameters()), upstream)
    packed = packed_logits(model, documents())
    torch.testing.assert_close(packed, separate, rtol=1e-4, atol=1e-5)
    for ours, theirs in zip(torch.autograd.grad(packed, list(model.parameters()), upstream), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("window", [None, 4])
def test_masked_path_equals_the_loop(window, monkeypatch):
    """The path for GPUs without the variable-length kernel, run here on the CPU."""
    generator = torch.Generator().manual_seed(2)
    query, key, value = (torch.randn(1, heads, sum(LENGTHS), 8, generator=generator) for heads in (4, 2, 2))
    cu_seqlens = torch.tensor([0, *LENGTHS]).cumsum(0).int()
    mask = block_diagonal_mask(cu_seqlens, sum(LENGTHS), window)
    expected = torch.nn.functional.scaled_dot_product_attention(query, key, value, mask, scale=0.3, enable_gqa=True)
    result, _ = attention.attend_packed(
        torch.nn.Identity(),
        query,
        key,
        value,
        None,
        scaling=0.3,
        sliding_window=window,
        cu_seqlens=cu_seqlens,
        max_seqlen=12,
    )
    torch.testing.assert_close(result, expected.transpose(1, 2))


def test_block_diagonal_mask_by_hand():
    mask = block_diagonal_mask(torch.tensor([0, 2, 5]), 5).int().tolist()
    assert mask == [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 1, 1, 0], [0, 0, 1, 1, 1]]
    windowed = block_diagonal_mask(torch.tensor([0, 5]), 5, window=2).int().tolist()
    assert windowed == [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [0, 1, 1, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 1, 1]]


def test_a_document_cannot_see_another():
    model, rows = pico_llama(), documents()
    before = packed_logits(model, rows)
    rows[0] = (rows[0] + 1) % 256
    after = packed_logits(model, rows)
    assert not torch.equal(before[:, :5], after[:, :5])
    assert torch.equal(before[:, 5:], after[:, 5:])


def test_attention_is_restored_and_boundaries_are_required():
    model = pico_llama()
    before = model.config._attn_implementation
    with pytest.raises(ValueError, match="cu_seqlens"), packed_attention(model):
        model(torch.zeros(1, 3, dtype=torch.long))
    assert model.config._attn_implementation == before
    model(torch.zeros(2, 3, dtype=torch.long))
