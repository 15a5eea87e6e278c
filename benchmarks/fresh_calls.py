"""Calls one function of a program with many arguments, in the sandbox, and compares what it returns.

``fresh_tasks.py`` calls gold solutions in this way, and ``fresh_tests.py`` the programs that it judges. Results are
compared outside the sandbox (``fresh_worker.py`` is the part inside).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import fresh_worker
from fresh_own_tests import Arguments
from fresh_worker import decode, encode

from moesaic.execution.sandbox import Limits, Program, Sandbox
from moesaic.files import parse_json

LIMITS = Limits(wall_seconds=120.0)
RELATIVE_TOLERANCE = 1e-6


def ask(
    source: str,
    entry: str,
    inputs: Sequence[Arguments],
    seconds: float,
    sandbox: Sandbox,
    hash_seed: str = "",
    stop: bool = False,
) -> list[Mapping[str, Any]]:
    """Calls a program's function with each input in the sandbox; with ``stop`` up to one on which it does not end.

    Returns:
        The worker's answer to each input (``fresh_worker.py``). If the sandbox ended the worker, the answers to the
        inputs that are left say so.
    """
    worker = Path(fresh_worker.__file__).read_text(encoding="utf-8")
    if hash_seed:
        worker = worker.replace('\nHASH_SEED = ""\n', f'\nHASH_SEED = "{hash_seed}"\n', 1)
    request = {
        "program": source,
        "entry": entry,
        "inputs": encode([list(item) for item in inputs]),
        "seconds": seconds,
        "stop": stop,
    }
    result = sandbox.run(Program("python", worker), json.dumps(request), LIMITS)
    answers: list[Mapping[str, Any]] = []
    for line in result.stdout.splitlines():
        try:
            answer = parse_json(line)
        except ValueError:
            continue
        if isinstance(answer, dict) and answer.get("index") == len(answers) < len(inputs):
            answers.append(answer)
    rest = {"ended": result.detail or "not tried"}
    return [*answers, *[rest] * (len(inputs) - len(answers))]


def value_of(answer: Mapping[str, Any]) -> Any:
    """Returns the value in an answer.

    Raises:
        ValueError: There is none.
    """
    if "value" not in answer:
        raise ValueError("no value")
    return decode(answer["value"])


def agrees(expected: Any, found: Any, tolerance: float) -> bool:
    """Compares as ``==`` does, except that floats may differ by a tolerance."""
    if isinstance(expected, float) or isinstance(found, float):
        if not isinstance(expected, (int, float)) or not isinstance(found, (int, float)):
            return False
        try:
            return math.isclose(expected, found, rel_tol=RELATIVE_TOLERANCE, abs_tol=tolerance)
        except OverflowError:  # an integer beyond the range of floats
            return False
    if isinstance(expected, (list, tuple)):
        if type(expected) is not type(found) or len(expected) != len(found):
            return False
        return all(agrees(one, other, tolerance) for one, other in zip(expected, found, strict=True))
    if isinstance(expected, dict):
        if not isinstance(found, dict) or expected.keys() != found.keys():
            return False
        return all(agrees(value, found[key], tolerance) for key, value in expected.items())
    return bool(expected == found)


if __name__ == "__main__":
    raise SystemExit("fresh_calls.py is a part of other scripts: run fresh_tests.py")
