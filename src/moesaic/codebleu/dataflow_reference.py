"""Data flow as codebleu 0.7.0 computes it, errors included, for comparison with published scores.

The extractors of the package are recursive functions that map a node and the reaching definitions to a list of items
and new definitions. Here, the same function is a stack of tasks. The package evaluates loops twice per nesting level.
Here, loops are memoised by their definitions at the entry, so that nested loops take polynomial instead of exponential
time. Where the package iterates over a ``set`` of names, names are kept in the order of their first occurrence, which
gives the package's result without its dependence on the hash seed.

The following errors are kept on purpose:

- Every token whose text differs from its grammar symbol counts as a variable, including numbers, strings and type
  names.
- C and C++ are read with the rules of C#.
- A construct that the rules do not expect empties the whole flow.
- Byte columns are used as indices of the text, so that a non-ASCII character shifts the names in its line.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from moesaic.codebleu.dataflow_reference_rules import RULES
from moesaic.codebleu.tree import STRING_KINDS, FlatTree

__all__ = ["FlowItem", "reference_flow"]

FlowItem = tuple[str, str, tuple[str, ...]]
"""(normalised variable, relation, normalised variables from which it comes)."""

_Item = tuple[str, int, str, tuple[str, ...], tuple[int, ...]]
_Task = int | tuple[int, int] | Callable[[], None]  # a node, a range of nodes, or a function to call
_States = dict[str, tuple[int, ...]]

_MAX_DEPTH = 990
"""Nesting depth at which Python's default recursion limit stops the package's extractors, which then find no flow."""


_COMPREHENSIONS = frozenset(
    {"list_comprehension", "set_comprehension", "dictionary_comprehension", "generator_expression", "ERROR"}
)
"""Nodes that may contain Python's ``for_in_clause``."""


class _UnexpectedNodeError(Exception):
    """Raised where the package's extractor raises an error, after which its caller takes the flow as empty."""


