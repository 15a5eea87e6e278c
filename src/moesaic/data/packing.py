"""Packs several documents into one row without padding, and keeps each from seeing the others.

    row (T tokens)   | document 0        | document 1  | document 2            |
    position_ids     | 0 1 2 3 4 5 6 7 8 | 0 1 2 3 4 5 | 0 1 2 3 4 5 6 7 8 9 10|
    cu_seqlens       0                   9             15                      26

``cu_seqlens`` goes to variable-length attention; where that is missing, the restarting ``position_ids`` say the same
(a block-diagonal causal mask). Rows have their natural length, so a CPU computes no padding at all; ``pad_to`` rounds
them up for compiled graphs that need few distinct shapes, with one last document of padding that nothing else sees.

The assignment is best-fit decreasing (Johnson 1974) inside windows of the shuffled order: nearly full rows, and rows
that still mix short and long programs. It is made once; an epoch shuffles the rows. So every epoch has the same number
of rows, and ``(epoch, index)`` is all the state that an exact resume needs.

Shape suffixes: 1 batch of one row, T tokens of the row, D documents of the row (D1: D + 1).
"""

from __future__ import annotations

import bisect
import dataclasses
import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from moesaic.data.prompts import EncodedExample
from moesaic.errors import DataError

IGNORED_LABEL = -100
"""Label of tokens that carry no loss (the default ``ignore_index`` of cross entropy)."""

WINDOW_DOCUMENTS = 512


