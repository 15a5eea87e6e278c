"""Hypothesis strategies of hostile files: valid records with anything in the place of anything.

A command that reads one ends with a result or with one message, and soon. The fast part of a test runs with every
change; ``MOESAIC_FUZZ`` multiplies the number of files that the slow part draws.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from moesaic.errors import MoesaicError

SECONDS = 60
FEW, MANY = 40, 100 * int(os.environ.get("MOESAIC_FUZZ", "1"))

_HUGE = "an integer longer than Python reads"

_MORE = [pytest.mark.slow, pytest.mark.untraced, pytest.mark.timeout(0)]
amounts = pytest.mark.parametrize("amount", [FEW, pytest.param(MANY, marks=_MORE)])


def draws(amount: int) -> Callable[[Any], Any]:
    """Returns the settings of a test that draws so many files."""
    return settings(
        max_examples=amount,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@contextlib.contextmanager
def soon() -> Iterator[None]:
    """Allows a message, but no traceback and no long work; the processor's time, whatever else the machine does."""
    began = time.process_time()
    with contextlib.suppress(MoesaicError):
        yield
    assert time.process_time() - began < SECONDS


def _nested(depth: int) -> Any:
    value: Any = 1
    for index in range(depth):
        value = [value] if index % 2 else {"a": value}
    return value


TEXTS = st.text() | st.sampled_from(
    [
        "",
        " ",
        "\n",
        "\x00",
        "\ud800",
        "\udcff\udcfe",
        "\ufeff",
        "a" * 300,
        "../" * 50,
        "NaN",
        "-",
        "%s{0}{x}",
        "[/red]",
        "C++",
        "all",
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXTS
    | st.sampled_from([10**299, -(10**299), 10**320, _HUGE, 2**63, -1, 0, 1e308, -1e308, 5e-324, -0.0])
    | st.sampled_from([_nested(50), _nested(99), _nested(150), [], {}, [[]], {"": None}, [None], [{}], {"\ud800": 1}])
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)


@st.composite
def mutated(draw: st.DrawFn, value: Any, most: int = 3) -> Any:
    """Draws a copy of a value with up to ``most`` places changed, taken away or added to."""
    value = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, most))):
        node = value
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(node[key], (dict, list)) and draw(st.integers(0, 3)):
                node = node[key]
                continue
            change = draw(st.sampled_from(["set", "set", "set", "remove", "add"]))
            if change == "set":
                node[key] = copy.deepcopy(draw(VALUES))
            elif change == "remove":
                del node[key]
            elif isinstance(node, dict):
                node[draw(TEXTS)] = copy.deepcopy(draw(VALUES))
            else:
                node.append(copy.deepcopy(draw(VALUES)))
            break
    return value


def dumps(value: Any) -> str:
    """Returns JSON as a careless writer has it: NaN and integers of any length included."""
    return json.dumps(value).replace(f'"{_HUGE}"', "9" * 5000)


@st.composite
def damaged_bytes(draw: st.DrawFn, data: bytes) -> bytes:
    """Draws a text whose bytes were cut, overwritten or doubled somewhere; often it was not."""
    kind = draw(st.sampled_from(["whole", "whole", "whole", "cut", "byte", "twice", "mark"]))
    place = draw(st.integers(0, max(0, len(data) - 1)))
    if kind == "cut":
        return data[:place]
    if kind == "byte":
        return data[:place] + draw(st.binary(min_size=1, max_size=4)) + data[place + 1 :]
    if kind == "twice":
        return data[:place] + data[place // 2 :]
    return b"\xef\xbb\xbf" + data if kind == "mark" else data


@st.composite
def json_lines(draw: st.DrawFn, rows: list[dict[str, Any]]) -> bytes:
    """Draws a JSON Lines file: some rows as they are, some changed, perhaps damaged."""
    lines = [draw(st.just(row) | mutated(row)) for row in draw(st.lists(st.sampled_from(rows), min_size=1, max_size=4))]
    return draw(damaged_bytes("".join(dumps(line) + "\n" for line in lines).encode()))
