"""Joins a C or C++ program and its test so that the program cannot change what the test means.

A test uses the program's types, templates and overloads, so both form one translation unit. The program is nevertheless
a file of its own that the test includes, so that no comment, string or conditional that it leaves open, and no line
that it continues, reaches the test. Between the two, those macros of the program that would rewrite words of the test
are undefined, and ``assert`` is defined anew. In C++, three more things are protected:

    compare(a, b)    a helper function of the test is renamed if the program has a function of the same name
    f(x) == 4        is compared by a function that does not simply trust an ``operator==`` of the program
    abs(x), fabs(x)  mean the library's functions, not the program's
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tree_sitter import Node

from moesaic.parsing import encode, parse, walk

__all__ = ["join"]

_WORD = re.compile(r"\b[A-Za-z_]\w*\b")
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*|\\\n", re.DOTALL)
_MACRO = re.compile(r"\bdefine\s+(\w+)")
_BIG_HEADER = "bits/stdc++.h"
_BEGINS_BIG = re.compile(
    r"(?:\s|//[^\n]*\n|/\*.*?\*/|#\s*include\b[^\n]*\n)*?#\s*include\s*<bits/stdc\+\+\.h>", re.DOTALL
)
_KEYWORDS = frozenset(
    """auto bool break case catch char class const constexpr continue decltype default delete do double else enum
    explicit extern false float for friend goto if inline int long mutable namespace new nullptr operator private
    protected public register return short signed sizeof static struct switch template this throw true try typedef
    typename union unsigned using virtual void volatile wchar_t while and or not""".split()  # noqa: SIM905
)
_USUAL = frozenset(
    """main assert NDEBUG std abs fabs round floor ceil pow sqrt min max exit abort runtime_error exception string
    vector map set pair list size length begin end empty front back at compare equal strcmp memcmp printf puts cout
    endl what""".split()  # noqa: SIM905
)
_LITERALS = frozenset({"number_literal", "string_literal", "char_literal", "true", "false", "unary_expression"})
_ABSOLUTE = frozenset({b"abs", b"fabs", b"std::abs", b"std::fabs"})

# An object of a class of the program may claim to equal a value. The claim is accepted only if the object does not
# claim to equal other values as well.
_EQUALITY = """
template <class L, class R> bool {token}equal(const L &left, const R &right) {{
    if constexpr (std::is_pointer<L>::value && std::is_integral<R>::value) {{
        return left == (L)(decltype(sizeof 0))right;
    }} else if constexpr (std::is_class<L>::value && std::is_same<R, bool>::value) {{
        return bool(left == right) && !bool(left == !right);
    }} else if constexpr (std::is_class<L>::value && std::is_arithmetic<R>::value) {{
        return bool(left == right) && !bool(left == R(right + 1)) && !bool(left == R(right * 2 + 5));
    }} else if constexpr (std::is_class<L>::value && std::is_array<R>::value) {{
        return bool(left == right) && !bool(left == (const char *)"\1another");
    }} else {{
        return bool(left == right);
    }}
}}
template <class T> auto {token}abs(T value) {{
    if constexpr (std::is_arithmetic<T>::value) {{
        return +value < 0 ? -value : +value;
    }} else {{
        return abs(value);
    }}
}}
"""


def join(program: str, test: str, file: str, language: str, defined: frozenset[str], token: str) -> str:
    """Returns the source text of a test that includes the program's file.

    Args:
        program: The program's source text.
        test: The test's source text, which contains ``main``.
        file: Name of the file that holds the program.
        language: ``c`` or ``cpp``.
        defined: Names that the problem asks the program to define.
        token: Prefix of the names that are added. Neither text may contain it.
    """
    words, macros = set(_WORD.findall(test)), set(_MACRO.findall(_COMMENT.sub(" ", program)))
    declared = {name for name, _ in _functions(test, language)} if language == "cpp" else set()
    undone = words & macros
    if not defined:  # unknown: what the test asks for may be a macro
        undone &= _KEYWORDS | _USUAL | declared
    undone = (undone - defined) | {"main", "NDEBUG", "assert"}
    # The compiler looks for precompiled headers in its main file only.
    big = [f"#include <{_BIG_HEADER}>"] if _BEGINS_BIG.match(program) else []
    lines = [*big, f'#include "{file}"', "", ";", *(f"#undef {name}" for name in sorted(undone)), "#include <assert.h>"]
    if language == "cpp":
        hidden = sorted((declared - {"main"} - defined) & set(_WORD.findall(program)))
        prepared = _prepared(test, declared | defined, token)
        if prepared != test:
            lines += ["#include <type_traits>", _EQUALITY.format(token=token)]
        test = prepared
        lines += [f"#define {name} {token}{name}" for name in hidden]
    return "\n".join([*lines, '#line 1 "test"', test])


def _functions(test: str, language: str) -> Iterator[tuple[str, Node]]:
    """Yields the names and nodes of the functions that a test defines at its top level."""
    for child in parse(test, language).root_node.children:
        inner = child.named_children[-1] if child.type == "template_declaration" and child.named_children else child
        node = inner.child_by_field_name("declarator") if inner.type == "function_definition" else None
        while node is not None and node.type != "identifier":
            node = node.child_by_field_name("declarator") or next(
                (child for child in node.named_children if child.type == "function_declarator"), None
            )
        if node is not None and node.text is not None:
            yield node.text.decode("utf-8", "replace"), inner


def _prepared(test: str, declared: set[str] | frozenset[str], token: str) -> str:
    data, name = encode(test), token.encode()
    edits: list[tuple[int, int, bytes]] = []
    for node in walk(parse(test, "cpp")):
        if node.type == "binary_expression" and _is_checkable(node):
            left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
            assert left is not None
            assert right is not None
            negated = b"!" if data[left.end_byte : right.start_byte].strip() == b"!=" else b""
            edits.append((left.start_byte, left.start_byte, negated + name + b"equal("))
            edits.append((left.end_byte, right.start_byte, b", "))
            edits.append((right.end_byte, right.end_byte, b")"))
        elif node.type == "call_expression":
            function, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
            if function is None or arguments is None or function.text not in _ABSOLUTE:
                continue
            if arguments.named_child_count == 1 and function.text.decode().rpartition(":")[2] not in declared:
                edits.append((function.start_byte, function.end_byte, name + b"abs"))
    for start, end, text in sorted(edits, key=lambda edit: edit[:2], reverse=True):
        data = data[:start] + text + data[end:]
    return data.decode("utf-8", "replace")


def _is_checkable(node: Node) -> bool:
    """Returns True for a call that is compared with a literal: its left side can only be a value."""
    left, operator, right = (node.child_by_field_name(field) for field in ("left", "operator", "right"))
    if left is None or operator is None or right is None or operator.type not in ("==", "!="):
        return False
    return left.type == "call_expression" and right.type in _LITERALS
