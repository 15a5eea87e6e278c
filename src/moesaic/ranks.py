"""The processes of one run: which one this is, and how data is sent between them.

    torchrun --nproc-per-node 2 -m moesaic run RECIPE

Every process runs the same program. The first process takes decisions, writes files and prints messages; rows and
prompts are shared among all processes. This module does not depend on how the processes were started; it asks
``torch.distributed`` for their number.

Data is sent in two ways. Gradients on GPUs are summed by the backend of the GPUs (NCCL). Everything else goes through
gloo, which may wait for days (the first process may be judging programs) and notices at once when the process at the
other end has ended. torch is imported only when there is something to exchange.
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
"""How long a process waits for another process that still runs."""


@dataclass(frozen=True)
class Ranks:
    """The processes of a run, seen from one of them.

    Attributes:
        index: Index of this process, from 0.
        count: Number of processes.
        count_here: Number of processes on this machine.
    """

    index: int = 0
    count: int = 1
    count_here: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the first process, which takes decisions, writes files and prints messages."""
        return self.index == 0

    def share(self, items: Sequence[ItemT]) -> Sequence[ItemT]:
        """Returns this process's share of the items: every ``count``-th item, starting at ``index``."""
        return items[self.index :: self.count]

    def merge(self, shares: Sequence[Sequence[ItemT]]) -> list[ItemT]:
        """Returns all items in their original order, given each process's share in the order of the processes."""
        return [shares[i % self.count][i // self.count] for i in range(sum(map(len, shares)))]

    def add(self, tensor: Tensor) -> Tensor:
        """Sums a tensor over all processes, in place, and returns it."""
        if self.count > 1:
            import torch.distributed as dist

            dist.all_reduce(tensor, group=None if tensor.is_cuda else _gloo())
        return tensor

    def gather(self, value: Any) -> list[Any]:
        """Returns the values of all processes, in the order of the processes."""
        if self.count == 1:
            return [value]
        import torch.distributed as dist

        values: list[Any] = [None] * self.count
        dist.all_gather_object(values, value, group=_gloo())
        return values

    def first(self, value: Any = None) -> Any:
        """Returns the first process's value. The other processes wait for it, and their own values are ignored."""
        if self.count == 1:
            return value
        import torch.distributed as dist

        box = [value]
        dist.broadcast_object_list(box, src=0, group=_gloo())
        return box[0]


ALONE: Final = Ranks()
"""A run of one process."""


def world() -> Ranks:
    """Returns the processes of the initialised process group, or ``ALONE`` if there is none."""
    import torch.distributed as dist

    if not (dist.is_available() and dist.is_initialized()):
        return ALONE
    return Ranks(dist.get_rank(), dist.get_world_size())


@functools.cache
def _gloo() -> Any:
    """Returns the group for everything except gradients on GPUs; all processes must make it at the same point."""
    import torch.distributed as dist

    return dist.new_group(backend="gloo", timeout=PATIENCE)
