"""The processes of one run: which one this is, and how data is sent between them.

    torchrun --nproc-per-node 2 -m moesaic run RECIPE

Every process runs the same program. The first one decides, writes and talks; all of them take their share of rows and
prompts. Nothing here depends on how the processes were started: ``torch.distributed`` knows them.

There are two ways from process to process. Gradients on GPUs are added up by the backend of the GPUs (NCCL). Everything
else goes through gloo, which may wait for days (the first process may be judging programs) and notices at once when the
other end is gone. torch is imported when there is something to exchange.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

ItemT = TypeVar("ItemT")

PATIENCE: Final = datetime.timedelta(days=14)
"""How long a process waits for another that is still there."""


@dataclass(frozen=True)
class Ranks:
    """The processes of a run, seen from one of them.

    Attributes:
        index: Which one this is, from 0.
        count: How many there are.
        count_here: How many of them are on this machine.
    """

    index: int = 0
    count: int = 1
    count_here: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process decides, writes and talks."""
        return self.index == 0

    def share(self, items: Sequence[ItemT]) -> Sequence[ItemT]:
        """Returns this process's share of the items: every ``count``-th one."""
        return items[self.index :: self.count]

    def merge(self, shares: Sequence[Sequence[ItemT]]) -> list[ItemT]:
        """Returns the items in their order, from the share of each process."""
        return [shares[i % self.count][i // self.count] for i in range(sum(map(len, shares)))]

    def add(self, tensor: Tensor) -> Tensor:
        """Adds up a tensor over all processes, in place, and returns it."""
        if self.count > 1:
            import torch.distributed as dist

            dist.all_reduce(tensor, group=None if tensor.is_cuda else _gloo())
        return tensor

    def gather(self, value: Any) -> list[Any]:
        """Returns the value of every process, in their order."""
        if self.count == 1:
            return [value]
        import torch.distributed as dist

        values: list[Any] = [None] * self.count
        dist.all_gather_object(values, value, group=_gloo())
        return values

    def first(self, value: Any = None) -> Any:
        """Returns the value of the first process; the others wait for it, and theirs does not count."""
        if self.count == 1:
            return value
        import torch.distributed as dist

        box = [value]
        dist.broadcast_object_list(box, src=0, group=_gloo())
        return box[0]


ALONE: Final = Ranks()
"""A run of one process."""


def world() -> Ranks:
    """Returns all processes that have met; this one alone where none have."""
    import torch.distributed as dist

    if not (dist.is_available() and dist.is_initialized()):
        return ALONE
    return Ranks(dist.get_rank(), dist.get_world_size())


@functools.cache
def _gloo() -> Any:
    """The group for everything but gradients on GPUs; all processes make it at the same point."""
    import torch.distributed as dist

    return dist.new_group(backend="gloo", timeout=PATIENCE)
