"""Data flow of a program as a multiset of edges between variables (Ren et al. 2020, section 3.3; Guo et al. 2021).

Variables are the names a program binds, one per scope, and the unbound ones that a variable is computed from (a
fragment's inputs); what is called, types, members, numbers and strings are none.
Every occurrence of a variable is an event, the events are laid out in basic blocks, and reaching definitions are
solved over the blocks. Two kinds of edge result:

    v comesFrom v       a read of v, once for every definition of v that may reach it
    v computedFrom u    a definition of v, once for every occurrence of u in what it is computed from

Variables are then numbered in the order in which they appear, so a consistently renamed program has the same edges.
What a construct of a language does is in ``dataflow_rules``; nothing here or there recurses.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

__all__ = ["Edge", "Events", "Task", "solve"]

Edge = tuple[int, str, int]
"""Number of the target variable, the relation, number of the source variable."""

Task = int | tuple[int, int] | Callable[[], object]
"""A node to visit, a run of nodes, or something to do, which may return a list of further tasks."""

_Variable = tuple[int, str]  # scope, name

_MAX_VISITS = 64
"""Bound on the visits of a block, on average; loops nested more than a dozen deep may come to it, nothing else."""


@dataclass(slots=True)
class _Scope:
    parent: int
    kind: str  # block, function, class
    names: set[str] = field(default_factory=set)
    outer: set[str] = field(default_factory=set)  # names declared to belong to an enclosing scope


@dataclass(slots=True)
class _Occurrence:
    name: str
    scope: int
    position: int
    sources: tuple[int, ...] | None  # None: a read; else the occurrences this definition is computed from
    free: bool = False  # a variable even if nothing binds it


@dataclass(slots=True)
class _Block:
    events: list[int] = field(default_factory=list)
    successors: list[int] = field(default_factory=list)


class Events:
    """Collects scopes, occurrences and basic blocks while a program is visited.

    Blocks belong to flows: a function's body is a flow of its own, entered by nobody.
    """

    def __init__(self) -> None:
        self.scopes = [_Scope(parent=-1, kind="function")]
        self.scope = 0
        self.occurrences: list[_Occurrence] = []
        self.flows: list[list[int]] = [[]]
        self.blocks: list[_Block] = []
        self._flow = 0
        self._pending: list[int] = []  # occurrences that flow into the expression being visited
        self._marks: list[int] = []
        self._exits: list[tuple[int, int]] = []  # where break and continue lead
        self._saved: list[tuple[int, int, list[tuple[int, int]], int]] = []
        self.block = self.new_block()

    # Scopes

    def open_scope(self, kind: str) -> None:
        """Enters a scope: ``block``, ``function`` (also a comprehension) or ``class``."""
        self.scopes.append(_Scope(parent=self.scope, kind=kind))
        self.scope = len(self.scopes) - 1

    def close_scope(self) -> None:
        """Leaves the innermost scope."""
        self.scope = self.scopes[self.scope].parent

    def nearest(self, *kinds: str) -> int:
        """Returns the innermost scope of one of the kinds, or the program's."""
        scope = self.scope
        while scope > 0 and self.scopes[scope].kind not in kinds:
            scope = self.scopes[scope].parent
        return scope

    # Functions

    def open_function(self) -> None:
        """Starts a function: its own scope, flow and exits."""
        self._saved.append((self._flow, self.block, self._exits, len(self._pending)))
        self.flows.append([])
        self._flow, self._exits = len(self.flows) - 1, []
        self.block = self.new_block()
        self.open_scope("function")

    def close_function(self) -> None:
        """Ends a function; what happened inside does not flow into the expression that holds it."""
        self.close_scope()
        self._flow, self.block, self._exits, pending = self._saved.pop()
        del self._pending[pending:]

    # Blocks

    def new_block(self) -> int:
        """Returns a fresh, unconnected block of the current flow."""
        self.blocks.append(_Block())
        self.flows[self._flow].append(len(self.blocks) - 1)
        return len(self.blocks) - 1

    def link(self, target: int) -> None:
        """Control may go from here to a block."""
        self.blocks[self.block].successors.append(target)

    def connect(self, source: int, target: int) -> None:
        """Control may go from one block to another."""
        self.blocks[source].successors.append(target)

    def enter(self, block: int) -> None:
        """What follows happens in a block."""
        self.block = block

    def go(self, block: int) -> None:
        """Control goes from here to a block and what follows happens there."""
        self.link(block)
        self.block = block

    def leave(self, target: int | None = None) -> None:
        """Control goes to a block (or out of the function); what follows is not reached from here."""
        if target is not None:
            self.link(target)
        self.block = self.new_block()

    def open_exits(self, end: int, again: int | None = None) -> None:
        """Tells where break and continue lead from now on; a switch keeps the loop's continue."""
        kept = self._exits[-1][1] if self._exits else end
        self._exits.append((end, kept if again is None else again))

    def close_exits(self) -> None:
        """Forgets the innermost break and continue."""
        self._exits.pop()

    def jump(self, *, out: bool) -> None:
        """Follows a break (``out``) or a continue."""
        self.leave(self._exits[-1][0 if out else 1] if self._exits else None)

    # Occurrences

    def mark(self) -> None:
        """Starts collecting what flows into an expression."""
        self._marks.append(len(self._pending))

    def take(self, sources: list[int]) -> None:
        """Ends collecting and adds what was found to ``sources``."""
        start = self._marks.pop()
        sources.extend(self._pending[start:])
        del self._pending[start:]

    def keep(self, sources: list[int]) -> None:
        """As :meth:`take`, but what was found flows into the surrounding expression, too."""
        sources.extend(self._pending[self._marks.pop() :])

    def read(
        self, name: str, position: int, scope: int | None = None, *, is_value: bool = True, free: bool = False
    ) -> int:
        """A variable is read; arguments as for :meth:`write`, and ``free``: it is one even if nothing binds it."""
        where = self.scope if scope is None else scope
        return self._occur(_Occurrence(name, where, position, None, free), is_value)

    def write(
        self, name: str, position: int, sources: Iterable[int], *, scope: int | None = None, is_value: bool = False
    ) -> int:
        """A variable is defined.

        Args:
            name: Its name.
            position: Byte offset.
            sources: The occurrences it is computed from.
            scope: Where to look the name up, if not here.
            is_value: Whether the occurrence is an expression whose value flows on.

        Returns:
            The number of the occurrence.
        """
        where = self.scope if scope is None else scope
        return self._occur(_Occurrence(name, where, position, tuple(sources)), is_value)

    def _occur(self, occurrence: _Occurrence, is_value: bool) -> int:
        index = len(self.occurrences)
        self.occurrences.append(occurrence)
        self.blocks[self.block].events.append(index)
        if is_value:
            self._pending.append(index)
        return index

    def resolve(self) -> list[_Variable | None]:
        """Returns the variable of every occurrence, in scope -1 if nothing binds it; None for what is no variable."""
        known: dict[_Variable, int] = {}

        def owner(scope: int, name: str) -> int:
            path = []
            while scope >= 0 and (scope, name) not in known:
                path.append(scope)
                here = self.scopes[scope]
                if name in here.names and name not in here.outer:
                    break
                scope = here.parent
            found = known.get((scope, name), scope)
            known.update(((passed, name), found) for passed in path)
            return found

        unknown = {
            occurrence.name
            for occurrence in self.occurrences
            if occurrence.sources is not None and owner(occurrence.scope, occurrence.name) < 0
        }
        self.scopes[0].names |= unknown  # an assignment to a name declared nowhere makes it the program's
        known.clear()
        owners = [owner(occurrence.scope, occurrence.name) for occurrence in self.occurrences]
        return [
            (scope, occurrence.name) if scope >= 0 or occurrence.free else None
            for scope, occurrence in zip(owners, self.occurrences, strict=True)
        ]


