"""The slots of batched decoding: cache, prefill of new rows, and one decoding step over the first rows.

The keys and values of a sequence fill its slot from column 0 on, so the rows of a batch can have different lengths and
can have been started at different times. The inputs and outputs of a step are always the same tensors, so that on CUDA
it can be replayed as a graph (``cuda``).

    slot 0   p p p p p p g g g .        p prompt, g generated, . free
    slot 1   p p g g g g g . . .
    slot 2   p p p p g . . . . .

Shapes: B slots, C cache columns, G key-value heads, A head size, V vocabulary, T tokens of the prompts, N prompts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from moesaic.model.attention import attend_packed
from moesaic.model.decode.routed import fits
from moesaic.model.decode.sampling import sample
from moesaic.model.decode.step import after_attention, attend, before_attention
from moesaic.model.families import check_modules, windows
from moesaic.model.sharded import is_sharded, whole_layers
from moesaic.model.stacks import LayerStacks, stack_layer

_MOST_VARIANTS = 64
"""Largest number of compiled forms of a function, which is enough for two forms for each of 30 systems in a process."""

_ALIGNMENT = 8
"""The number of cache columns is a multiple of this, because fused attention needs rows of the mask that are aligned to
16 bytes."""


class SlotBatch:
    """The tensors of the slots, and the operations on them.

    Args:
        model: The model, in evaluation mode. On a GPU, its projections are stacked (``stacks``).
        num_slots: Number of slots, which is the largest number of rows.
        capacity: Largest number of tokens of a row; it is rounded up a little.
        temperature: Temperature of sampling; see ``generate``.
        top_p: Threshold of sampling; see ``generate``.
        compile: Whether to compile the operations between the matrix products of a step, once for all layers, rows and
            lengths.

    Attributes:
        windows: The sliding window of each layer; see ``families.windows``.
        kernels: For each layer, whether its routed block is run with kernels of its own (``routed``).
        is_sharded: Whether the layers are spread over several processes (``sharded``), which run their steps together.
        kind: Identifies variants of the step besides its sizes, for captured graphs; here there is only one.
    """

    kind = ""

    def __init__(
        self, model: Any, num_slots: int, capacity: int, temperature: float, top_p: float, compile: bool = False
    ) -> None:
        self.model, self.decoder, self.head = model, model.get_decoder(), model.get_output_embeddings()
        self.num_slots, self.capacity = num_slots, -(-capacity // _ALIGNMENT) * _ALIGNMENT
        self.temperature, self.top_p = temperature, top_p
        self.device: torch.device = self.head.weight.device
        self.dtype: torch.dtype = self.decoder.embed_tokens.weight.dtype
        self.ids_B = torch.zeros(num_slots, dtype=torch.long, device=self.device)
        self.rows_B = torch.arange(num_slots, device=self.device)
        self.positions_B = torch.zeros_like(self.ids_B)
        self.logprobs_B = torch.zeros(num_slots, device=self.device)
        self.uniforms_B = torch.zeros(num_slots, dtype=torch.double, device=self.device)
        self.cache: list[tuple[Tensor, Tensor]] = []
        check_modules(model)
        self.windows = windows(model)
        self.is_sharded = is_sharded(model)  # weights that are gathered and freed can be neither moved nor captured
        # Not on a CPU, where ``few_row_products`` decides how each layer multiplies.
        can_stack = self.device.type == "cuda" and not self.is_sharded
        self._stacks = [stack_layer(layer) if can_stack else LayerStacks() for layer in self.decoder.layers]
        self.kernels = [not self.is_sharded and fits(layer) for layer in self.decoder.layers]
        self._compiles = compile and can_stack
        self._before, self._after, self._choose = before_attention, after_attention, sample
        if self._compiles:
            allow_variants()
            self._before, self._after = torch.compile(before_attention), torch.compile(after_attention)
            self._choose = torch.compile(sample)

    def admit(self, slots: range, prompts: Sequence[Sequence[int]]) -> list[int]:
        """Runs prompts as one packed row, fills slots with their keys and values, and samples their first tokens.

        Args:
            slots: The slots to fill, one per prompt.
            prompts: Token ids of the prompts.

        Returns:
            The position of each prompt's last token in the row.
        """
        last_ND, places = self._fill(slots, prompts)
        self.sample_rows(last_ND, slice(slots.start, slots.stop))
        return places

    def _fill(self, slots: range, prompts: Sequence[Sequence[int]]) -> tuple[Tensor, list[int]]:
        """Runs prompts and fills slots; returns each prompt's last normed state, and its position in the row."""
        lengths = [len(prompt) for prompt in prompts]
        ends_N = torch.tensor(lengths).cumsum(0)
        self.positions_B[slots.start : slots.stop] = torch.tensor(lengths, device=self.device)
        hidden_TD = self._prefill(
            torch.tensor([token for prompt in prompts for token in prompt], device=self.device),
            torch.arange(slots.start, slots.stop).repeat_interleave(torch.tensor(lengths)).to(self.device),
            torch.cat([torch.arange(length) for length in lengths]).to(self.device),
            F.pad(ends_N, (1, 0)).int().to(self.device),
            max(lengths),
        )
        last_N = ends_N - 1
        return hidden_TD[last_N.to(self.device)], last_N.tolist()

    def _prefill(
        self, ids_T: Tensor, slots_T: Tensor, positions_T: Tensor, cu_seqlens: Tensor, max_seqlen: int
    ) -> Tensor:
        """Runs a packed row through the layers, which write keys and values to the cache; returns the normed states."""
        if not self.cache:
            self.cache = [(self._new(layer), self._new(layer)) for layer in self.decoder.layers]
        hidden_TD = self.decoder.embed_tokens(ids_T)
        cos_1TA, sin_1TA = self.decoder.rotary_emb(hidden_TD[None], positions_T[None])
        layers = zip(whole_layers(self.decoder.layers), self.windows, self.cache, strict=True)
        for layer, window, (keys_BGCA, values_BGCA) in layers:
            query_TGNA = before_attention(
                layer, hidden_TD, cos_1TA[0], sin_1TA[0], keys_BGCA, values_BGCA, slots_T, positions_T
            )
            mixed_1THA, _ = attend_packed(
                layer.self_attn,
                query_TGNA.flatten(1, 2).transpose(0, 1)[None],
                keys_BGCA[slots_T, :, positions_T].transpose(0, 1)[None],
                values_BGCA[slots_T, :, positions_T].transpose(0, 1)[None],
                None,
                scaling=layer.self_attn.scaling,
                sliding_window=window,
                cu_seqlens=cu_seqlens,
                max_seqlen=max_seqlen,
            )
            hidden_TD = after_attention(layer, hidden_TD, mixed_1THA[0])
        normed_TD: Tensor = self.decoder.norm(hidden_TD)
        return normed_TD

    def step(self, num_rows: int, num_columns: int) -> None:
        """Feeds the last tokens of the first rows to the model, and replaces them by the next tokens.

        Args:
            num_rows: Number of rows, which may be more than are active.
            num_columns: Number of columns of the cache that are read, at least the greatest position + 1.
        """
        rows = slice(0, num_rows)
        positions_B, rows_B = self.positions_B[rows], self.rows_B[rows]
        masks_BC = {window: self._mask(positions_B, num_columns, window) for window in set(self.windows)}
        hidden_BD = self.decoder.embed_tokens(self.ids_B[rows])
        cos_B1A, sin_B1A = self.decoder.rotary_emb(hidden_BD, positions_B[:, None])
        cos_BA, sin_BA = cos_B1A[:, 0], sin_B1A[:, 0]
        self._mark((0,), positions_B, rows_B, cos_BA, sin_BA)
        whole = whole_layers(self.decoder.layers)
        layers = zip(whole, self.windows, self._stacks, self.kernels, self.cache, strict=True)
        for layer, window, stacks, kernels, (keys_BGCA, values_BGCA) in layers:
            self._mark((0,), hidden_BD)
            self._mark((0, 2), keys_BGCA, values_BGCA)
            query_BGNA = self._before(
                layer, hidden_BD, cos_BA, sin_BA, keys_BGCA, values_BGCA, rows_B, positions_B, stacks.query_key_value
            )
            mixed_BGNA = attend(
                query_BGNA,
                keys_BGCA[rows, :, :num_columns],
                values_BGCA[rows, :, :num_columns],
                masks_BC[window],
                layer.self_attn.scaling,
            )
            self._mark((0,), mixed_BGNA)
            hidden_BD = self._after(layer, hidden_BD, mixed_BGNA, stacks.gate_up, kernels)
        # The clamp keeps rows that are not active within the cache, however often they are run.
        self.positions_B[rows] = (positions_B + 1).clamp(max=self.capacity - 1)
        self.sample_rows(self.decoder.norm(hidden_BD), rows)

    def tokens(self, slots: range) -> tuple[list[int], list[float]]:
        """Returns the last sampled tokens of some slots and their log-probabilities in nats."""
        rows = slice(slots.start, slots.stop)
        return self.ids_B[rows].tolist(), self.logprobs_B[rows].tolist()

    def set_uniforms(self, slots: range, uniforms: Sequence[float]) -> None:
        """Sets the uniform numbers for the next sampling in some slots."""
        self.uniforms_B[slots.start : slots.stop] = torch.tensor(uniforms, dtype=torch.double)

    def move(self, source: int, target: int, num_columns: int) -> None:
        """Copies the first columns of a row and its state from one slot to another."""
        if source == target:
            return
        for layer in self.cache:
            for part_BGCA in layer:
                part_BGCA[target, :, :num_columns] = part_BGCA[source, :, :num_columns]
        for row_state in (self.ids_B, self.positions_B):
            row_state[target] = row_state[source]

    def _new(self, layer: Any) -> Tensor:
        # Zeros, not uninitialised memory: masked values are multiplied by a weight of 0, and 0 * NaN is NaN.
        size = layer.self_attn.head_dim
        num_groups = layer.self_attn.k_proj.out_features // size
        return torch.zeros(self.num_slots, num_groups, self.capacity, size, dtype=self.dtype, device=self.device)

    def _mask(self, positions_B: Tensor, num_columns: int, window: int | None) -> Tensor:
        """Returns the mask that is added to the scores, ``(B, C)``: 0 or minus infinity.

        It is made once per step. A mask of truth values would be converted to this form in every layer.
        """
        columns_C = torch.arange(num_columns, device=self.device)
        seen_BC = columns_C <= positions_B[:, None]
        if window is not None:
            seen_BC = seen_BC & (columns_C > positions_B[:, None] - window)
        return torch.zeros_like(seen_BC, dtype=self.dtype).masked_fill_(~seen_BC, float("-inf"))

    def _mark(self, dims: tuple[int, ...], *tensors: Tensor) -> None:
        """Tells the compiler which sizes vary, so that it compiles once for all of them."""
        if self._compiles:
            for tensor in tensors:
                for dim in dims:
                    if tensor.shape[dim] > 1:  # a size of 1 is always compiled separately
                        torch._dynamo.mark_dynamic(tensor, dim)

    def sample_rows(self, hidden_BD: Tensor, rows: slice) -> None:
        """Chooses the next token of some rows from their normed states. The next step feeds it to the model."""
        self.choose(self.head(hidden_BD), rows)

    def choose(self, logits_BV: Tensor, rows: slice) -> None:
        """Chooses the next token of some rows from their logits."""
        uniforms_B = self.uniforms_B[rows]
        self._mark((0,), logits_BV, uniforms_B)
        self.ids_B[rows], self.logprobs_B[rows] = self._choose(logits_BV, uniforms_B, self.temperature, self.top_p)


def allow_variants() -> None:
    """Raises the compiler's limit of compiled forms, so that it keeps those of all systems that a process decodes.

    The base, each forced expert and the routed model need one form for a single row and one for several rows. If a
    function has more forms than the limit, which is 8 by default, the compiler gives up and runs it uncompiled.
    """
    config = torch._dynamo.config
    config.recompile_limit = max(config.recompile_limit, _MOST_VARIANTS)