@dataclass(frozen=True, slots=True)
class PackedBatch:
    """One row of concatenated documents.

    Attributes:
        input_ids_1T: Tokens.
        position_ids_1T: Position inside the own document; starts at 0 in each.
        labels_1T: The token at the same place, ``IGNORED_LABEL`` on prompts and padding; the loss shifts.
        code_mask_1T: True on tokens of the program alone, without the closing fence and the end of turn.
        language_ids_1T: Index of the document's language in the list given to the packer; -1 on padding.
        cu_seqlens_D1: Document boundaries, int32, from 0 to T.
        max_seqlen: Length of the longest document.
        example_ids_D: Index of each document in the packed sequence; -1 for padding.
    """

    input_ids_1T: Tensor
    position_ids_1T: Tensor
    labels_1T: Tensor
    code_mask_1T: Tensor
    language_ids_1T: Tensor
    cu_seqlens_D1: Tensor
    max_seqlen: int
    example_ids_D: Tensor

    @property
    def num_tokens(self) -> int:
        """Length of the row, T."""
        return self.input_ids_1T.shape[1]

    def examples_at(self, positions_N: Tensor) -> Tensor:
        """Returns the index of the packed example that each position of the row belongs to, ``(N,)``."""
        return self.example_ids_D[torch.bucketize(positions_N, self.cu_seqlens_D1[1:].long(), right=True)]

    def to(self, device: torch.device | str) -> PackedBatch:
        """Returns the batch with every tensor on ``device``."""
        return self._with(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> PackedBatch:
        """Returns the batch in page-locked memory, from where a copy to a GPU waits for nothing that runs there."""
        return self._with(Tensor.pin_memory)

    def _with(self, change: Callable[[Tensor], Tensor]) -> PackedBatch:
        changed: dict[str, Any] = {
            field.name: change(value)
            for field in dataclasses.fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        return dataclasses.replace(self, **changed)


def assign_rows(lengths: Sequence[int], row_tokens: int, order: Sequence[int] | None = None) -> list[list[int]]:
    """Assigns documents to rows of at most ``row_tokens`` tokens: best-fit decreasing in windows of ``order``.

    Args:
        lengths: Tokens of each document.
        row_tokens: Capacity of a row.
        order: Order of the documents that the windows follow; as given if None.

    Returns:
        The documents of each row; every document is in exactly one.

    Raises:
        DataError: A document is longer than a row.
    """
    rows: list[list[int]] = []
    free: list[tuple[int, int]] = []  # (free tokens, row), sorted: bisect finds the tightest row that fits
    order = range(len(lengths)) if order is None else order
    for start in range(0, len(order), WINDOW_DOCUMENTS):
        window = sorted(order[start : start + WINDOW_DOCUMENTS], key=lambda index: -lengths[index])
        for index in window:
            length = lengths[index]
            if length > row_tokens:
                raise DataError(
                    f"an example of {length} tokens does not fit into a row of {row_tokens}: "
                    f"lower data.max_tokens to at most {row_tokens}, or make the rows longer"
                )
            place = bisect.bisect_left(free, (length, -1))
            if place == len(free):
                rows.append([index])
                bisect.insort(free, (row_tokens - length, len(rows) - 1))
            else:
                room, row = free.pop(place)
                rows[row].append(index)
                bisect.insort(free, (room - length, row))
    return rows


def pack_row(
    examples: Sequence[EncodedExample],
    languages: Sequence[str],
    indices: Sequence[int] | None = None,
    pad_to: int | None = None,
    pad_id: int = 0,
) -> PackedBatch:
    """Concatenates examples into one row.

    Args:
        examples: Encoded examples.
        languages: Gives each language its id: the index in this list.
        indices: Which of them, in this order; all if None.
        pad_to: Rounds the length of the row up to a multiple of this with one padding document.
        pad_id: Token of the padding.
    """
    indices = range(len(examples)) if indices is None else indices
    ids: list[int] = []
    positions: list[int] = []
    labels: list[int] = []
    code_mask: list[bool] = []
    language_ids: list[int] = []
    boundaries = [0]
    example_ids = list(indices)
    for index in indices:
        example = examples[index]
        length, prompt, code = len(example.ids), example.num_prompt_tokens, example.num_code_tokens
        ids += example.ids
        positions += range(length)
        labels += [IGNORED_LABEL] * prompt + example.ids[prompt:]
        code_mask += [False] * prompt + [True] * code + [False] * (length - prompt - code)
        language_ids += [languages.index(example.language)] * length
        boundaries.append(len(ids))
    if pad_to is not None and (padding := -len(ids) % pad_to):
        ids += [pad_id] * padding
        positions += range(padding)
        labels += [IGNORED_LABEL] * padding
        code_mask += [False] * padding
        language_ids += [-1] * padding
        boundaries.append(len(ids))
        example_ids.append(-1)
    return PackedBatch(
        input_ids_1T=torch.tensor([ids], dtype=torch.long),
        position_ids_1T=torch.tensor([positions], dtype=torch.long),
        labels_1T=torch.tensor([labels], dtype=torch.long),
        code_mask_1T=torch.tensor([code_mask], dtype=torch.bool),
        language_ids_1T=torch.tensor([language_ids], dtype=torch.long),
        cu_seqlens_D1=torch.tensor(boundaries, dtype=torch.int32),
        max_seqlen=max(end - start for start, end in itertools.pairwise(boundaries)),
        example_ids_D=torch.tensor(example_ids, dtype=torch.long),
    )


class PackedBatches:
    """The packed rows of a data set, epoch after epoch, resumable at any row.

    Iterating yields the rows that are left of the current epoch and then moves on to the next one. The order depends on
    the examples, ``seed`` and the epoch only, so loading a state continues with the very next row.

    Args:
        examples: Encoded examples.
        languages: Gives each language its id: the index in this list.
        row_tokens: Most tokens in a row.
        seed: Seed of the assignment and of every epoch's order.
        shuffle: False keeps one order for all epochs (validation).
        pad_to: See :func:`pack_row`.
        pad_id: See :func:`pack_row`.

    Raises:
        DataError: There is no example, or one is longer than a row.
    """

    def __init__(
        self,
        examples: Sequence[EncodedExample],
        languages: Sequence[str],
        row_tokens: int,
        *,
        seed: int = 0,
        shuffle: bool = True,
        pad_to: int | None = None,
        pad_id: int = 0,
    ) -> None:
        if not examples:
            raise DataError("there is no example to pack: check data.languages, data.train_limit and data.max_tokens")
        self.examples = examples
        self.languages = tuple(languages)
        self.seed = seed
        self.shuffle = shuffle
        self.pad_to = pad_to
        self.pad_id = pad_id
        self.epoch = 0
        self.index = 0
        order = list(range(len(examples)))
        if shuffle:
            random.Random(f"rows {seed}").shuffle(order)
        self.rows = assign_rows([len(example.ids) for example in examples], row_tokens, order)

    def __len__(self) -> int:
        """Rows of an epoch, the same in every epoch."""
        return len(self.rows)

    @property
    def num_tokens(self) -> int:
        """Tokens of an epoch, without padding."""
        return sum(len(example.ids) for example in self.examples)

    def __iter__(self) -> Iterator[PackedBatch]:
        order = self._epoch_order()
        while self.index < len(order):
            row = self.rows[order[self.index]]
            self.index += 1  # before the yield: a state saved after this row was used points at the next one
            yield pack_row(self.examples, self.languages, row, self.pad_to, self.pad_id)
        self.epoch += 1
        self.index = 0

    def state_dict(self) -> dict[str, int]:
        """Returns the place in the stream: the epoch and how many of its rows were given out."""
        return {"epoch": self.epoch, "index": self.index, "rows": len(self.rows)}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continues where :meth:`state_dict` was taken.

        Raises:
            DataError: The state is of another packing.
        """
        if state["rows"] != len(self.rows):
            raise DataError(
                f"the stored position is in {state['rows']} packed rows, this data set packs into {len(self.rows)}: "
                "the data or the row length changed since; start the stage anew"
            )
        self.epoch, self.index = state["epoch"], state["index"]

    def _epoch_order(self) -> list[int]:
        order = list(range(len(self.rows)))
        if self.shuffle:
            random.Random(f"order {self.seed} {self.epoch}").shuffle(order)
        return order