def solve(events: Events) -> Counter[Edge]:
    """Solves the reaching definitions and returns the edges between numbered variables."""
    variables = events.resolve()
    edges: list[tuple[int, int, _Variable, str, _Variable, int]] = []  # two positions to sort by; the count comes last
    for flow in events.flows:
        reaching = _reaching(events, flow, variables)
        for index, count in reaching:
            variable = variables[index]
            assert variable is not None
            if variable[0] >= 0:  # a free variable has no definition to come from
                position = events.occurrences[index].position
                edges.append((position, position, variable, "comesFrom", variable, max(1, count)))
    for index, occurrence in enumerate(events.occurrences):
        target = variables[index]
        if target is None or occurrence.sources is None:
            continue
        for source in occurrence.sources:
            variable = variables[source]
            if variable is not None:
                position = events.occurrences[source].position
                edges.append((occurrence.position, position, target, "computedFrom", variable, 1))
    edges.sort(key=lambda edge: edge[:2])
    numbers: dict[_Variable, int] = {}
    result: Counter[Edge] = Counter()
    for _, _, target, relation, origin, count in edges:
        source_number = numbers.setdefault(origin, len(numbers))
        result[numbers.setdefault(target, len(numbers)), relation, source_number] += count
    return result


def _reaching(events: Events, flow: list[int], variables: list[_Variable | None]) -> list[tuple[int, int]]:
    """Returns every read of a flow with the number of definitions that reach it (Aho et al. 2006, section 9.2.4).

    A set of definitions is an integer with a bit for each.
    """
    bits: dict[int, int] = {}
    of_variable: dict[_Variable, int] = {}
    for block in flow:
        for index in events.blocks[block].events:
            variable = variables[index]
            if variable is not None and events.occurrences[index].sources is not None:
                bits[index] = 1 << len(bits)
                of_variable[variable] = of_variable.get(variable, 0) | bits[index]
    entry = _solve_entries(events, flow, variables, bits, of_variable)
    reads: list[tuple[int, int]] = []
    for block in flow:
        state = entry[block]
        for index in events.blocks[block].events:
            variable = variables[index]
            if variable is None:
                continue
            definitions = of_variable.get(variable, 0)
            if index in bits:
                state = state & ~definitions | bits[index]
            else:
                reads.append((index, (state & definitions).bit_count()))
    return reads


