"""Data flow of a program as a multiset of edges between variables (Ren et al. 2020, section 3.3; Guo et al. 2021).

Variables are the names that a program binds, one per scope, and unbound names from which a variable is computed (the
inputs of a fragment). Names of functions that are called, types, members, numbers and strings are not variables. Every
occurrence of a variable is an event. Events are arranged in basic blocks, and the reaching definitions are solved over
the blocks. There are two kinds of edges:

    v comesFrom v       a read of v, once for every definition of v that may reach it
    v computedFrom u    a definition of v, once for every occurrence of u in the expression from which it is computed

Variables are then numbered in the order in which they appear, so that a consistently renamed program has the same
edges. ``dataflow_rules`` says what the constructs of a language do. Neither module uses recursion.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

__all__ = ["Edge", "Events", "Task", "solve"]

Edge = tuple[int, str, int]
"""(number of the target variable, relation, number of the source variable)."""

Task = int | tuple[int, int] | Callable[[], object]
"""A node to visit, a range of nodes, or a function to call, which may return a list of further tasks."""

_Variable = tuple[int, str]  # scope, name

_MAX_VISITS = 64
"""Limit on the average number of visits per block; only loops nested more than a dozen deep may reach it."""


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
    sources: tuple[int, ...] | None  # None for a read; else the occurrences from which this definition is computed
    free: bool = False  # it is a variable even if nothing binds it


@dataclass(slots=True)
class _Block:
    events: list[int] = field(default_factory=list)
    successors: list[int] = field(default_factory=list)


class Events:
    """Collects scopes, occurrences and basic blocks while a program is visited.

    Blocks belong to flows. The body of a function is a flow of its own, to which no other flow leads.
    """

    def __init__(self) -> None:
        self.scopes = [_Scope(parent=-1, kind="function")]
        self.scope = 0
        self.occurrences: list[_Occurrence] = []
        self.flows: list[list[int]] = [[]]
        self.blocks: list[_Block] = []
        self._flow = 0
        self._pending: list[int] = []  # occurrences that flow into the expression that is being visited
        self._marks: list[int] = []
        self._exits: list[tuple[int, int]] = []  # the targets of break and continue
        self._saved: list[tuple[int, int, list[tuple[int, int]], int]] = []
        self.block = self.new_block()

    # Scopes

    def open_scope(self, kind: str) -> None:
        """Opens a scope of the kind ``block``, ``function`` (also for a comprehension) or ``class``."""
        self.scopes.append(_Scope(parent=self.scope, kind=kind))
        self.scope = len(self.scopes) - 1

    def close_scope(self) -> None:
        """Closes the innermost scope."""
        self.scope = self.scopes[self.scope].parent

    def nearest(self, *kinds: str) -> int:
        """Returns the innermost scope of one of the kinds, or the scope of the program."""
        scope = self.scope
        while scope > 0 and self.scopes[scope].kind not in kinds:
            scope = self.scopes[scope].parent
        return scope

    # Functions

    def open_function(self) -> None:
        """Starts a function, with its own scope, flow and exits."""
        self._saved.append((self._flow, self.block, self._exits, len(self._pending)))
        self.flows.append([])
        self._flow, self._exits = len(self.flows) - 1, []
        self.block = self.new_block()
        self.open_scope("function")

    def close_function(self) -> None:
        """Ends a function. Occurrences inside it do not flow into the expression that contains it."""
        self.close_scope()
        self._flow, self.block, self._exits, pending = self._saved.pop()
        del self._pending[pending:]

    # Blocks

    def new_block(self) -> int:
        """Adds an unconnected block to the current flow and returns its number."""
        self.blocks.append(_Block())
        self.flows[self._flow].append(len(self.blocks) - 1)
        return len(self.blocks) - 1

    def link(self, target: int) -> None:
        """Adds a possible transfer of control from the current block to another."""
        self.blocks[self.block].successors.append(target)

    def connect(self, source: int, target: int) -> None:
        """Adds a possible transfer of control from one block to another."""
        self.blocks[source].successors.append(target)

    def enter(self, block: int) -> None:
        """Makes a block the current block."""
        self.block = block

    def go(self, block: int) -> None:
        """Transfers control from the current block to another, and makes that the current block."""
        self.link(block)
        self.block = block

    def leave(self, target: int | None = None) -> None:
        """Transfers control to a block, or out of the function; a new, unconnected block becomes the current block."""
        if target is not None:
            self.link(target)
        self.block = self.new_block()

    def open_exits(self, end: int, again: int | None = None) -> None:
        """Sets the targets of break and continue; without ``again``, as for a switch, the loop's continue is kept."""
        kept = self._exits[-1][1] if self._exits else end
        self._exits.append((end, kept if again is None else again))

    def close_exits(self) -> None:
        """Removes the innermost targets of break and continue."""
        self._exits.pop()

    def jump(self, *, out: bool) -> None:
        """Transfers control as a break (``out``) or a continue does."""
        self.leave(self._exits[-1][0 if out else 1] if self._exits else None)

    # Occurrences

    def mark(self) -> None:
        """Starts collecting the occurrences that flow into an expression."""
        self._marks.append(len(self._pending))

    def take(self, sources: list[int]) -> None:
        """Ends collecting, and moves the collected occurrences to ``sources``."""
        start = self._marks.pop()
        sources.extend(self._pending[start:])
        del self._pending[start:]

    def keep(self, sources: list[int]) -> None:
        """Like :meth:`take`, but the collected occurrences also flow into the surrounding expression."""
        sources.extend(self._pending[self._marks.pop() :])

    def read(
        self, name: str, position: int, scope: int | None = None, *, is_value: bool = True, free: bool = False
    ) -> int:
        """Records a read of a variable; returns the number of the occurrence.

        Args:
            name: Name of the variable.
            position: Byte offset.
            scope: Scope in which the name is looked up; None for the current one.
            is_value: Whether the occurrence is an expression whose value flows on.
            free: Whether the name is a variable even if nothing binds it.
        """
        where = self.scope if scope is None else scope
        return self._occur(_Occurrence(name, where, position, None, free), is_value)

    def write(
        self, name: str, position: int, sources: Iterable[int], *, scope: int | None = None, is_value: bool = False
    ) -> int:
        """Records a definition of a variable.

        Args:
            name: Name of the variable.
            position: Byte offset.
            sources: The occurrences from which it is computed.
            scope: Scope in which the name is looked up; None for the current one.
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
        """Returns the variable of every occurrence: in scope -1 if nothing binds it, None if it is not a variable."""
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
        self.scopes[0].names |= unknown  # assigning to an undeclared name makes it a variable of the program
        known.clear()
        owners = [owner(occurrence.scope, occurrence.name) for occurrence in self.occurrences]
        return [
            (scope, occurrence.name) if scope >= 0 or occurrence.free else None
            for scope, occurrence in zip(owners, self.occurrences, strict=True)
        ]


def solve(events: Events) -> Counter[Edge]:
    """Solves the reaching definitions and returns the edges between numbered variables."""
    variables = events.resolve()
    edges: list[tuple[int, int, _Variable, str, _Variable, int]] = []  # begins with two positions, ends with the count
    for flow in events.flows:
        reaching = _reaching(events, flow, variables)
        for index, count in reaching:
            variable = variables[index]
            assert variable is not None
            if variable[0] >= 0:  # a free variable has no definition
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

    A set of definitions is an integer with one bit per definition.
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
    """Returns block -> definitions that reach its start: the least fixed point, computed in reverse postorder."""
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
    """Returns the blocks in an order in which only loops lead backwards."""
    order: list[int] = []
    seen: set[int] = set()
    for root in reversed(flow):  # so that the first block, the entry, comes first in the result
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
