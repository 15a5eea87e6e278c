"""Takes the gold solution of a task out of a program: one function and what it uses. For ``call_programs.py``."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from call_names import snake


class NoTaskError(Exception):
    """Raised for a program of which no task can be made; the message says why."""


def gold(tree: ast.Module, entry: str) -> tuple[tuple[str, ...], str]:
    """Returns the parameters of a function, and the rest of the program without its driver.

    What the function does not use is left out: functions, classes, imports, and assignments that stand before the last
    definition. The driver comes after it.

    Raises:
        NoTaskError: The function cannot be written with its parameters alone.
    """
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == entry]
    if len(functions) != 1:
        raise NoTaskError("its function is defined several times")
    function, arguments = functions[0], functions[0].args
    if arguments.vararg or arguments.kwarg or arguments.defaults or arguments.kwonlyargs or function.decorator_list:
        raise NoTaskError("its function has default values, decorators or parameters of any number")
    kinds = (ast.FunctionDef, ast.ClassDef)
    last = max(place for place, node in enumerate(tree.body) if isinstance(node, kinds))
    parts = [node for node in tree.body[: last + 1] if node is not function]
    parts += [node for node in tree.body[last + 1 :] if isinstance(node, (ast.Import, ast.ImportFrom))]
    defined = {id(node): set(_defined(node)) for node in parts}
    used = set(_names(function))
    while more := [node for node in parts if defined[id(node)] & used and not set(_names(node)) <= used]:
        used.update(name for node in more for name in _names(node))
    kept = [node for node in parts if defined[id(node)] & (used | {"*"})]
    statements = function.body[1:] if ast.get_docstring(function) is not None else function.body
    shell = ast.If(test=ast.Constant(True), body=statements or [ast.Pass()], orelse=[])
    lines = ast.unparse(ast.fix_missing_locations(shell)).splitlines()[1:]
    rest = [ast.unparse(node) for node in kept]
    names = tuple(argument.arg for argument in [*arguments.posonlyargs, *arguments.args])
    return names, "\n".join(lines) + "\n" + "".join(f"\n\n{text}\n" for text in rest)


def _defined(node: ast.stmt) -> Iterator[str]:
    """Yields the names that a statement at the top level defines; of other statements than definitions, none."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
    elif isinstance(node, (ast.Assign, ast.AnnAssign)):
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                yield part.id


def _names(tree: ast.AST) -> Iterator[str]:
    return (node.id for node in ast.walk(tree) if isinstance(node, ast.Name))


def new_name(tree: ast.Module, entry: str) -> str:
    """Returns the function's name in the form that Python uses, or its own name if the program uses that form."""
    name = snake(entry, "python")
    taken = {*_names(tree), *(node.arg for node in ast.walk(tree) if isinstance(node, ast.arg))}
    taken |= {name for node in tree.body for name in _defined(node)}
    return entry if name in taken else name


def renamed(body: str, old: str, new: str) -> str:
    """Returns the gold solution with another name of its function, which may call itself."""
    if old == new:
        return body
    shell = ast.parse(f"def {new}():\n{body}")
    for node in ast.walk(shell):
        if isinstance(node, ast.Name) and node.id == old:
            node.id = new
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            node.names = [new if name == old else name for name in node.names]
    head, *rest = [ast.unparse(node) for node in shell.body]
    return "\n".join(head.splitlines()[1:]) + "\n" + "".join(f"\n\n{text}\n" for text in rest)


if __name__ == "__main__":
    raise SystemExit("call_gold.py is a part of other scripts: run call_tasks.py")