class _Extractor:
    def __init__(self, tree: FlatTree, source: str, language: str) -> None:
        self.tree = tree
        self.python = language == "python"
        self.rules = RULES[language]
        self.special = self.rules.kinds() | (_COMPREHENSIONS if self.python else frozenset())
        self.states: _States = {}
        self.items: list[_Item] = []
        self.stack: list[_Task] = []
        self.memo: dict[tuple[int, frozenset[tuple[str, tuple[int, ...]]]], tuple[tuple[_Item, ...], _States]] = {}
        self._index_tokens(source)

    def _index_tokens(self, source: str) -> None:
        """Numbers the tokens. The tokens of a node have the numbers from ``first[node]`` to ``first[end of node]``."""
        tree = self.tree
        kinds, ends, size = tree.kind, tree.end, len(tree)
        first = self.first = [-1] * (size + 1)  # -1 inside a string, where the package does not look anything up
        token_nodes: list[int] = []
        node = 0
        while node < size:
            first[node] = len(token_nodes)
            end = ends[node]
            if (end == node + 1 or kinds[node] in STRING_KINDS) and kinds[node] != "comment":
                token_nodes.append(node)
                node = end
            else:
                node += 1
        first[size] = len(token_nodes)
        spans = [(tree.start[node], tree.stop[node]) for node in token_nodes]
        number = {span: index for index, span in enumerate(spans)}  # of empty tokens at one place, the last one counts
        texts = _texts(source, tree.source, spans)
        self.tokens = [(number[span], text) for span, text in zip(spans, texts, strict=True)]
        self.is_variable = [tree.kind[node] != text for node, text in zip(token_nodes, texts, strict=True)]

    def run(self) -> list[_Item]:
        stack = self.stack
        stack.append(0)
        while stack:
            task = stack.pop()
            if isinstance(task, int):
                self._walk(task, self.tree.end[task])
            elif isinstance(task, tuple):
                self._walk(*task)
            else:
                task()
        return self.items

    def _walk(self, node: int, end: int) -> None:
        """Evaluates nodes up to the first to which a rule applies; pushes its tasks, and the rest below them."""
        kinds, ends, special = self.tree.kind, self.tree.end, self.special
        while node < end:
            kind, after = kinds[node], ends[node]
            if (after == node + 1 or kind in STRING_KINDS) and kind != "comment":
                self._read(node)
                node = after
            elif kind in special:
                self.stack.append((after, end))
                self.stack.extend(reversed(self._plan(node)))
                return
            else:
                node += 1

    def _variables(self, node: int | None) -> list[tuple[int, str]]:
        if node is None or self.first[node] < 0:
            raise _UnexpectedNodeError
        tokens = range(self.first[node], self.first[self.tree.end[node]])
        return [self.tokens[index] for index in tokens if self.is_variable[index]]

    def _plan(self, node: int) -> Sequence[_Task]:
        """Returns the tasks that evaluate a node, in order: nodes to evaluate and functions to call."""
        tree, rules, kind = self.tree, self.rules, self.tree.kind[node]
        if kind == rules.declarator:
            return self._declare(node)
        if kind in rules.assignments:
            if self.python:
                return self._assign_python(node)
            left, right = _present(tree.child(node, "left")), _present(tree.child(node, "right"))
            return [right, partial(self._link_pairs, left, right, "computedFrom")]
        if kind == rules.increment:
            self._link_pairs(node, node, "computedFrom")
            return ()
        if kind in rules.branches:
            return self._branch(node)
        children = list(tree.children(node))
        if kind == "for_statement":
            if self.python:
                return self._loop(node, self._for_python(node, children) * 2)
            repeated = next((i + 1 for i, c in enumerate(children) if tree.kind[c] == rules.repeat_after), None)
            return self._loop(node, [*children, *(children[repeated:] if repeated else ())])
        if kind == rules.each:
            name, value = self._each_parts(node, children)
            body = _present(tree.child(node, "body"))
            return self._loop(node, [value, partial(self._link_pairs, name, value, "computedFrom"), body] * 2)
        if kind == "while_statement":
            return self._loop(node, children * 2)
        # In a comprehension, the clauses are evaluated before the value.
        return sorted(children, key=lambda child: tree.kind[child] != "for_in_clause")

    def _read(self, node: int) -> None:
        first = self.first[node]
        if first < 0:
            raise _UnexpectedNodeError
        if not self.is_variable[first]:
            return
        index, text = self.tokens[first]
        known = self.states.get(text)
        if known is not None:
            self.items.append((text, index, "comesFrom", (text,), known))
            return
        if self.tree.kind[node] == "identifier":
            self.states[text] = (index,)
        self.items.append((text, index, "comesFrom", (), ()))

    def _declare(self, node: int) -> Sequence[_Task]:
        if self.rules.value_by_position:
            children = list(self.tree.children(node))
            name: int | None = children[0]
            value = children[1] if len(children) == 2 else None
        else:
            name = self.tree.child(node, "name")
            value = self.tree.child(node, self.rules.value_field)
        if value is not None:
            return [value, partial(self._link_pairs, _present(name), value, "comesFrom")]
        for index, text in self._variables(name):
            self.items.append((text, index, "comesFrom", (), ()))
            self.states[text] = (index,)
        return ()

    def _link_pairs(self, target: int, value: int, relation: str) -> None:
        """Links every target token with every value token.

        The package makes one item per pair, and later merges the items with the same target. Here, they are merged from
        the start.
        """
        sources = self._variables(value)
        names, indices = tuple(dict.fromkeys(name for _, name in sources)), tuple(index for index, _ in sources)
        for index, text in self._variables(target):
            if sources:
                self.items.append((text, index, relation, names, indices))
            self.states[text] = (index,)

    def _link_all(self, target: int, value: int) -> None:
        """Makes one item for every target token, with all value tokens as its sources."""
        sources = self._variables(value)
        names, indices = tuple(name for _, name in sources), tuple(index for index, _ in sources)
        for index, text in self._variables(target):
            self.items.append((text, index, "computedFrom", names, indices))
            self.states[text] = (index,)

    def _assign_python(self, node: int) -> Sequence[_Task]:
        tree = self.tree
        if tree.kind[node] == "for_in_clause":
            *_, last = tree.children(node)
            lefts, rights = [_present(tree.child(node, "left"))], [last]
        else:
            right = tree.child(node, "right")
            if right is None:
                return ()
            lefts, rights = self._pair(_present(tree.child(node, "left")), right)
        return [*rights, *(partial(self._link_all, *pair) for pair in zip(lefts, rights, strict=True))]

    def _pair(self, left: int, right: int) -> tuple[list[int], list[int]]:
        """Pairs the parts of two sides by position if their numbers are equal, else pairs the whole sides."""
        lefts = [child for child in self.tree.children(left) if self.tree.kind[child] != ","]
        rights = [child for child in self.tree.children(right) if self.tree.kind[child] != ","]
        return (lefts, rights) if lefts and len(lefts) == len(rights) else ([left], [right])

    def _for_python(self, node: int, children: list[int]) -> list[_Task]:
        left, right = _present(self.tree.child(node, "left")), _present(self.tree.child(node, "right"))
        lefts, rights = self._pair(left, right)
        body = children[-1:] if self.tree.kind[children[-1]] == "block" else []
        return [*rights, *(partial(self._link_all, *pair) for pair in zip(lefts, rights, strict=True)), *body]

    def _each_parts(self, node: int, children: list[int]) -> tuple[int, int]:
        if all(self.rules.each_fields):
            name, value = (self.tree.child(node, field) for field in self.rules.each_fields)
        else:
            named = [child for child in children if self.tree.kind[child] == "variable_name"]
            value, name = (*named[:2], None, None)[:2]
        return _present(name), _present(value)

    def _branch(self, node: int) -> Sequence[_Task]:
        """Evaluates the parts of a conditional in sequence, but each alternative with the definitions at the entry."""
        tree, rules = self.tree, self.rules
        entry = dict(self.states)
        outcomes: list[_States] = []
        tasks: list[_Task] = []
        covered = "else" in tree.kind[node]
        alternative = False
        for child in tree.children(node):
            kind = tree.kind[child]
            covered = covered or "else" in kind
            if self.python:
                alternative = kind in ("elif_clause", "else_clause")
            else:
                alternative = alternative or kind in rules.branches
            if alternative:
                kept: list[_States] = []
                tasks += [partial(self._fork, entry, kept), child, partial(self._join, outcomes, kept)]
            else:
                tasks.append(child)
        tasks.append(partial(self._merge, entry, outcomes, rules.merge_entry_always or not covered))
        return tasks

    def _fork(self, entry: _States, kept: list[_States]) -> None:
        kept.append(self.states)
        self.states = dict(entry)

    def _join(self, outcomes: list[_States], kept: list[_States]) -> None:
        outcomes.append(self.states)
        self.states = kept.pop()

    def _merge(self, entry: _States, outcomes: list[_States], with_entry: bool) -> None:
        merged: dict[str, set[int]] = {}
        for states in [*outcomes, self.states, *([entry] if with_entry else [])]:
            for text, indices in states.items():
                merged.setdefault(text, set()).update(indices)
        self.states = {text: tuple(sorted(indices)) for text, indices in merged.items()}

    def _loop(self, node: int, tasks: Sequence[_Task]) -> Sequence[_Task]:
        key = (node, frozenset(self.states.items()))
        known = self.memo.get(key)
        if known is None:
            return [*tasks, partial(self._close_loop, key, len(self.items))]
        items, states = known
        self.items.extend(items)
        self.states = dict(states)
        return ()

    def _close_loop(self, key: tuple[int, frozenset[tuple[str, tuple[int, ...]]]], start: int) -> None:
        """Merges the items of all passes that have the same variable, place and relation."""
        merged: dict[tuple[str, int, str], _Item] = {}
        for item in self.items[start:]:
            first = merged.get(item[:3])
            merged[item[:3]] = item if first is None else _union(first, item, ordered=True)
        items = tuple(merged.values())
        self.items[start:] = items
        self.memo[key] = (items, dict(self.states))


