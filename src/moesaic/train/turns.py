"""Chooses the tasks of a round: all equally often, except that tasks which teach nothing come less often.

If all programs of a task get the same reward, because all of them solve it or none does, the task teaches nothing. Each
time in a row that this happens, the task sits out one more turn, up to ``MOST_TURNS``. No task is given up, because a
better policy may solve it later, and most samples are spent on tasks that teach something. This is the idea of dynamic
sampling in DAPO (Yu et al. 2025, arXiv:2503.14476, section 3.2), without sampling programs that are then discarded.
"""

from __future__ import annotations

import random
from typing import Any, Final

MOST_TURNS: Final = 3
"""Turns that a task sits out at most."""


class Turns:
    """Draws tasks in an order that depends on the seed and on which tasks have taught something.

    Args:
        num_tasks: Number of tasks.
        seed: Seed of the orders.
    """

    def __init__(self, num_tasks: int, seed: int) -> None:
        self._num_tasks, self._seed = num_tasks, seed
        self._place = 0
        self._in_vain: dict[int, int] = {}  # task -> how many times in a row it taught nothing
        self._resting: dict[int, int] = {}  # task -> turns that it still sits out
        self._orders: dict[int, list[int]] = {}

    def draw(self, count: int) -> list[int]:
        """Returns the next ``count`` tasks."""
        drawn: list[int] = []
        while len(drawn) < count:
            task = self._at(self._place)
            self._place += 1
            if task not in self._resting:
                drawn.append(task)
            elif self._resting[task] == 1:
                del self._resting[task]
            else:
                self._resting[task] -= 1
        return drawn

    def report(self, task: int, *, taught: bool) -> None:
        """Records whether the programs of a drawn task got different rewards, so that the task taught something."""
        if taught:
            self._in_vain.pop(task, None)
            return
        self._in_vain[task] = min(MOST_TURNS, self._in_vain.get(task, 0) + 1)
        self._resting[task] = self._in_vain[task]

    def state_dict(self) -> dict[str, Any]:
        """Returns, for JSON, the state on which the next draw depends."""
        return {
            "place": self._place,
            "in_vain": sorted(self._in_vain.items()),
            "resting": sorted(self._resting.items()),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues from a state that ``state_dict`` returned."""
        self._place = state["place"]
        self._in_vain, self._resting = dict(map(tuple, state["in_vain"])), dict(map(tuple, state["resting"]))

    def _at(self, place: int) -> int:
        epoch, index = divmod(place, self._num_tasks)
        if epoch not in self._orders:
            self._orders = {epoch: shuffled(self._num_tasks, self._seed, epoch)}
        return self._orders[epoch][index]


def shuffled(count: int, seed: int, epoch: int) -> list[int]:
    """Returns the numbers from 0 to ``count - 1`` in the order of an epoch."""
    order = list(range(count))
    random.Random(f"tasks {seed} {epoch}").shuffle(order)
    return order
