"""Recipes by strangers: read, or refused with one message."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hostile import TEXTS, amounts, damaged_bytes, draws, dumps, mutated, soon
from moesaic.errors import RecipeError
from moesaic.recipe import load_recipe

RECIPE = {
    "name": "x",
    "output": "runs/x",
    "seed": 1,
    "base": {"model": "nowhere", "dtype": "float32"},
    "data": {"source": "corpus", "languages": ["python", "java"], "max_tokens": 512, "extra": ["rows.jsonl"]},
    "experts": {"rank": 8, "targets": ["gate_proj"], "epochs": 1.5},
    "gate": {"kind": "top_k", "top_k": 2},
    "reward": {"rounds": 0},
    "compare": ["linear"],
    "predict": {"limit": 3, "benchmarks": {"own": "own.jsonl"}},
    "evaluate": {"metrics": ["codebleu"], "workers": 1},
}


@amounts
def test_any_recipe_is_read_or_refused(tmp_path, amount):
    path = tmp_path / "recipe.yaml"
    keys = st.sampled_from(["base.model", "data", "experts.rank", "seed", "a.b.c", "", "."])

    @draws(amount)
    @given(
        mutated(RECIPE, 4).flatmap(lambda tree: damaged_bytes(dumps(tree).encode()))
        | damaged_bytes(yaml.safe_dump(RECIPE).encode()),
        st.lists(st.builds(lambda key, text: f"{key}={text}", keys, TEXTS), max_size=2),
    )
    def load(text, overrides):
        path.write_bytes(text)
        with soon():
            load_recipe(path, overrides).digest()

    load()


@pytest.mark.parametrize(
    ("override", "says"),
    [
        (".".join("a" * 500) + "=1", "nested too deeply"),
        ('output="a\\0b"', "a NUL character"),
        ('predict.benchmarks={own: "a\\0b"}', "a NUL character"),
    ],
)
def test_overrides_that_no_path_or_section_can_be_are_named(tmp_path, override, says):
    recipe = tmp_path / "r.yaml"
    recipe.write_text("base: {model: x}\n")
    with pytest.raises(RecipeError, match=says):
        load_recipe(recipe, [override])
