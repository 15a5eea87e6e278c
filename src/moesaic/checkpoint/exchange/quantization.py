"""Computes what a 4-bit base does to the weights, and checks whether a model really is 4-bit.

QLoRA trains experts on NF4 weights (Dettmers et al. 2023, section 3). The function that was trained is therefore
W_nf4 + scale B A, where W_nf4 is the result of quantising W with bitsandbytes and dequantising it again. The values are
quantised in blocks of 64, and the greatest magnitudes of the blocks are quantised to 8 bits in blocks of 256 ("double
quantisation").
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from moesaic.errors import DependencyError, ModelError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

_BLOCK = 64
_STATISTICS_BLOCK = 256


def nf4_round_trip(pieces_RI: Iterable[Tensor], dtype: torch.dtype) -> Iterator[Tensor]:
    """Quantises a matrix to NF4 with double quantisation and dequantises it again, piece by piece.

    The second quantisation needs the mean over the whole matrix, so no piece is yielded before all were read. In
    between, only the 4-bit codes are in memory, which take an eighth of the matrix in float32.

    Args:
        pieces_RI: The rows in order. Each piece except the last has a multiple of 64 values.
        dtype: Type of the weights when they are quantised, and of the result.

    Yields:
        The pieces in their order and shapes.

    Raises:
        DependencyError: bitsandbytes is not installed.
    """
    if importlib.util.find_spec("bitsandbytes") is None:
        raise DependencyError("bitsandbytes", "quant", "merging onto the 4-bit base that the experts were trained on")
    import torch
    from bitsandbytes import functional as bnb

    codes, magnitudes, shapes = [], [], []
    for piece_RI in pieces_RI:
        code, state = bnb.quantize_4bit(piece_RI.to(dtype), blocksize=_BLOCK, quant_type="nf4")
        codes.append(code)
        magnitudes.append(state.absmax)
        shapes.append(piece_RI.shape)
    all_magnitudes = torch.cat(magnitudes)
    offset = all_magnitudes.mean()
    compressed, statistics = bnb.quantize_blockwise(all_magnitudes - offset, blocksize=_STATISTICS_BLOCK)
    restored = (bnb.dequantize_blockwise(compressed, statistics) + offset).split([len(part) for part in magnitudes])
    for code, absmax, shape in zip(codes, restored, shapes, strict=True):
        state = bnb.QuantState(
            absmax=absmax.contiguous(),
            shape=shape,
            dtype=dtype,
            blocksize=_BLOCK,
            code=bnb.get_4bit_type("nf4", device=code.device),
            quant_type="nf4",
        )
        yield bnb.dequantize_4bit(code, state)


def assert_experts_quantized(model: nn.Module) -> None:
    """Checks that the experts of a model that was loaded in 4 bits really have 4 bits.

    transformers 5 stores all experts of a layer as one parameter, whereas bitsandbytes replaces only linear modules.
    Therefore the experts, which are nine tenths of the model, would silently stay in full precision.

    Raises:
        ModelError: The model has no experts, or the weights of an expert are in floating point.
    """
    experts = {name: parameter for name, parameter in model.named_parameters() if ".experts." in f".{name}"}
    if not experts:
        raise ModelError(f"{type(model).__name__} has no experts: nothing to check for 4-bit weights")
    full = {name: parameter for name, parameter in experts.items() if parameter.is_floating_point()}
    if full:
        name, first = next(iter(full.items()))
        size = sum(_num_bytes(parameter) for parameter in full.values())
        raise ModelError(
            f"4 bits were asked for, but {len(full)} expert weights are in full precision ({name}: {first.dtype}; "
            f"together {size / 2**30:.2f} GiB). Load the moesaic folder with base.quantize: nf4 instead of its Mixtral "
            "export, or export to GGUF (--format gguf --quantize q8_0)"
        )


def _num_bytes(parameter: Any) -> int:
    return int(parameter.numel() * parameter.element_size())
