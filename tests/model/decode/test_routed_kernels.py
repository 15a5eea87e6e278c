"""The kernels against float64, on a GPU, or interpreted on a CPU (``conftest`` at the root of the tests)."""

import os

import pytest
import torch
import torch.nn.functional as F

from moesaic.model.router import top_experts

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DEVICE = "cpu" if INTERPRETED else "cuda"
# Triton's interpreter takes the bits of bfloat16 operands of a product for integers. Decoding uses no float32 kernels.
DTYPES = [torch.float16, torch.float32 if INTERPRETED else torch.bfloat16]

pytest.importorskip("triton", reason="needs Triton: moesaic[dev] on Linux, or torch for CUDA")
if not INTERPRETED:
    pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]

SHAPES = [  # tokens, experts with factors, rank, top_k, F
    (1, 4, 16, 2, 300),
    (2, 4, 16, 2, 128),
    (5, 3, 4, 2, 48),
    (20, 4, 5, 3, 130),
    (40, 8, 16, 1, 64),
    (33, 2, 8, 2, 64),
    (1, 20, 16, 4, 64),
    (7, 9, 20, 2, 140),
    (3, 1, 4, 1, 32),
    (18, 16, 3, 8, 32),
    (1, 4, 16, 2, 300, True),
    (5, 4, 3, 2, 48, True),
    (40, 3, 16, 1, 64, True),
    (7, 2, 20, 3, 140, True),
]
"""... and whether one expert more is the anchor, which has no ranks. With few ranks those that only fill a block up are
next to the last expert's."""


def inputs(num_tokens, num_experts, rank, top_k, size, anchor=False, dtype=torch.float16, seed=0):
    """Arguments of ``routed_hidden``: slices of one product, as in a step; logits with ties."""
    generator = torch.Generator().manual_seed(seed)
    size_n = num_experts * rank

    def random(*sizes, scale=1.0):
        return (torch.randn(*sizes, generator=generator) * scale).to(DEVICE, dtype)

    # What lies behind the last rank must not be read.
    gate, up, low, _ = torch.split(
        torch.cat([random(num_tokens, 2 * size + 2 * size_n), random(num_tokens, 64) * float("nan")], dim=1),
        [size, size, 2 * size_n, 64],
        dim=1,
    )
    logits = torch.randn(num_tokens, num_experts + anchor, generator=generator).round().to(DEVICE)
    scales = (torch.rand(num_experts, generator=generator) + 0.5).to(DEVICE)
    B_PNF, A_NF = random(2, size_n, size, scale=0.2), random(size_n, size, scale=0.1)
    return gate, up, low, logits, scales, B_PNF, A_NF, top_k


def exact(gate, up, low, logits, scales, B_PNF, A_NF, top_k):
    """The same in float64, from the routing of ``top_experts``; scales and weights rounded as the block rounds them."""
    weights, chosen = top_experts(logits, top_k)
    num_tokens, num_experts = len(logits), len(scales)
    mask = (chosen[..., :num_experts] * scales).to(low.dtype).double()[..., None]
    low = (low.double().view(num_tokens, 2, 1, num_experts, -1) * mask[:, None]).flatten(3)
    gate, up = (base.double()[:, None] + low[:, p] @ B_PNF[p].double() for p, base in enumerate((gate, up)))
    h = F.silu(gate) * up * weights.to(A_NF.dtype).double()[..., None]
    down = (h @ A_NF.double().T).view(num_tokens, top_k, num_experts, -1) * mask
    return h.sum(1), down.sum(1).flatten(1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_hidden_activations_and_their_shares(shape, dtype):
    from moesaic.model.decode.routed_kernels import routed_hidden

    arguments = inputs(*shape, dtype=dtype)
    found, shares = routed_hidden(*arguments)
    expected, down = exact(*arguments)
    assert (found.dtype, shares.dtype) == (dtype, torch.float32)
    unit = torch.finfo(dtype).eps if dtype != torch.float32 else 1e-5
    assert torch.allclose(found.double(), expected, rtol=2 * unit, atol=unit * expected.abs().max().item())
    assert torch.allclose(shares.double().sum(0), down, rtol=2 * unit, atol=unit * down.abs().max().item())


def test_of_equal_logits_the_lower_index_is_chosen():
    from moesaic.model.decode.routed_kernels import routed_hidden

    gate, up, low, logits, scales, B_PNF, A_NF, top_k = inputs(3, 5, 4, 2, 32)
    logits = torch.tensor([[0.0, 0, 0, 0, 0], [1, 2, 1, 2, 2], [3, 1, 2, 2, 2]], device=DEVICE)
    _, shares = routed_hidden(gate, up, low, logits, scales, B_PNF, A_NF, top_k)
    chosen = shares.sum(0).view(3, 5, 4).abs().sum(-1) > 0
    assert [row.nonzero().flatten().tolist() for row in chosen] == [[0, 1], [1, 3], [0, 2]]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("num_tokens", "num_tiles"), [(1, 1), (1, 5), (1, 150), (2, 1), (40, 1)])
@pytest.mark.parametrize("size_n", [6, 64, 100])
def test_output(num_tokens, num_tiles, size_n, dtype):
    from moesaic.model.decode.routed_kernels import routed_output

    generator = torch.Generator().manual_seed(0)
    y, residual, attention = (torch.randn(num_tokens, 72, generator=generator).to(DEVICE, dtype) for _ in range(3))
    shares = (torch.randn(num_tiles, num_tokens, size_n, generator=generator) / num_tiles**0.5).to(DEVICE)
    factors = (torch.randn(size_n, 72, generator=generator) * 0.2).to(DEVICE, dtype)
    found = routed_output(y, residual, attention, shares, factors)
    low = shares.double().sum(0).to(dtype).double()
    expected = residual.double() + attention.double() + y.double() + low @ factors.double()
    unit = torch.finfo(dtype).eps if dtype != torch.float32 else 1e-5
    assert torch.allclose(found.double(), expected, rtol=2 * unit, atol=2 * unit)


@pytest.mark.parametrize("num_tokens", [1, 5])
def test_operators_are_what_the_compiler_is_told(num_tokens):
    from moesaic.model.decode.routed_kernels import routed_hidden, routed_output

    arguments = inputs(num_tokens, 4, 4, 2, 300)
    torch.library.opcheck(routed_hidden, arguments)
    _, shares = routed_hidden(*arguments)
    shares = shares if num_tokens == 1 else shares.sum(0, keepdim=True)
    *added, factors = (torch.randn(rows, 72, device=DEVICE).half() for rows in (*[num_tokens] * 3, 16))
    torch.library.opcheck(routed_output, (*added, shares, factors))


@pytest.mark.skipif(INTERPRETED, reason="one program after the other is always the same")
def test_every_run_has_the_same_bits():
    from moesaic.model.decode.routed_kernels import routed_hidden

    arguments = inputs(32, 4, 16, 2, 3000, dtype=torch.bfloat16)
    first = routed_hidden(*arguments)
    for _ in range(20):
        assert all(torch.equal(one, other) for one, other in zip(routed_hidden(*arguments), first, strict=True))