def _solve_entries(
    events: Events,
    flow: list[int],
    variables: list[_Variable | None],
    bits: dict[int, int],
    of_variable: dict[_Variable, int],
) -> dict[int, int]:
    """Returns the definitions that reach the start of each block: the least fixed point, in reverse postorder."""
    generated: dict[int, int] = {}
    killed: dict[int, int] = {}
    for block in flow:
        gen = kill = 0
        for index in events.blocks[block].events:
            if index in bits:
                definitions = of_variable[variables[index]]  # type: ignore[index]  # a definition has a variable
                gen = gen & ~definitions | bits[index]
                kill |= definitions
        generated[block], killed[block] = gen, kill
    order = _reverse_postorder(events, flow)
    rank = {block: position for position, block in enumerate(order)}
    entry = dict.fromkeys(flow, 0)
    waiting = list(range(len(order)))
    queued = set(waiting)
    budget = _MAX_VISITS * len(order)
    while waiting and budget:
        budget -= 1
        position = heapq.heappop(waiting)
        queued.discard(position)
        block = order[position]
        state = entry[block] & ~killed[block] | generated[block]
        for successor in events.blocks[block].successors:
            if entry[successor] | state != entry[successor]:
                entry[successor] |= state
                if rank[successor] not in queued:
                    queued.add(rank[successor])
                    heapq.heappush(waiting, rank[successor])
    return entry


def _reverse_postorder(events: Events, flow: list[int]) -> list[int]:
    """Orders blocks so that only loops lead backwards."""
    order: list[int] = []
    seen: set[int] = set()
    for root in reversed(flow):  # so that the first block, the entry, comes first of all
        stack = [(root, iter(events.blocks[root].successors))] if root not in seen else []
        seen.add(root)
        while stack:
            block, successors = stack[-1]
            following = next((successor for successor in successors if successor not in seen), None)
            if following is None:
                order.append(block)
                stack.pop()
            else:
                seen.add(following)
                stack.append((following, iter(events.blocks[following].successors)))
    return order[::-1]
