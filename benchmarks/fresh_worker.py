"""Runs inside the sandbox for ``fresh_calls.py``: calls one function with many arguments, each in a process of its own.

The request comes over standard input, as one JSON object: the text of the ``program``, the name of its ``entry``, its
``inputs`` (a list of lists of arguments, as ``encode`` writes them) and ``seconds`` of a processor for each of them.
With ``stop``, the inputs after one that takes longer are not tried. The answers are written to standard output, one
JSON object a line, in the order of the inputs: ``index`` and

    value     the result, as ``encode`` writes it
    other     instead: the name of its kind, if that cannot be written; ``true`` is its truth value
    error     instead: the exception
    ended     instead: how the process ended, which is ``time`` after ``seconds``

Results are compared outside the sandbox, so the program has nothing to gain from writing answers of its own. Only the
standard library is imported.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import types
from typing import Any

HASH_SEED = ""
"""``fresh_calls.py`` writes another one before the program, so that what depends on the order of a set is noticed."""
LONGEST = 10_000  # characters of a result
WAITING = 10.0  # times as much time may pass, because a program may have to wait for a busy processor


def encode(value: Any) -> Any:
    """Returns a plain value as JSON: what JSON lacks is an object with the name of its kind.

    Raises:
        TypeError: The value is, or contains, something that is not plain.
    """
    if value is None or isinstance(value, (bool, str)):
        return value if value is None or isinstance(value, bool) else str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        number = float(value)
        return number if number - number == 0 else {"float": repr(number)}
    if isinstance(value, list):
        return [encode(part) for part in value]
    if isinstance(value, tuple):
        return {"tuple": [encode(part) for part in value]}
    if isinstance(value, (set, frozenset)):
        return {"set": sorted((encode(part) for part in value), key=repr)}
    if isinstance(value, dict):
        return {"dict": [[encode(key), encode(part)] for key, part in value.items()]}
    raise TypeError(type(value).__name__)


def decode(written: Any) -> Any:
    """Returns the value that ``encode`` wrote.

    Raises:
        ValueError: Something else was written.
    """
    if isinstance(written, list):
        return [decode(part) for part in written]
    if not isinstance(written, dict):
        return written
    try:
        ((kind, content),) = written.items()
        if kind == "float":
            return float(content)
        if kind == "dict":
            return {decode(key): decode(part) for key, part in content}
        return {"tuple": tuple, "set": set}[kind](map(decode, content))
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a value: {error}") from None


def answer(code: types.CodeType, entry: str, arguments: list[Any]) -> dict[str, Any]:
    """Loads the program and calls its function."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    with contextlib.suppress(SystemExit):  # a program whose last statement ends it has defined what is needed
        exec(code, module.__dict__)
    value = module.__dict__[entry](*arguments)
    try:
        written = {"value": encode(value)}
    except TypeError:
        return {"other": type(value).__name__, "true": bool(value)}
    if len(json.dumps(written)) > LONGEST:
        return {"other": f"{type(value).__name__} of more than {LONGEST} characters", "true": bool(value)}
    return written


def apart(code: types.CodeType, entry: str, arguments: list[Any], seconds: float) -> dict[str, Any]:
    """Calls ``answer`` in a process of its own."""
    here, there = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(here)
        for clock, allowed in ((signal.ITIMER_PROF, seconds), (signal.ITIMER_REAL, WAITING * seconds)):
            signal.setitimer(clock, allowed)  # the signal ends the process
        try:
            text = json.dumps(answer(code, entry, arguments))
        except BaseException as error:
            text = json.dumps({"error": type(error).__name__})
            with contextlib.suppress(BaseException):
                text = json.dumps({"error": f"{type(error).__name__}: {error}"[:200]})
        with os.fdopen(there, "w", encoding="utf-8") as pipe:
            pipe.write(text)
        os._exit(0)
    os.close(there)
    with os.fdopen(here, encoding="utf-8", errors="replace") as pipe:
        text = pipe.read(4 * LONGEST)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return {"ended": "time" if number in (signal.SIGPROF, signal.SIGALRM) else f"signal {number}"}
    try:
        return dict(json.loads(text))
    except (ValueError, TypeError):
        return {"ended": "without an answer"}


def main() -> None:
    """Answers one request."""
    if HASH_SEED and os.environ.get("PYTHONHASHSEED") != HASH_SEED:
        os.execve(sys.executable, [sys.executable, "-s", *sys.argv], {**os.environ, "PYTHONHASHSEED": HASH_SEED})
    try:
        if sys.stdin.isatty():  # it would wait for a request that nobody writes by hand
            raise ValueError
        request = json.loads(sys.stdin.buffer.read())
    except ValueError:
        raise SystemExit("fresh_worker.py is a part of other scripts: run fresh_tests.py") from None
    output = os.dup(1)
    silent = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):  # what programs print is of no interest, and could fill what the sandbox reads
        os.dup2(silent, descriptor)
    code = compile(request["program"], "program.py", "exec", dont_inherit=True)
    for index, arguments in enumerate(request["inputs"]):
        found = apart(code, request["entry"], decode(arguments), request["seconds"])
        os.write(output, (json.dumps({"index": index, **found}) + "\n").encode())
        if request["stop"] and found.get("ended") == "time":
            break


if __name__ == "__main__":
    main()
