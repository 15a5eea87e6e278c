"""The benchmarks' scripts import each other in one direction."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


def imported(path: Path) -> set[str]:
    """Modules that a script imports anywhere, in functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names.add(node.module)
    return names


def test_no_script_imports_itself_through_others():
    siblings = {path.stem: path for path in FOLDER.glob("*.py")}
    graph = {name: imported(path) & siblings.keys() for name, path in siblings.items()}
    assert {"speed_steps", "speed_models"} <= graph["speed"]
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError
    assert sorted(order) == sorted(siblings)
