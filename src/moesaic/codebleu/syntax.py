"""Counts the subtrees of a program, and how many of them another program has (Ren et al. 2020, section 3.2).

Two subtrees are equal if their S-expressions are equal. These contain the named nodes, their fields and their order,
but not the text of names, numbers and operators. Writing out the S-expressions takes time that is quadratic in the
nesting depth. Instead, the distinct subtrees of each tree are numbered, children before parents, and two trees are
compared by translating one numbering into the other.
"""

from __future__ import annotations

from moesaic.codebleu.tree import FlatTree

__all__ = ["Subtrees"]

_Key = tuple[str | int, ...]
_ABSENT = -1


class Subtrees:
    """The distinct subtrees of one program with their counts.

    Args:
        tree: The syntax tree of the program.
        skip_broken: Whether comments, and subtrees that contain an ERROR or MISSING node, are left out, so that nothing
            malformed matches.

    Attributes:
        total: Number of inner nodes, including the root, which is the denominator of the match.
    """

    __slots__ = ("_ids", "counts", "keys", "total")

    def __init__(self, tree: FlatTree, *, skip_broken: bool) -> None:
        self.keys: list[_Key] = []
        self.counts: list[int] = []
        self._ids: dict[_Key, int] = {}
        self.total = 0
        kinds, fields, named, ends, marker = tree.kind, tree.field, tree.named, tree.end, tree.marker
        left_out = {kind for kind in set(kinds) if kind.endswith("comment") or kind == "\n"} if skip_broken else ()
        written: list[_Key] = [()] * len(tree)  # the part of its parent's key that each node contributes
        for node in range(len(tree) - 1, -1, -1):
            kind, end = kinds[node], ends[node]
            visible = named[node] or node in marker
            inner = end > node + 1 or node == 0
            if not (inner or visible) or kind in left_out:
                continue
            parts: list[str | int] = [marker.get(node, kind)]
            child = node + 1
            while child < end:
                parts += written[child]
                child = ends[child]
            number = self._number(tuple(parts))
            written[node] = (fields[node] or "", number) if visible else tuple(parts[1:])
            if inner and not (skip_broken and tree.broken[node]):
                self.counts[number] += 1
                self.total += 1

    def _number(self, key: _Key) -> int:
        number = self._ids.setdefault(key, len(self.keys))
        if number == len(self.keys):
            self.keys.append(key)
            self.counts.append(0)
        return number

    def matched(self, candidate: Subtrees, *, clipped: bool) -> int:
        """Counts the subtrees of this program, the reference, that the candidate has.

        Args:
            candidate: The subtrees of the candidate.
            clipped: Whether a subtree matches at most as often as the candidate has it (Count_clip in the paper).
                Otherwise one occurrence in the candidate matches every occurrence here, as in codebleu 0.7.0.
        """
        translated: list[int] = []
        matched = 0
        for key, count in zip(candidate.keys, candidate.counts, strict=True):
            known = (key[0], *(translated[part] if isinstance(part, int) else part for part in key[1:]))
            number = self._ids.get(known, _ABSENT)
            translated.append(number)
            if number != _ABSENT and count:
                matched += min(count, self.counts[number]) if clipped else self.counts[number]
        return matched
