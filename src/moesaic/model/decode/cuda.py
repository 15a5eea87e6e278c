"""Decoding steps replayed as CUDA graphs, with one launch per step instead of a thousand.

A graph has fixed shapes, so the numbers of rows and of cache columns are rounded up to buckets, and one graph is
captured for each pair of buckets when it is first needed. Rows that are not active are computed and ignored; columns
beyond a row's position are masked. All graphs share the batch's tensors and one memory pool.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from moesaic.model.decode.slots import SlotBatch

COLUMNS = 256
"""Smallest bucket of cache columns. Each further bucket is twice as large as the one before."""

ROWS = 4
"""Smallest bucket of rows. Each further bucket is four times as large as the one before. There are few, because every
bucket has to be captured, and a step's time depends on its rows much less than on its kernels and their weights."""

_STATIC_ROPE = ("default", "linear", "llama3", "yarn")
"""Types of rotary embeddings whose frequencies do not depend on the positions; a graph would freeze the others."""


class GraphedStep:
    """Runs the step of a batch with sizes that are rounded up, and on a GPU replays it as a graph.

    Args:
        batch: The batch, whose tensors are the inputs and outputs of the graphs.
    """

    def __init__(self, batch: SlotBatch) -> None:
        self._batch = batch
        rope = getattr(batch.decoder.config, "rope_parameters", None) or {}
        self._captures = batch.device.type == "cuda" and rope.get("rope_type", "default") in _STATIC_ROPE
        self._graphs: dict[tuple[int, int, str], torch.cuda.CUDAGraph] = {}

    def __call__(self, num_rows: int, num_columns: int) -> None:
        """Runs a step over at least this many rows and columns; see ``SlotBatch.step``."""
        batch = self._batch
        sizes = bucket(num_rows, ROWS, 4, batch.num_slots), bucket(num_columns, COLUMNS, 2, batch.capacity)
        if not self._captures:
            batch.step(*sizes)
            return
        key = (*sizes, batch.kind)
        if key not in self._graphs:
            self._graphs[key] = self._capture(*sizes)
        self._graphs[key].replay()

    def _capture(self, num_rows: int, num_columns: int) -> torch.cuda.CUDAGraph:
        batch = self._batch
        # The warm-up is a real step. The replay overwrites what it writes to the cache; the other tensors are restored.
        state = (batch.ids_B, batch.positions_B, batch.logprobs_B)
        before = [tensor.clone() for tensor in state]
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            batch.step(num_rows, num_columns)
        torch.cuda.current_stream().wait_stream(stream)
        for tensor, value in zip(state, before, strict=True):
            tensor.copy_(value)
        graph = torch.cuda.CUDAGraph()
        pool = next(iter(self._graphs.values())).pool() if self._graphs else None
        with torch.cuda.graph(graph, pool=pool):
            batch.step(num_rows, num_columns)
        return graph


def bucket(size: int, smallest: int, factor: int, largest: int) -> int:
    """Returns the next power of ``factor`` times ``smallest``, at most ``largest``."""
    rounded = smallest
    while rounded < size:
        rounded *= factor
    return min(rounded, largest)
