"""CONTRIBUTING.md names files, tables and tests; all of them exist, and every recipe ends with a test that runs."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
RECIPES = {
    part.partition("\n")[0]: re.findall(r"^\| \d\. .*?\| `([^`]+)` \| (.+?) \|$", part, flags=re.MULTILINE)
    for part in TEXT.split("\n## ")[1:]
}


def names_in(path):
    """Names that a module defines at its top level, imports left aside."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign):
            found.add(node.target.id)
    return found


def test_no_two_test_files_have_one_name():
    """The folders of tests are no packages, so pytest would refuse the second."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))


def test_the_four_changes_are_there():
    assert list(RECIPES) == ["A kind of gate", "A metric", "A programming language", "An architecture of base models"]


@pytest.mark.parametrize("title", RECIPES)
def test_what_a_recipe_names_exists_and_its_last_step_is_a_test(title):
    assert len(RECIPES[title]) >= 3
    for file, names in RECIPES[title]:
        defined = names_in(ROOT / file)
        for name in re.findall(r"`(\w+)`", names):
            assert name in defined, f"{file} has no {name}"
    file, names = RECIPES[title][-1]
    assert Path(file).parts[0] == "tests"
    assert names.startswith("`test_")


def test_files_and_targets_that_are_named_exist():
    for path in re.findall(r"`((?:src|tests|docs|scripts)/[\w/.-]+)`", TEXT):
        assert (ROOT / path).exists(), path
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"^make ([a-z]+)", TEXT, flags=re.MULTILINE)) <= targets
