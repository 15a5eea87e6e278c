"""Runs inside the sandbox for ``call_programs.py``: runs a program and records the calls that its driver makes.

The program comes over standard input. Each of its functions at the top level gets a decorator that records the calls
made by the driver, that is, by code outside of these functions. A function without parameters, such as ``main``, is a
part of the driver. One JSON object is written to standard output: ``error``, the name of the exception that ended the
program, and ``calls``, each with

    function    the name
    arguments   the arguments before the call; null if one of them is not plain or was given by its name
    value       the result, if it is plain
    kind        the name of the result's type
    changed     whether an argument is another value after the call
    printed     whether something was printed during the call

Plain are int, float, bool, str, and lists of plain values. What the program prints is not kept. Only the standard
library is imported.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import io
import json
import os
import sys
import types
from collections.abc import Callable
from typing import Any

MOST = 40  # calls that are recorded
LONGEST = 20_000  # characters of one value
RECORD = "record_the_call_of"  # name of the decorator in the program


def copied(value: Any, depth: int = 0) -> Any:
    """Returns a copy of a plain value.

    Raises:
        TypeError: The value is not plain.
    """
    if type(value) in (bool, int, str) or (type(value) is float and value - value == 0):
        return value
    if type(value) is list and depth < 10:  # a list can contain itself
        return [copied(part, depth + 1) for part in value]
    raise TypeError(type(value).__name__)


class Recorder:
    """Records calls.

    Attributes:
        calls: The recorded calls.
        output: What the program prints to; only whether something came during a call is noted.
    """

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.output = _Output(self)
        self.depth = 0
        self.printed = False

    def decorate(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Returns the function, which records its calls by the driver."""

        @functools.wraps(function)
        def called(*arguments: Any, **named: Any) -> Any:
            if self.depth or len(self.calls) >= MOST or not (arguments or named):
                return function(*arguments, **named)
            before = _copied_or_none(list(arguments)) if not named else None
            self.depth, self.printed = 1, False
            try:
                value = function(*arguments, **named)
            finally:
                self.depth = 0
            call = {"function": function.__name__, "arguments": before, "kind": type(value).__name__}
            if (found := _copied_or_none([value])) is not None:
                call["value"] = found[0]
            changed = before is not None and repr(before) != repr(_copied_or_none(list(arguments)))
            self.calls.append({**call, "changed": changed, "printed": self.printed})
            return value

        return called


class _Output(io.TextIOBase):
    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def write(self, text: str) -> int:
        self.recorder.printed = True
        return len(text)


def _copied_or_none(values: list[Any]) -> list[Any] | None:
    try:
        found = [copied(value) for value in values]
        return found if len(json.dumps(found)) <= LONGEST else None
    except (TypeError, RecursionError, ValueError):  # an integer may have too many digits to be written
        return None


def record(text: str) -> dict[str, Any]:
    """Runs a program; returns what its driver called, and how it ended."""
    tree = ast.parse(text)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            node.decorator_list.insert(0, ast.Name(RECORD, ast.Load()))
    recorder = Recorder()
    module = types.ModuleType("__main__")
    module.__dict__[RECORD] = recorder.decorate
    sys.modules["__main__"] = module
    error = None
    sys.setrecursionlimit(3 * sys.getrecursionlimit())  # each call of a decorated function takes two frames
    with contextlib.redirect_stdout(recorder.output):
        try:
            exec(compile(ast.fix_missing_locations(tree), "program.py", "exec", dont_inherit=True), module.__dict__)
        except SystemExit:
            pass
        except BaseException as raised:
            error = type(raised).__name__
    return {"error": error, "calls": recorder.calls}


def main() -> None:
    """Answers one request."""
    if sys.stdin.isatty():  # it would wait for a program that nobody writes by hand
        raise SystemExit("call_recorder.py is a part of other scripts: run call_tasks.py")
    text = sys.stdin.buffer.read().decode("utf-8")
    if not text.strip():
        raise SystemExit("call_recorder.py is a part of other scripts: run call_tasks.py")
    output = os.dup(1)
    silent = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # nothing is read, and what is printed is of no interest
        os.dup2(silent, descriptor)
    os.write(output, json.dumps(record(text)).encode())


if __name__ == "__main__":
    main()
