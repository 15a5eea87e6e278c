"""Prepares a Python test so that the program under test cannot change what it means.

Three kinds of expressions are replaced:

    abs(...)            A built-in name that neither the test nor the problem defines means the built-in function, even
                        if the program has a function of that name.
    a == b, a in b, ... The launcher compares the values. It compares as Python does, but an object that claims to equal
                        everything does not pass.
    assertEqual(a, b)   The same applies to the methods of unittest.

Names become string constants that begin with a token. ``harnesses/python/launch.py`` replaces these constants by
objects after compiling, so that there is no name that the program could rebind.
"""

from __future__ import annotations

import ast
import builtins

__all__ = ["imported_modules", "parses", "prepare"]

_OPERATORS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip
_EQUALITIES = frozenset(
    f"assert{kind}Equal" for kind in ("", "Almost", "List", "Tuple", "Dict", "Set", "Sequence", "Count")
)
# The compiler must see the name ``super``; the others read the frame or the names of their caller.
_BY_NAME = frozenset({"super", "locals", "globals", "vars", "dir", "eval", "exec"})
_BUILT_IN = frozenset(name for name in dir(builtins) if not name.startswith("_")) - _BY_NAME


def prepare(test: str, defined: frozenset[str], token: str) -> str:
    """Returns the test with its comparisons and built-in names made independent of the program.

    Args:
        test: The test's source text. A test that does not parse is returned unchanged.
        defined: Names that the problem asks the program to define. They keep referring to the program's definitions,
            even if they are names of built-ins.
        token: Text that the test does not contain.
    """
    try:
        tree = ast.parse(test)
        bound = defined | _bound(tree)
        return ast.unparse(ast.fix_missing_locations(_Preparing(token, _BUILT_IN - bound).visit(tree)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return test


def parses(test: str) -> bool:
    """Returns whether a test is a Python program by itself."""
    try:
        ast.parse(test)
    except (SyntaxError, ValueError):
        return False
    except (RecursionError, MemoryError):
        pass
    return True


def imported_modules(test: str) -> list[str]:
    """Returns the names of the modules that a test imports, sorted."""
    try:
        tree = ast.parse(test)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return sorted(names)


def _bound(tree: ast.AST) -> frozenset[str]:
    """Returns the names to which the test itself assigns a value anywhere."""
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                names.add(name)
            case ast.arg(arg=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.ClassDef(name=name):
                names.add(name)
            case ast.alias(name=name, asname=other):
                names.add(other or name.partition(".")[0])
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                names.add(name)
            case ast.MatchMapping(rest=str(name)):
                names.add(name)
            case _:
                pass
    return frozenset(names)


class _Preparing(ast.NodeTransformer):
    def __init__(self, token: str, built_in: frozenset[str]) -> None:
        self._token, self._built_in = token, built_in

    def _object(self, name: str) -> ast.expr:
        return ast.Constant(self._token + name)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._object(node.id) if node.id in self._built_in else node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        return node  # only a message; ast.unparse cannot always write nested quotes

    def visit_match_case(self, node: ast.match_case) -> ast.match_case:
        node.guard = self.visit(node.guard) if node.guard else None
        node.body = [self.visit(statement) for statement in node.body]  # patterns must keep their names
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        arguments = [node.left]
        for operator, right in zip(node.ops, node.comparators, strict=True):
            arguments += [ast.Constant(_OPERATORS[type(operator)]), right]
        return ast.Call(self._object("compare"), arguments, [])

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        equality = isinstance(node.func, ast.Attribute) and node.func.attr in _EQUALITIES
        if equality and len(node.args) >= 2 and not any(isinstance(item, ast.Starred) for item in node.args[:2]):
            both = ast.Starred(ast.Call(self._object("pair"), node.args[:2], []), ast.Load())
            node.args = [both, *node.args[2:]]
        return node
