"""Finds the variables that an expression uses and those that a target defines, in any language."""

from __future__ import annotations

from functools import partial

from moesaic.codebleu.dataflow import Events, Task
from moesaic.codebleu.dataflow_languages import RULES, words
from moesaic.codebleu.tree import FlatTree

__all__ = ["Values"]


_NO_VALUES = words("function object type returns constructor scope name superclasses")
"""Fields in which an unbound name is a function, a module or a type, not a variable."""

_STARS = ("splat", "splat_pattern", "rest_pattern", "element", "rest_assignment", "splat_argument")
_STREAMS = frozenset({"cin", "std::cin"})


class Values:
    """Turns the expressions and targets of one program into events.

    A method returns the tasks for a node. A task is a node to visit, or a function to call, which may return further
    tasks.

    Args:
        tree: The syntax tree of the program.
        language: A name in ``languages.LANGUAGES``.
    """

    def __init__(self, tree: FlatTree, language: str) -> None:
        self.tree = tree
        self.rules = RULES[language]
        self.skipped_fields: dict[str, set[str]] = {}
        for kind, _, field in (name.partition(".") for name in self.rules.skipped):
            self.skipped_fields.setdefault(kind, set()).add(field)
        self.events = Events()
        self.streams: dict[int, bool] = {}  # C++: whether a shift reads from a stream

    def _parts(self, node: int, *excluded: int | None) -> list[int]:
        """Returns the named children that may contain variables."""
        named, fields, skipped = self.tree.named, self.tree.field, self.skipped_fields.get(self.tree.kind[node], ())
        return [
            child
            for child in self.tree.children(node)
            if named[child] and child not in excluded and fields[child] not in skipped
        ]

    def _fields(self, node: int, *fields: str) -> list[Task]:
        return [child for child in self.tree.children(node) if self.tree.field[child] in fields]

    def _first(self, node: int, *fields: str) -> int | None:
        return next((child for child in self.tree.children(node) if self.tree.field[child] in fields), None)

    def _scoped(self, tasks: list[Task]) -> list[Task]:
        return [partial(self.events.open_scope, "block"), *tasks, self.events.close_scope]

    def _collect(self, tasks: list[Task], sources: list[int]) -> list[Task]:
        """Returns tasks that visit an expression and add the occurrences that flow into it to ``sources``."""
        return [self.events.mark, *tasks, partial(self.events.take, sources)]

    # Reads and writes

    def _identifier(self, node: int, free: bool = True) -> list[Task]:
        free = free and not self.rules.unbound_is_call and self.tree.field[node] not in _NO_VALUES
        self.events.read(self.tree.text(node), self.tree.start[node], free=free)
        return []

    def _own_field(self, node: int) -> str | None:
        """Returns the name of a field of the class, as in ``this.name``, ``self.name`` or ``@name``, or None."""
        tree = self.tree
        if tree.kind[node] in self.rules.own_fields:
            return tree.text(node)
        if tree.kind[node] not in self.rules.members:
            return None
        children = list(tree.children(node))
        if (
            len(children) != 3
            or tree.end[children[0]] > children[0] + 3
            or not self._is(children[0], self.rules.selves)
        ):
            return None
        return tree.text(children[2])

    def _is(self, node: int, texts: frozenset[str]) -> bool:
        """Returns whether the text of a node is one of ``texts``; the long text of a nested expression is not read."""
        return self.tree.stop[node] - self.tree.start[node] < 16 and self.tree.text(node) in texts

    def _member(self, node: int) -> list[Task]:
        name = self._own_field(node)
        if name is None:
            parts = self._parts(node)
            if parts and self.tree.kind[parts[0]] in self.rules.identifiers:
                return [*self._identifier(parts[0], free=False), *parts[1:]]
            return list(parts)
        self.events.read(name, self.tree.start[node], self.events.nearest("class"))
        return []

    def _store(
        self, node: int, sources: list[int], declare: bool, is_value: bool = False, keeps_old: bool = False
    ) -> list[Task]:
        """Defines a target: a name, a part of a named object, or a pattern of targets.

        Args:
            node: The target.
            sources: The occurrences from which it is computed.
            declare: Whether names are declared in the current scope; otherwise they are looked up.
            is_value: Whether the definition is itself an expression.
            keeps_old: Whether the old value flows in, as in ``+=`` and ``++``.
        """
        tree, rules, events = self.tree, self.rules, self.events
        kind = tree.kind[node]
        name = self._own_field(node)
        if name is not None:
            scope = events.nearest("class")
            events.scopes[scope].names.add(name)
            self._define(name, node, sources, scope, is_value, keeps_old)
            return []
        if kind in rules.identifiers:
            name = tree.text(node)
            scope = events.scope if declare else events.nearest("function", "class")
            if declare or (rules.assignment_binds and name not in events.scopes[scope].outer):
                events.scopes[scope].names.add(name)
            self._define(name, node, sources, None, is_value, keeps_old)
            return []
        if kind in rules.members or kind in rules.elements:
            base, indices = self._base(node)
            if base is None:
                return list(self._parts(node))
            # Storing into a part defines the whole object, from its old value, the index and the new value.
            mixed = list(sources)
            write = partial(self._define, tree.text(base), base, mixed, None, is_value, True)
            return [*self._collect([*indices], mixed), write]
        parts = self._parts(node)
        if kind in rules.patterns:
            if kind == "array_declarator":
                return [*parts[1:], partial(self._store, parts[0], sources, declare)] if parts else []
            return [
                partial(self._store, part, sources, declare, is_value, keeps_old)
                for part in parts
                if tree.field[part] != "type"
            ]
        left, right = self._first(node, "left"), self._first(node, "right")
        if left is not None and right is not None:  # a default inside a pattern
            mixed = list(sources)
            return [*self._collect([right], mixed), partial(self._store, left, mixed, declare)]
        return list(parts)

    def _define(
        self, name: str, node: int, sources: list[int], scope: int | None, is_value: bool, keeps_old: bool
    ) -> None:
        position = self.tree.start[node]
        old = [self.events.read(name, position, scope, is_value=False)] if keeps_old else []
        self.events.write(name, position, [*sources, *old], scope=scope, is_value=is_value)

    def _base(self, node: int) -> tuple[int | None, list[int]]:
        """Returns the variable at the start of a chain of members and elements, and the indices in the chain."""
        indices: list[int] = []
        chained = self.rules.members | self.rules.elements
        while self.tree.kind[node] in chained:
            parts = self._parts(node)
            if not parts:
                return None, []
            indices[:0] = parts[1:]
            node = parts[0]
        return (node if self.tree.kind[node] in self.rules.identifiers else None), indices

    def _declarator(self, node: int) -> list[Task]:
        tree = self.tree
        targets = [child for child in tree.children(node) if tree.field[child] in ("name", "declarator", "property")]
        value = self._first(node, "value", "default_value")
        if self.tree.kind[node] == "instanceof_expression":
            return [*self._fields(node, "left"), *(partial(self._bind, target, []) for target in targets)]
        if not targets:  # C# deconstruction: var (a, b) = pair
            targets = [child for child in self._parts(node) if tree.kind[child] in self.rules.patterns][:1]
        if value is None and len(targets) == 1:
            rest = [child for child in self._parts(node, *targets) if tree.field[child] in (None, "value")]
            value = rest[-1] if rest and tree.kind[node] == "variable_declarator" else None
        if value is None:
            return [partial(self._bind, target, []) for target in targets]
        sources: list[int] = []
        return [*self._collect([value], sources), *(partial(self._bind, target, sources) for target in targets)]

    def _bind(self, target: int, sources: list[int]) -> list[Task]:
        """Defines a target whose names are declared in the current scope."""
        kind = self.tree.kind[target]
        if kind == "init_declarator":
            return self._declarator(target)
        if kind == "function_declarator":  # a prototype declares no variable
            return []
        return self._store(target, sources, declare=True)

    def _assignment(self, node: int) -> list[Task]:
        left, right = self._first(node, "left", "name"), self._first(node, "right", "value")
        declare = self.tree.kind[node] in self.rules.declaring
        if left is None or right is None:
            parts = self._parts(node)
            if len(parts) == 1 and self.tree.kind[parts[0]] in self.rules.assignments:  # Lua: local a, b = c, d
                parts = self._parts(parts[0])
            if not parts or any(self.tree.kind[part] not in self.rules.patterns for part in parts):
                return list(parts)
            if len(parts) == 1:  # Lua: local a, b
                return [partial(self._store, parts[0], [], declare)]
            left, right = parts[0], parts[-1]
        operator = next((child for child in self.tree.children(node) if not self.tree.named[child]), left)
        text = self.tree.text(operator)
        if text not in ("=", ":=") and text.endswith("="):  # compound assignment: the old value flows in
            sources: list[int] = []
            store = partial(self._store, left, sources, declare=False, is_value=True, keeps_old=True)
            return [*self._collect([right], sources), store]
        lefts, rights = self._elements(left), self._elements(right)
        if lefts is None or rights is None or len(lefts) != len(rights):
            lefts, rights = [left], [right]
        bags: list[list[int]] = [[] for _ in rights]
        tasks: list[Task] = []
        for part, bag in zip(rights, bags, strict=True):
            tasks += self._collect([part], bag)
        single = len(lefts) == 1
        return tasks + [
            partial(self._store, part, bag, declare=declare, is_value=single)
            for part, bag in zip(lefts, bags, strict=True)
        ]

    def _elements(self, node: int) -> list[int] | None:
        """Returns the parts of a tuple or list in an assignment; None for another node, or if a part is starred."""
        tree = self.tree
        if tree.kind[node] not in self.rules.patterns and tree.kind[node] != "array":
            return None
        parts = self._parts(node)
        starred = any(tree.kind[part].endswith(_STARS) for part in parts)
        return None if starred or tree.kind[node].startswith("parenthesized") else parts

    def _update(self, node: int) -> list[Task]:
        parts = self._parts(node)
        operator = next((self.tree.text(c) for c in self.tree.children(node) if not self.tree.named[c]), "")
        if operator not in ("++", "--") or len(parts) != 1:
            return list(parts)
        return [partial(self._store, parts[0], [], declare=False, is_value=True, keeps_old=True)]

    def _stream(self, node: int) -> list[Task]:
        """Handles ``cin >> a >> b``, which defines a and b."""
        tree = self.tree
        chain = []
        while node not in self.streams and tree.kind[node] == "binary_expression":
            chain.append(node)
            node = node + 1  # the left operand is the first child
        is_stream = self.streams[node] if node in self.streams else self._is(node, _STREAMS)
        for shift in reversed(chain):
            operator = next((tree.text(child) for child in tree.children(shift) if not tree.named[child]), "")
            is_stream = is_stream and operator == ">>"
            self.streams[shift] = is_stream
        node = chain[0] if chain else node
        parts = self._parts(node)
        if self.streams.get(node) and len(parts) == 2:
            return [parts[0], partial(self._store, parts[1], [], declare=False)]
        return list(parts)
