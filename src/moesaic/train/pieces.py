"""Runs a row in pieces when the memory of the GPU is full.

A row is a few documents, and none sees another. So a row may as well be run in several pieces, one after the other: the
sum of their losses is the row's, and the most that is in memory at a time is that of a piece. Losses on routing, which
are no sums over tokens, are computed for each piece and weighted by its tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from moesaic.data.packing import PackedBatch, PackedBatches, assign_rows, pack_row


@dataclass(frozen=True)
class PreparedRow:
    """A row on the CPU, and what is trained in it.

    Attributes:
        batch: The row.
        tensors_N: Further arguments of the loss, in its order; the first is as long as there are trained tokens.
    """

    batch: PackedBatch
    tensors_N: tuple[Tensor, ...]

    @property
    def num_labels(self) -> int:
        """Trained tokens."""
        return len(self.tensors_N[0])

    def pin_memory(self) -> PreparedRow:
        """Returns the row in page-locked memory: from other memory a copy would wait for all that the GPU has to do."""
        return PreparedRow(self.batch.pin_memory(), tuple(tensor.pin_memory() for tensor in self.tensors_N))


class Pieces:
    """Cuts rows into pieces of limited length; at first, rows are not cut.

    Args:
        batches: Where the rows are from.
        prepare: Returns what the loss of a row needs beside it.
        row_tokens: Most tokens of a row.
        shrink: Told how long rows are at most from now on.
    """

    def __init__(
        self,
        batches: PackedBatches,
        prepare: Callable[[PackedBatch], tuple[Tensor, ...]],
        row_tokens: int,
        shrink: Callable[[int], None],
    ) -> None:
        self._batches, self._prepare, self._shrink = batches, prepare, shrink
        self.most_tokens = row_tokens

    def of(self, row: PreparedRow) -> list[PreparedRow]:
        """Returns the pieces of a row, which have all of its documents."""
        if row.batch.num_tokens <= self.most_tokens:
            return [row]
        examples = self._batches.examples
        own = [index for index in row.batch.example_ids_D.tolist() if index >= 0]
        groups = assign_rows([len(examples[index].ids) for index in own], self.most_tokens)
        batches = self._batches
        packed = [
            pack_row(examples, batches.languages, [own[place] for place in group], batches.pad_to, batches.pad_id)
            for group in groups
        ]
        return [PreparedRow(piece, self._prepare(piece)) for piece in packed]

    def halve(self) -> bool:
        """Makes pieces half as long, or as long as the longest document; False if they cannot be shorter."""
        longest = max(len(example.ids) for example in self._batches.examples)
        shorter = max(self.most_tokens // 2, longest)
        if shorter >= self.most_tokens:
            return False
        self.most_tokens = shorter
        self._shrink(shorter)
        return True
