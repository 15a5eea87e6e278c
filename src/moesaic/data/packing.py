"""Packs several documents into one row without padding, and keeps each from seeing the others.

    row (T tokens)   | document 0        | document 1  | document 2            |
    position_ids     | 0 1 2 3 4 5 6 7 8 | 0 1 2 3 4 5 | 0 1 2 3 4 5 6 7 8 9 10|
    cu_seqlens       0                   9             15                      26

``cu_seqlens`` is passed to variable-length attention. Without such attention, ``position_ids``, which restart in each
document, define the same block-diagonal causal mask. Rows have their natural length, so that no padding is computed on
a CPU. ``pad_to`` rounds the length up for compiled graphs, which need few distinct shapes, by adding one document of
padding that no other document sees.

Documents are assigned to rows by best-fit decreasing (Johnson 1974) within windows of the shuffled order. This gives
nearly full rows that still mix short and long programs. The assignment is made once, and each epoch shuffles the rows.
Every epoch therefore has the same number of rows, and an exact resume needs only the state ``(epoch, index)``.

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
"""Label of tokens without loss (the default ``ignore_index`` of cross entropy)."""

WINDOW_DOCUMENTS = 512


@dataclass(frozen=True, slots=True)
class PackedBatch:
    """One row of concatenated documents.

    Attributes:
        input_ids_1T: Token ids, int64, ``(1, T)``.
        position_ids_1T: Position of each token in its document, int64, ``(1, T)``; each document starts at 0.
        labels_1T: The token id at the same position, int64, ``(1, T)``; ``IGNORED_LABEL`` on prompts and padding. The
            loss function shifts the labels.
        code_mask_1T: True on tokens of the program, bool, ``(1, T)``; False on prompts, closing fences and ends of
            turns.
        language_ids_1T: Index of the document's language in the list that the packer was given, int64, ``(1, T)``; -1
            on padding.
        cu_seqlens_D1: Document boundaries from 0 to T, int32, ``(D + 1,)``.
        max_seqlen: Length of the longest document in tokens.
        example_ids_D: Index of each document in the packed sequence of examples, int64, ``(D,)``; -1 for padding.
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
        """Returns the index of the packed example to which each position of the row belongs, ``(N,)``."""
        return self.example_ids_D[torch.bucketize(positions_N, self.cu_seqlens_D1[1:].long(), right=True)]

    def to(self, device: torch.device | str) -> PackedBatch:
        """Returns the batch with every tensor on ``device``."""
        return self._with(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> PackedBatch:
        """Returns the batch in page-locked memory, from which it can be copied to a GPU while the GPU is working."""
        return self._with(Tensor.pin_memory)

    def _with(self, change: Callable[[Tensor], Tensor]) -> PackedBatch:
        changed: dict[str, Any] = {
            field.name: change(value)
            for field in dataclasses.fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        return dataclasses.replace(self, **changed)


def assign_rows(lengths: Sequence[int], row_tokens: int, order: Sequence[int] | None = None) -> list[list[int]]:
    """Assigns documents to rows of at most ``row_tokens`` tokens, by best-fit decreasing in windows of ``order``.

    Args:
        lengths: Length of each document in tokens.
        row_tokens: Capacity of a row in tokens.
        order: Order of the documents, which is cut into windows; None for the given order.

    Returns:
        The indices of the documents in each row; every document is in exactly one row.

    Raises:
        DataError: A document is longer than a row.
    """
    rows: list[list[int]] = []
    free: list[tuple[int, int]] = []  # (free tokens, row), sorted to find the fullest row that has room
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
        languages: Names of languages; the id of a language is its index in this list.
        indices: Indices of the examples in the row, in this order; None for all examples.
        pad_to: The length of the row is rounded up to a multiple of this by one document of padding; None for no
            padding.
        pad_id: Token id of the padding.
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
    """The packed rows of a data set for one epoch after the other, which can be resumed at any row.

    Iterating yields the remaining rows of the current epoch and then advances to the next epoch. The order depends only
    on the examples, ``seed`` and the epoch, so that a loaded state continues with exactly the next row.

    Args:
        examples: Encoded examples.
        languages: Names of languages; the id of a language is its index in this list.
        row_tokens: Maximum number of tokens in a row.
        seed: Seed of the assignment to rows, and of the order of every epoch.
        shuffle: False to use the same order in all epochs (for validation).
        pad_to: See :func:`pack_row`.
        pad_id: See :func:`pack_row`.

    Raises:
        DataError: There are no examples, or one is longer than a row.
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
        """Returns the number of rows in an epoch, which is the same in every epoch."""
        return len(self.rows)

    @property
    def num_tokens(self) -> int:
        """Number of tokens in an epoch, without padding."""
        return sum(len(example.ids) for example in self.examples)

    def __iter__(self) -> Iterator[PackedBatch]:
        order = self._epoch_order()
        while self.index < len(order):
            row = self.rows[order[self.index]]
            self.index += 1  # before the yield, so that a state saved after this row was used points to the next one
            yield pack_row(self.examples, self.languages, row, self.pad_to, self.pad_id)
        self.epoch += 1
        self.index = 0

    def state_dict(self) -> dict[str, int]:
        """Returns the position: the epoch, and how many of its rows were yielded."""
        return {"epoch": self.epoch, "index": self.index, "rows": len(self.rows)}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continues at the position that :meth:`state_dict` returned.

        Raises:
            DataError: The state belongs to a different packing.
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
