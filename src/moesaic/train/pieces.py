"""Runs a row in pieces when the memory of the GPU is full.

A row consists of documents that do not see each other, so it can be run in several pieces, one after the other. The sum
of their losses is the loss of the row, and only one piece has to fit the memory at a time. Losses on routing are not
sums over tokens; they are computed for each piece and weighted by its number of tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from moesaic.data.packing import PackedBatch, PackedBatches, assign_rows, pack_row


@dataclass(frozen=True)
class PreparedRow:
    """A row on the CPU with the other arguments of its loss.

    Attributes:
        batch: The row.
        tensors_N: Further arguments of the loss, in its order. The first has one entry per trained token.
    """

    batch: PackedBatch
    tensors_N: tuple[Tensor, ...]

    @property
    def num_labels(self) -> int:
        """Number of trained tokens."""
        return len(self.tensors_N[0])

    def pin_memory(self) -> PreparedRow:
        """Returns the row in page-locked memory. A copy from other memory would wait for all work of the GPU."""
        return PreparedRow(self.batch.pin_memory(), tuple(tensor.pin_memory() for tensor in self.tensors_N))


class Pieces:
    """Cuts rows into pieces of limited length; at first, rows are not cut.

    Args:
        batches: The batches that the rows come from.
        prepare: Returns the further arguments of a row's loss.
        row_tokens: Largest number of tokens per row.
        shrink: Called with the new limit when the limit becomes smaller.
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
        """Returns the pieces of a row, which together contain all of its documents."""
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
        """Halves the length of pieces, down to that of the longest document; returns False if it cannot be reduced."""
        longest = max(len(example.ids) for example in self._batches.examples)
        shorter = max(self.most_tokens // 2, longest)
        if shorter >= self.most_tokens:
            return False
        self.most_tokens = shorter
        self._shrink(shorter)
        return True
