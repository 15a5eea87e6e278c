"""Defines control flow, functions and scopes: what the constructs of a language do, for all languages.

A program is visited in a loop over a stack of tasks, so that the nesting depth is not limited by recursion.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial

from moesaic.codebleu.dataflow import Edge, Events, Task, solve
from moesaic.codebleu.dataflow_languages import words
from moesaic.codebleu.dataflow_values import Values
from moesaic.codebleu.tree import FlatTree

__all__ = ["data_flow"]

_COMPREHENSIONS = words("list_comprehension set_comprehension dictionary_comprehension generator_expression")
_OUTER_NAMES = words("global_statement nonlocal_statement global_declaration anonymous_function_use_clause")


class _Visitor(Values):
    def __init__(self, tree: FlatTree, language: str) -> None:
        super().__init__(tree, language)
        rules = self.rules
        table: list[tuple[Iterable[str], Callable[[int], list[Task]]]] = [
            (rules.identifiers, self._identifier),
            (rules.declarators, self._declarator),
            (rules.assignments, self._assignment),
            (rules.updates, self._update),
            (rules.members | rules.own_fields, self._member),
            (rules.block_calls, self._block_call),
            (rules.captures, self._captures),
            (rules.branches, self._branch),
            (rules.loops, self._loop),
            (rules.counted, self._counted_loop),
            (rules.each, self._each_loop),
            (rules.clauses, self._clause_loop),
            (rules.switches, self._switch),
            (rules.tries, self._try),
            (rules.functions, self._function),
            (rules.classes, self._class),
            (rules.handlers, self._handler),
            (rules.exits, self._exit),
            (_COMPREHENSIONS, self._comprehension),
            (_OUTER_NAMES, self._outer_names),
            (("break_statement", "break"), lambda _: [partial(self.events.jump, out=True)]),
            (("continue_statement", "next"), lambda _: [partial(self.events.jump, out=False)]),
            (("as_pattern",), self._as_pattern),
            (("case_pattern",), self._case_pattern),
            (("binary_expression",) if language == "cpp" else (), self._stream),
        ]
        self.table = {kind: method for kinds, method in table for kind in kinds}
        self.special = self.table.keys() | self.rules.blocks | self.skipped_fields.keys()
        self.stack: list[Task] = []

    def run(self) -> Events:
        self.stack.append(0)
        while self.stack:
            task = self.stack.pop()
            if isinstance(task, int):
                self._walk(task, self.tree.end[task])
            elif isinstance(task, tuple):
                self._walk(*task)
            elif isinstance(result := task(), list):
                self.stack.extend(reversed(result))
        return self.events

    def _walk(self, node: int, end: int) -> None:
        """Visits nodes in order up to the first to which a rule applies; pushes its tasks, and the rest below them."""
        kinds, named, special = self.tree.kind, self.tree.named, self.special
        while node < end:
            if kinds[node] not in special or not named[node]:
                node += 1
                continue
            after = self.tree.end[node]
            if after < end:
                self.stack.append((after, end))
            self.stack.extend(reversed(self._visit(node)))
            return

    def _visit(self, node: int) -> list[Task]:
        kind = self.tree.kind[node]
        if kind in self.rules.skipped:
            return []
        method = self.table.get(kind)
        tasks: list[Task] = method(node) if method else [*self._parts(node)]
        return self._scoped(tasks) if kind in self.rules.blocks else tasks

    # Control flow

    def _branch(self, node: int) -> list[Task]:
        tree, events = self.tree, self.events
        end = events.new_block()
        tasks: list[Task] = []
        alternatives = [child for child in tree.children(node) if tree.field[child] == "alternative"]
        for part in [node, *(child for child in alternatives if tree.kind[child] in self.rules.chained)]:
            then, other = events.new_block(), events.new_block()
            tasks += self._fields(part, "initializer", "condition")
            tasks += [partial(events.link, other), partial(events.go, then)]
            tasks += [
                *self._fields(part, "consequence", "body"),
                partial(events.link, end),
                partial(events.enter, other),
            ]
        tasks += [child for child in alternatives if tree.kind[child] not in self.rules.chained]
        return [*tasks, partial(events.go, end)]

    def _loop(self, node: int) -> list[Task]:
        return self._repeat(
            condition=self._fields(node, "condition"),
            body=self._fields(node, "body"),
            tested_first=self.tree.kind[node] not in ("do_statement", "repeat_statement"),
            after=self._fields(node, "alternative"),
        )

    def _counted_loop(self, node: int) -> list[Task]:
        loop = self._repeat(
            condition=self._fields(node, "condition"),
            body=self._fields(node, "body"),
            step=self._fields(node, "update", "increment"),
        )
        return self._scoped([*self._fields(node, "init", "initializer", "initialize"), *loop])

    def _each_loop(self, node: int) -> list[Task]:
        tree = self.tree
        body = self._fields(node, "body")
        parts = [child for child in self._parts(node) if child not in body and tree.field[child] != "alternative"]
        values = [child for child in parts if tree.field[child] in ("right", "value")]
        targets = [child for child in parts if tree.field[child] in ("left", "name", "declarator", "pattern")]
        if not values and len(parts) == 2:  # PHP has no field names for them
            values, targets = parts[:1], parts[1:]
        sources: list[int] = []
        declare = not self.rules.assignment_binds and (tree.field[node + 1] != "left" or len(targets) != 1)
        define: list[Task] = [partial(self._store, target, sources, declare) for target in targets]
        collected = self._collect(list(values), sources)
        if tree.kind[node] == "for_in_clause":  # a comprehension has no body
            return [*collected, *define]
        after = self._fields(node, "alternative")
        loop = [*collected, *self._repeat(condition=[], body=[*define, *body], after=after)]
        return self._scoped(loop)

    def _clause_loop(self, node: int) -> list[Task]:
        """Handles Go's only loop (over a range, counted, with a condition or endless), and Lua's two for loops."""
        tree, body = self.tree, self._fields(node, "body")
        head = next((child for child in self._parts(node) if child not in body), None)
        kind = "" if head is None else tree.kind[head]
        if head is not None and kind in ("for_numeric_clause", "for_generic_clause"):
            names, *values = self._parts(head)
            bounds: list[int] = []
            loop = self._repeat(condition=[], body=[partial(self._store, names, bounds, True), *body])
            return self._scoped([*self._collect([*values], bounds), *loop])
        if head is None or kind not in ("for_clause", "range_clause"):
            return self._repeat(condition=[] if head is None else [head], body=body)
        if kind == "for_clause":
            loop = self._repeat(self._fields(head, "condition"), body, self._fields(head, "update"))
            return self._scoped([*self._fields(head, "initializer"), *loop])
        sources: list[int] = []
        declares = b":=" in tree.source[tree.start[head] : tree.stop[head]].partition(b"range")[0]
        define = [
            partial(self._store, child, sources, declares)
            for child in tree.children(head)
            if tree.field[child] == "left"
        ]
        collected = self._collect(self._fields(head, "right"), sources)
        return self._scoped([*collected, *self._repeat(condition=[], body=[*define, *body])])

    def _repeat(
        self,
        condition: list[Task],
        body: list[Task],
        step: list[Task] | None = None,
        after: list[Task] | None = None,
        tested_first: bool = True,
    ) -> list[Task]:
        """Returns the tasks of a loop. ``after`` (Python's else) runs when the test fails, but not after a break."""
        events = self.events
        head, inside, again, end, out = (events.new_block() for _ in range(5))
        guarded: list[Task] = [partial(events.open_exits, out, again), *body, events.close_exits]
        test: list[Task] = [*condition, partial(events.link, inside), partial(events.link, end)]
        if tested_first:
            tasks: list[Task] = [partial(events.go, head), *test, partial(events.enter, inside), *guarded]
            tasks += [partial(events.go, again), *(step or []), partial(events.link, head)]
        else:
            tasks = [partial(events.go, inside), *guarded, partial(events.go, again), *test]
        return [*tasks, partial(events.enter, end), *(after or []), partial(events.go, out)]

    def _switch(self, node: int) -> list[Task]:
        tree, events, rules = self.tree, self.events, self.rules
        body = self._first(node, "body")
        end = events.new_block()
        head: list[int] = []
        tasks: list[Task] = [c for c in self._parts(node) if c != body and tree.kind[c] not in rules.cases]
        tasks += [lambda: head.append(events.block), partial(events.open_exits, end)]
        has_default = False
        for child in tree.children(node if body is None else body):
            if tree.kind[child] not in rules.cases:
                continue
            case = events.new_block()
            arrow = tree.kind[child] == "switch_rule"
            label = tree.source[tree.start[child] : tree.start[child] + 16]
            has_default = has_default or label.startswith((b"default", b"case _:", b"case _ :", b"else"))
            tasks += [partial(self._open_case, head, case), *self._parts(child)]
            if arrow or not rules.falls_through:
                tasks.append(partial(events.leave, end))
        tasks += [events.close_exits, partial(events.link, end)]
        if not has_default:
            tasks.append(lambda: events.connect(head[0], end))
        return self._scoped([*tasks, partial(events.enter, end)])

    def _open_case(self, head: list[int], case: int) -> None:
        if self.events.block != head[0]:
            self.events.link(case)  # falls through from the previous case
        self.events.connect(head[0], case)
        self.events.enter(case)

    def _try(self, node: int) -> list[Task]:
        """Handles a try statement. A handler may start with the definitions before the guarded part, or after it."""
        tree, events = self.tree, self.events
        handlers = [child for child in tree.children(node) if tree.kind[child] in self.rules.handlers]
        last = [child for child in tree.children(node) if tree.kind[child] in ("finally_clause", "ensure")]
        guarded = [child for child in self._parts(node) if child not in (*handlers, *last)]
        start, end = events.new_block(), events.new_block()
        blocks = [events.new_block() for _ in handlers]
        tasks: list[Task] = [*(partial(events.link, block) for block in blocks), partial(events.go, start), *guarded]
        tasks += [*(partial(events.link, block) for block in blocks), partial(events.link, end)]
        for handler, block in zip(handlers, blocks, strict=True):
            tasks += [partial(events.enter, block), handler, partial(events.link, end)]
        return [*tasks, partial(events.enter, end), *last]

    def _handler(self, node: int) -> list[Task]:
        parameter = self._first(node, "parameter", "name")
        if parameter is not None and self.tree.kind[parameter] != "catch_formal_parameter":
            return [partial(self._bind, parameter, []), *self._fields(node, "body")]
        bound = [partial(self._parameter, child) for child in self._parts(node) if self._is_parameter(child)]
        return [*bound, *(child for child in self._parts(node) if not self._is_parameter(child))]

    def _is_parameter(self, node: int) -> bool:
        return self.tree.kind[node] in self.rules.parameters or self.tree.kind[node] == "parameter_list"

    def _exit(self, node: int) -> list[Task]:
        return [*self._parts(node), self.events.leave]

    def _block_call(self, node: int) -> list[Task]:
        """Handles a call whose block runs any number of times, with parts of the receiver as its parameters."""
        block = self._first(node, "block")
        if block is None:
            return self._member(node)
        sources: list[int] = []
        parameters = self._first(block, "parameters")
        bound: list[Task] = [
            partial(self._parameter_from, child, sources)
            for child in (() if parameters is None else self._parts(parameters))
        ]
        called: list[Task] = [self.events.mark, *self._parts(node, block), partial(self.events.keep, sources)]
        return [*called, *self._repeat(condition=[], body=self._scoped([*bound, *self._fields(block, "body")]))]

    def _parameter_from(self, node: int, sources: list[int]) -> list[Task]:
        return self._parameter(node) if self.tree.kind[node] in self.rules.parameters else self._bind(node, sources)

    def _captures(self, node: int) -> list[Task]:
        """Handles a pattern whose names are bound to what they match."""
        tasks: list[Task] = []
        for child in self._parts(node):
            parts = self._parts(child)
            kind = self.tree.kind[child]
            if kind in self.rules.identifiers:
                tasks.append(partial(self._store, child, [], False))
            elif kind in ("splat_parameter", "hash_splat_parameter", "keyword_pattern") and parts:
                target = parts[-1]
                is_name = self.tree.kind[target] in self.rules.identifiers
                tasks.append(partial(self._store, target, [], False) if is_name else target)
            else:
                tasks.append(child)
        return tasks

    # Functions, classes, scopes

    def _function(self, node: int) -> list[Task]:
        tree, events = self.tree, self.events
        holder = node
        declarator = self._first(node, "declarator")
        while declarator is not None:  # C: the parameters belong to the declarator
            holder, declarator = declarator, self._first(declarator, "declarator")
            if tree.kind[holder] == "function_declarator" or tree.kind[holder] == "abstract_function_declarator":
                break
        parameters = self._first(holder, "parameters", "parameter")
        tasks: list[Task] = [events.open_function]
        if parameters is not None:
            listed = [parameters] if tree.kind[parameters] in self.rules.identifiers else self._parts(parameters)
            tasks += [partial(self._parameter, child) for child in listed]
        others = [child for child in tree.children(node) if tree.field[child] in ("receiver", "result")]
        tasks += [partial(self._parameter, child) for child in others if tree.kind[child] == "parameter_list"]
        uses = [child for child in tree.children(node) if tree.kind[child] == "anonymous_function_use_clause"]
        return [*tasks, *uses, *self._fields(node, "body"), events.close_function]

    def _parameter(self, node: int) -> list[Task]:
        if self.tree.kind[node] == "parameter_list":
            return [partial(self._parameter, child) for child in self._parts(node)]
        if self.tree.kind[node] not in self.rules.parameters:
            return self._bind(node, [])
        names = [child for child in self.tree.children(node) if self.tree.field[child] == "name"]
        if len(names) > 1:  # Go: a, b int
            return [partial(self._bind, name, []) for name in names]
        target = self._first(node, "name", "declarator", "left", "pattern")
        value = self._first(node, "value", "default_value", "right")
        if target is None:  # Python's typed parameter, or Java's variable number of arguments
            parts = [child for child in self._parts(node) if self.tree.field[child] != "type"]
            return [partial(self._bind, parts[-1], [])] if parts else []
        sources: list[int] = []
        return [*(self._collect([value], sources) if value is not None else ()), partial(self._bind, target, sources)]

    def _class(self, node: int) -> list[Task]:
        return [partial(self.events.open_scope, "class"), *self._parts(node), self.events.close_scope]

    def _comprehension(self, node: int) -> list[Task]:
        """Handles a comprehension: first its clauses, then its value."""
        clauses = [child for child in self._parts(node) if self.tree.kind[child].endswith("_clause")]
        rest = self._parts(node, *clauses)
        return [partial(self.events.open_scope, "function"), *clauses, *rest, self.events.close_scope]

    def _outer_names(self, node: int) -> list[Task]:
        names = {self.tree.text(child) for child in self._parts(node)}
        self.events.scopes[self.events.nearest("function")].outer.update(names)
        return []

    def _as_pattern(self, node: int) -> list[Task]:
        alias = self._first(node, "alias")
        sources: list[int] = []
        values = self._collect(list(self._parts(node, alias)), sources)
        return [*values, *([] if alias is None else [partial(self._store, alias, sources, False)])]

    def _case_pattern(self, node: int) -> list[Task]:
        """Handles a pattern of a case. A single name is bound to the value that it matches."""
        tree = self.tree
        parts = self._parts(node)
        if len(parts) == 1 and tree.kind[parts[0]] == "dotted_name":
            names = self._parts(parts[0])
            return [partial(self._store, names[0], [], False)] if len(names) == 1 else []
        return list(parts)


def data_flow(tree: FlatTree, language: str) -> Counter[Edge]:
    """Returns the data-flow edges of a program, with variables numbered in the order in which they appear.

    Args:
        tree: The syntax tree of the program.
        language: A name in ``languages.LANGUAGES``.
    """
    return solve(_Visitor(tree, language).run())
