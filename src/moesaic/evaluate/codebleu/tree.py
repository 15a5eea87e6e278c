"""A syntax tree as flat arrays in pre-order: what every component of CodeBLEU walks, without recursion or node objects.

The children of node ``i`` are ``i + 1``, then ``end[i + 1]``, and so on up to ``end[i]``; its tokens are one slice of
the token list. A tree nested 20,000 deep takes as many list entries and no stack.
"""

from __future__ import annotations

from collections.abc import Iterator

from moesaic.parsing import encode, parse

__all__ = ["STRING_KINDS", "FlatTree"]

STRING_KINDS = frozenset({"string_literal", "string", "character_literal"})
"""Node kinds that codebleu 0.7.0 takes as one token."""


class FlatTree:
    """The concrete syntax tree of one source text.

    Attributes:
        source: The UTF-8 bytes that positions refer to.
        kind: Grammar symbol of each node.
        field: Field of the parent that the node fills, or None.
        named: Whether the node is named in the grammar (operators and keywords are not).
        broken: Whether the node is, or contains, an ERROR or MISSING node.
        marker: For a leaf that is ERROR or MISSING, how tree-sitter writes it; else None.
        start: First byte of each node.
        stop: Byte after its last one.
        end: Index after the node's last descendant.
    """

    __slots__ = ("broken", "end", "field", "kind", "marker", "named", "source", "start", "stop")

    def __init__(self, source: str, language: str) -> None:
        self.source = encode(source)
        self.kind: list[str] = []
        self.field: list[str | None] = []
        self.named: list[bool] = []
        self.broken: list[bool] = []
        self.marker: dict[int, str] = {}
        self.start: list[int] = []
        self.stop: list[int] = []
        self.end: list[int] = []
        tree = parse(source, language)
        any_broken = tree.root_node.has_error
        cursor = tree.walk()
        open_nodes: list[int] = []
        while True:
            node = cursor.node
            assert node is not None
            index = len(self.kind)
            self.kind.append(node.type)
            self.field.append(cursor.field_name)
            self.named.append(node.is_named)
            self.start.append(node.start_byte)
            self.stop.append(node.end_byte)
            self.end.append(index + 1)
            broken = any_broken and node.has_error
            self.broken.append(broken)
            if cursor.goto_first_child():
                open_nodes.append(index)
                continue
            if broken:
                self.marker[index] = str(node)
            while not cursor.goto_next_sibling():
                if not cursor.goto_parent():
                    return
                self.end[open_nodes.pop()] = len(self.kind)

    def __len__(self) -> int:
        return len(self.kind)

    def children(self, node: int) -> Iterator[int]:
        """Yields the children of a node from left to right."""
        child, end = node + 1, self.end[node]
        while child < end:
            yield child
            child = self.end[child]

    def child(self, node: int, field: str) -> int | None:
        """Returns the first child that fills a field, or None."""
        return next((child for child in self.children(node) if self.field[child] == field), None)

    def is_leaf(self, node: int) -> bool:
        """Says whether a node has no children."""
        return self.end[node] == node + 1

    def text(self, node: int) -> str:
        """Returns the source text of a node."""
        return self.source[self.start[node] : self.stop[node]].decode("utf-8", "replace")
