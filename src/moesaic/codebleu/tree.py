"""A syntax tree as flat arrays in pre-order, which all components of CodeBLEU walk without recursion.

The children of node ``i`` are ``i + 1``, then ``end[i + 1]``, and so on up to ``end[i]``. The tokens of a node are one
slice of the token list. A tree that is nested 20,000 levels deep needs as many list entries and no stack.
"""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from moesaic.parsing import encode, parse

__all__ = ["STRING_KINDS", "FlatTree"]

STRING_KINDS = frozenset({"string_literal", "string", "character_literal"})
"""Kinds of nodes that codebleu 0.7.0 treats as one token."""

_MISSING = "(MISSING"
_MAX_WRITTEN_DEPTH = 200  # tree-sitter writes S-expressions recursively, and writing one per level takes quadratic time


class FlatTree:
    """The concrete syntax tree of one source text.

    Args:
        source: The source text.
        language: Name of the language of the text.
        verbatim: See :func:`moesaic.parsing.parse`.

    Attributes:
        source: The text as UTF-8 bytes, to which positions refer.
        kind: Grammar symbol of each node.
        field: Field of the parent in which each node is, or None.
        named: Whether each node is named in the grammar (operators and keywords are not).
        broken: Whether each node is, or contains, an ERROR or MISSING node.
        marker: Node -> how tree-sitter writes it, for leaves that are ERROR or MISSING. With ``verbatim``, also for
            nodes that contain a MISSING token of a hidden kind, which has no node of its own.
        start: Offset of the first byte of each node.
        stop: Offset after the last byte of each node.
        end: Index after the last descendant of each node.
        depth: Number of levels below the root.
    """

    __slots__ = ("broken", "depth", "end", "field", "kind", "marker", "named", "source", "start", "stop")

    def __init__(self, source: str, language: str, *, verbatim: bool = False) -> None:
        self.source = encode(source)
        self.marker: dict[int, str] = {}
        tree = parse(source, language, verbatim=verbatim)
        any_broken = tree.root_node.has_error
        cursor = tree.walk()
        down, right, up = cursor.goto_first_child, cursor.goto_next_sibling, cursor.goto_parent
        ids: list[int] = []
        field: list[str | None] = []
        start: list[int] = []
        stop: list[int] = []
        end: list[int] = []
        self.field, self.start, self.stop, self.end = field, start, stop, end
        open_nodes: list[int] = []
        damaged: list[tuple[int, Node]] = []
        kinds: dict[int, tuple[str, bool]] = {}  # kind id -> symbol, whether named; faster than asking each node
        self.depth = 0
        index = 0
        while True:
            node: Node = cursor.node  # type: ignore[assignment]  # a cursor that has not left the tree is on a node
            kind_id, first, last = node.kind_id, node.start_byte, node.end_byte
            if kind_id not in kinds:
                kinds[kind_id] = (node.type, node.is_named)
            ids.append(kind_id)
            field.append(cursor.field_name)
            start.append(first)
            stop.append(last)
            # has_error is False for an ERROR leaf, and a MISSING token is empty.
            if any_broken and (node.is_error or node.has_error or (first == last and node.is_missing)):
                damaged.append((index, node))
            if down():
                open_nodes.append(index)
                index += 1
                end.append(index)
                if len(open_nodes) > self.depth:
                    self.depth = len(open_nodes)
                continue
            index += 1
            end.append(index)
            while not right():
                if not up():
                    self.kind = [kinds[number][0] for number in ids]
                    self.named = [kinds[number][1] for number in ids]
                    self.broken = [False] * len(ids)
                    for number, _ in damaged:
                        self.broken[number] = True
                    self._mark(damaged, verbatim)
                    return
                end[open_nodes.pop()] = index

    def _mark(self, damaged: list[tuple[int, Node]], verbatim: bool) -> None:
        """Fills ``marker`` with malformed leaves, and nodes that contain a MISSING token of a kind without nodes."""
        leaves = ((number, str(node)) for number, node in damaged if self.is_leaf(number))
        self.marker = {number: text for number, text in leaves if text != "(ERROR)"}
        if not damaged or not verbatim or self.depth > _MAX_WRITTEN_DEPTH:
            return
        shown = sum(text.startswith(_MISSING) for text in self.marker.values())
        if str(damaged[0][1]).count(_MISSING) == shown:
            return
        written = {number: str(node) for number, node in damaged}
        counts = {number: text.count(_MISSING) for number, text in written.items()}
        for number, text in written.items():
            if counts[number] > sum(counts.get(child, 0) for child in self.children(number)):
                self.marker[number] = text

    def __len__(self) -> int:
        return len(self.kind)

    def children(self, node: int) -> Iterator[int]:
        """Yields the children of a node from left to right."""
        child, end = node + 1, self.end[node]
        while child < end:
            yield child
            child = self.end[child]

    def child(self, node: int, field: str) -> int | None:
        """Returns the first child in a field, or None."""
        return next((child for child in self.children(node) if self.field[child] == field), None)

    def is_leaf(self, node: int) -> bool:
        """Returns whether a node has no children."""
        return self.end[node] == node + 1

    def text(self, node: int) -> str:
        """Returns the source text of a node."""
        return self.source[self.start[node] : self.stop[node]].decode("utf-8", "replace")
