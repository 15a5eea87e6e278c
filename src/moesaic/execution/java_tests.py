"""Prepares a Java test so that the program under test cannot change what it means.

The test is a compilation unit of its own, with the program's imports. Platform classes that the test names are imported
one by one (``CompileServer.java``), so that a class of the program with the same name is not used instead.
``a.equals(b)`` becomes ``MoesaicLauncher.equal(a, b)``, which asks both objects.
"""

from __future__ import annotations

import re

from moesaic.execution.java_compiler import Unit
from moesaic.parsing import encode, parse, walk

__all__ = ["imports", "prepare", "starter"]

_PACKAGES = re.compile(r"\bimport\s+([\w.]+)\.\*\s*;")
_SINGLE = re.compile(r"\bimport\s+(?:static\s+)?[\w.]*?\.(\w+)\s*;")
_DECLARED = re.compile(r"\b(?:class|interface|enum|record)\s+(\w+)")
_NAME = re.compile(r"\b[A-Z]\w*")
_MAIN = re.compile(rb"[^({]*\bstatic\b[^({]*\bvoid\s+main\s*\(\s*(?:final\s+)?String\b")


def prepare(test: str, program: str, defined: frozenset[str]) -> Unit:
    """Returns the compilation unit of a test.

    Args:
        test: The test's source text, which contains a class ``Main``.
        program: The program's source text, whose imports also apply to the test.
        defined: Names that the problem asks the program to define.
    """
    source = f"{imports(program)}\n{_with_symmetric_equality(test)}"
    packages = ["java.lang", *_PACKAGES.findall(source)]
    excluded = {*_DECLARED.findall(test), *_SINGLE.findall(source), *defined}
    if not defined:  # unknown: assume the classes of which the test makes objects
        excluded |= {name for name in _DECLARED.findall(program) if re.search(rf"\bnew\s+{name}\b", test)}
    names = sorted(set(_NAME.findall(test)) - excluded)
    return Unit("Main.java", source, f"{' '.join(names)}|{' '.join(dict.fromkeys(packages))}")


def starter(program: str) -> tuple[Unit, ...]:
    """Returns a class ``Main`` that starts a program without one, if exactly one of its classes can be started."""
    found: list[bytes] = []
    for node in parse(program, "java").root_node.children:
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if node.type == "package_declaration" or (name is not None and name.text == b"Main"):
            return ()
        if node.type == "class_declaration" and name is not None and body is not None:
            found += [name.text or b"" for method in body.children if _MAIN.match(method.text or b"")]
    if len(found) != 1:
        return ()
    call = f"class Main {{ public static void main(String[] a) throws Throwable {{ {found[0].decode()}.main(a); }} }}"
    return (Unit("Starter.java", call),)


def imports(program: str) -> str:
    """Returns a program's import declarations as one line."""
    root = parse(program, "java").root_node
    found = [node.text for node in root.children if node.type == "import_declaration" and node.text]
    return " ".join(b" ".join(text.split()).decode("utf-8", "replace") for text in found)


def _with_symmetric_equality(test: str) -> str:
    data = encode(test)
    edits: list[tuple[int, int, bytes]] = []
    for node in walk(parse(test, "java")):
        if node.type != "method_invocation":
            continue
        name, owner, arguments = (node.child_by_field_name(field) for field in ("name", "object", "arguments"))
        if name is None or name.text != b"equals" or owner is None or arguments is None:
            continue
        if owner.type == "super" or arguments.named_child_count != 1:
            continue
        edits.append((owner.start_byte, owner.start_byte, b"MoesaicLauncher.equal("))
        edits.append((owner.end_byte, arguments.start_byte + 1, b", "))
    for start, end, text in sorted(edits, key=lambda edit: edit[:2], reverse=True):
        data = data[:start] + text + data[end:]
    return data.decode("utf-8", "replace")
