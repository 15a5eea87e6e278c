"""Writes a Go program and its test as files of one package, so that neither changes what the other means.

The test is a file of its own with the imports that it uses. If only the test needs a package that the program imports,
the program's import of it is kept under the name ``_``. The following names are changed in the program: names that the
test declares as well, names of Go itself or of its packages that the test uses (``panic``, ``true``, ``json``), and
``main``. The launcher has the only ``main``: it runs the test and then calls ``moesaic.Finish``
(``harnesses/go/moesaic.go``), a package that the program may not import.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tree_sitter import Node

from moesaic.parsing import encode, parse, walk

__all__ = ["PACKAGES", "join"]

PACKAGES = tuple(
    """bufio bytes container/heap container/list container/ring context crypto/md5 crypto/sha1 crypto/sha256
    encoding/base64 encoding/binary encoding/hex encoding/json errors fmt hash/crc32 hash/fnv io io/ioutil log math
    math/big math/bits math/cmplx math/rand os reflect regexp runtime sort strconv strings sync sync/atomic
    text/tabwriter
    text/template time unicode unicode/utf16 unicode/utf8 cmp iter maps slices""".split()  # noqa: SIM905
)
"""Packages that programs may import.

``unsafe`` is not among them, because it gives access to every variable (``go:linkname``), nor is the network.
"""

_BY_NAME = {path.rpartition("/")[2]: path for path in PACKAGES}
_WORD = re.compile(r"[A-Za-z_]\w*")
_PREDECLARED = frozenset(
    """any append bool byte cap close comparable complex complex128 complex64 copy delete error false float32 float64
    imag int int16 int32 int64 int8 iota len make max min new nil panic print println real recover rune string true uint
    uint16 uint32 uint64 uint8 uintptr""".split()  # noqa: SIM905
)
_LAUNCHER = """package main

import launcher "moesaic"

func {token}fail(reason any) any {{ return launcher.Fail(reason) }}

func main() {{
	{token}main()
	launcher.Finish()
}}
"""


def join(program: str, test: str, defined: frozenset[str], token: str) -> dict[str, str]:
    """Returns the files of a program and its test: file name -> text.

    Args:
        program: The program's source text.
        test: The test's source text, which contains ``main``.
        defined: Names that the problem asks the program to define.
        token: Prefix of the names that are added. Neither text may contain it.
    """
    used = set(_WORD.findall(test))
    ours = set(_declared(test)) | (used & (_PREDECLARED | _BY_NAME.keys()))
    renamed = {name for name in _declared(program) if (name in ours and name not in defined) or name == "main"}
    return {
        "main.go": _edited(program, _program_edits(program, renamed, used, token)),
        "test.go": _with_imports(_edited(test, _test_edits(test, token)), test),
        "launch.go": _LAUNCHER.format(token=token),
    }


def _declared(source: str) -> Iterator[str]:
    """Yields the names that a text declares at its top level."""
    for child in parse(source, "go").root_node.named_children:
        specs = [child] if child.type == "function_declaration" else list(walk(child))
        if child.type not in ("function_declaration", "var_declaration", "const_declaration", "type_declaration"):
            continue
        for spec in specs:
            if spec.type in ("function_declaration", "var_spec", "const_spec", "type_spec", "type_alias"):
                yield from (name.text.decode() for name in spec.children_by_field_name("name") if name.text)


def _program_edits(program: str, renamed: set[str], used: set[str], token: str) -> Iterator[tuple[int, int, bytes]]:
    tree = parse(program, "go")
    own = {
        (node.text or b"").decode()
        for node in walk(tree)
        if node.type in ("identifier", "package_identifier")
        and node.parent is not None
        and node.parent.type in ("selector_expression", "qualified_type")
    }
    for node in walk(tree):
        if node.type in ("identifier", "type_identifier") and (node.text or b"").decode() in renamed:
            yield node.start_byte, node.start_byte, f"{token}own_".encode()
        elif node.type == "import_spec":
            yield from _import_edits(node, used, own)


def _import_edits(spec: Node, used: set[str], own: set[str]) -> Iterator[tuple[int, int, bytes]]:
    path, name = spec.child_by_field_name("path"), spec.child_by_field_name("name")
    assert path is not None
    text = (path.text or b"").decode()[1:-1]
    if text not in PACKAGES:
        yield path.start_byte, path.end_byte, b'"not a package that programs may import"'
    elif name is None and text.rpartition("/")[2] in used - own:
        yield path.start_byte, path.start_byte, b"_ "


def _test_edits(test: str, token: str) -> Iterator[tuple[int, int, bytes]]:
    for node in walk(parse(test, "go")):
        if node.type == "identifier" and node.text == b"main" and node.parent is not None:
            yield node.start_byte, node.start_byte, token.encode()
        elif node.type == "call_expression":
            function, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
            if function is not None and function.text == b"panic" and arguments is not None:
                yield arguments.start_byte + 1, arguments.start_byte + 1, f"{token}fail(".encode()
                yield arguments.end_byte - 1, arguments.end_byte - 1, b")"


def _with_imports(test: str, original: str) -> str:
    root = parse(original, "go").root_node
    if any(child.type == "package_clause" for child in root.named_children):
        return test
    given = {
        (node.text or b"").decode().strip('"`').rpartition("/")[2]
        for node in walk(root)
        if node.type == "interpreted_string_literal" and node.parent is not None and node.parent.type == "import_spec"
    }
    names = {
        (node.child_by_field_name("operand") or node).text for node in walk(root) if node.type == "selector_expression"
    }
    names |= {node.text for node in walk(root) if node.type == "package_identifier"}
    wanted = sorted({(name or b"").decode() for name in names} & _BY_NAME.keys() - given - set(_declared(original)))
    return "package main; " + "".join(f'import "{_BY_NAME[name]}"; ' for name in wanted) + "\n" + test


def _edited(source: str, edits: Iterator[tuple[int, int, bytes]]) -> str:
    data = encode(source)
    for start, end, text in sorted(edits, key=lambda edit: edit[:2], reverse=True):
        data = data[:start] + text + data[end:]
    return data.decode("utf-8", "replace")
