"""Every recipe that ships loads, and says on top what it needs and costs."""

from pathlib import Path

import pytest

from moesaic.recipe import load_recipe

FOLDER = Path(__file__).parents[2] / "recipes"
RECIPES = sorted(FOLDER.rglob("*.yaml"))


def test_the_quickstart_is_there():
    assert FOLDER / "quickstart.yaml" in RECIPES


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipe_loads(path):
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    assert load_recipe(path, ["data.source=corpus", "seed=1"]).digest() != recipe.digest()


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipe_is_a_document(path):
    header = [line for line in path.read_text().splitlines() if line.startswith("#")]
    text = "\n".join(header)
    assert "Needs:" in text
    commands = ("moesaic run", "moesaic reward", "python benchmarks/growth.py")
    assert any(f"{command} recipes/{path.name}" in text for command in commands)


def test_no_two_recipes_share_a_workspace():
    assert len({load_recipe(path).workspace for path in RECIPES}) == len(RECIPES)
