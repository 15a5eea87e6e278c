"""A syntax tree as flat arrays in pre-order: what every component of CodeBLEU walks, without recursion or node objects.

The children of node ``i`` are ``i + 1``, then ``end[i + 1]``, and so on up to ``end[i]``; its tokens are one slice of
the token list. A tree nested 20,000 deep takes as many list entries and no stack.
"""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from moesaic.parsing import encode, parse

__all__ = ["STRING_KINDS", "FlatTree"]

STRING_KINDS = frozenset({"string_literal", "string", "character_literal"})
"""Node kinds that codebleu 0.7.0 takes as one token."""


class FlatTree:
    """The concrete syntax tree of one source text.

    Args:
        source: The text.
        language: Name of its language.
        verbatim: See :func:`moesaic.parsing.parse`.

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
        depth: Levels below the root.
    """

    __slots__ = ("broken", "depth", "end", "field", "kind", "marker", "named", "source", "start", "stop")

    def __init__(self, source: str, language: str, *, verbatim: bool = False) -> None:
        self.source = encode(source)
        self.marker: dict[int, str] = {}
        tree = parse(source, language, verbatim=verbatim)
        any_broken = tree.root_node.has_error
        cursor = tree.walk()
        down, right, up = cursor.goto_first_child, cursor.goto_next_sibling, cursor.goto_parent
        kind: list[str] = []
        field: list[str | None] = []
        named: list[bool] = []
        broken: list[bool] = []
        start: list[int] = []
        stop: list[int] = []
        end: list[int] = []
        self.kind, self.field, self.named, self.broken = kind, field, named, broken
        self.start, self.stop, self.end = start, stop, end
        open_nodes: list[int] = []
        self.depth = 0
        index = 0
        while True:
            node: Node = cursor.node  # type: ignore[assignment]  # a cursor that has not left the tree is on a node
            kind.append(node.type)
            field.append(cursor.field_name)
            named.append(node.is_named)
            start.append(node.start_byte)
            stop.append(node.end_byte)
            broken.append(any_broken and node.has_error)
            end.append(index + 1)
            index += 1
            if down():
                open_nodes.append(index - 1)
                continue
            self.depth = max(self.depth, len(open_nodes))
            if broken[-1]:
                self.marker[index - 1] = str(node)
            while not right():
                if not up():
                    return
                end[open_nodes.pop()] = index

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