def _present(node: int | None) -> int:
    if node is None:
        raise _UnexpectedNodeError
    return node


def _union(first: _Item, second: _Item, *, ordered: bool) -> _Item:
    indices = dict.fromkeys(first[4] + second[4])
    return (*first[:3], tuple(dict.fromkeys(first[3] + second[3])), tuple(sorted(indices) if ordered else indices))


def _texts(source: str, data: bytes, spans: list[tuple[int, int]]) -> list[str]:
    """Returns the texts of the tokens, cut out by row and byte column as in the package."""
    if source.isascii():
        return [source[start:stop].replace("\n", "") for start, stop in spans]
    lines = source.split("\n")
    starts = [0]
    for line in data.split(b"\n"):
        starts.append(starts[-1] + len(line) + 1)
    texts = []
    for start, stop in spans:
        row, last_row = bisect_right(starts, start) - 1, bisect_right(starts, stop) - 1
        column, last_column = start - starts[row], stop - starts[last_row]
        if row == last_row:
            texts.append(lines[row][column:last_column])
        else:
            texts.append(lines[row][column:] + "".join(lines[row + 1 : last_row]) + lines[last_row][:last_column])
    return texts


def reference_flow(tree: FlatTree, source: str, language: str) -> Counter[FlowItem]:
    """Returns the normalised data-flow items of a program as codebleu 0.7.0 counts them.

    Args:
        tree: The syntax tree of the program.
        source: The source text of the program.
        language: A name in ``languages.LANGUAGES``.
    """
    try:
        items = _Extractor(tree, source, language).run() if tree.depth <= _MAX_DEPTH else []
    except _UnexpectedNodeError:
        return Counter()
    items = sorted(items, key=lambda item: item[1])
    linked = {item[1] for item in items if item[4]} | {index for item in items for index in item[4]}
    merged: dict[int, _Item] = {}
    for item in items:
        if item[1] in linked:
            first = merged.get(item[1])
            merged[item[1]] = item if first is None else _union(first, item, ordered=False)
    names: dict[str, str] = {}
    flow: Counter[FlowItem] = Counter()
    for text, _, relation, parents, _ in merged.values():
        sources = tuple(names.setdefault(parent, f"var_{len(names)}") for parent in parents)
        flow[(names.setdefault(text, f"var_{len(names)}"), relation, sources)] += 1
    return flow
