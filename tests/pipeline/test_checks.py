"""What validate finds in base and data, before anything is trained."""

import json
import re

import pytest

from moesaic.errors import RecipeError
from moesaic.pipeline.checks import find_problems
from moesaic.pipeline.plan import print_plan
from moesaic.pipeline.stages import Run
from moesaic.recipe import load_recipe
from test_pipeline import moesaic, write_recipe


def problems(recipe, *overrides, whole=False):
    return find_problems(load_recipe(recipe, overrides), whole)[0]


def test_a_sound_recipe_has_none(tmp_path):
    recipe = write_recipe(tmp_path)
    for weights in (tmp_path / "base").glob("*.safetensors"):
        weights.write_bytes(b"never read")
    assert find_problems(load_recipe(recipe)) == ([], [])
    assert find_problems(load_recipe(recipe), whole_data=True) == ([], [])


@pytest.mark.parametrize("kind", ["gpt2", "gemma", "mixtral", "phi3"])
def test_an_architecture_that_cannot_be_routed_is_named(tmp_path, kind):
    recipe = write_recipe(tmp_path)
    config = tmp_path / "base" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"model_type": kind}))
    found = problems(recipe)
    assert len(found) == 1
    assert f"architecture {kind!r} cannot carry routed experts" in found[0]


def test_a_base_without_tokenizer_is_named(tmp_path):
    recipe = write_recipe(tmp_path)
    for path in (tmp_path / "base").glob("*token*"):
        path.unlink()
    found = problems(recipe)
    assert len(found) == 1
    assert "has no usable tokenizer" in found[0]


def test_a_tokenizer_that_is_larger_than_the_embedding_is_named(tmp_path):
    recipe = write_recipe(tmp_path)
    config = tmp_path / "base" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"vocab_size": 100}))
    (found,) = problems(recipe)
    assert "the base's embedding has 100 rows" in found


def test_a_template_that_fails_is_named_once_with_its_key(tmp_path):
    recipe = write_recipe(tmp_path)
    (tmp_path / "base" / "chat_template.jinja").write_text("{{ raise_exception('no') }}")
    (found,) = problems(recipe)
    assert found.startswith("base.model: the base's chat template fails (no)")


def test_a_tokenizer_whose_settings_are_of_the_wrong_type_is_named(tmp_path):
    recipe = write_recipe(tmp_path)
    config = tmp_path / "base" / "tokenizer_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"model_max_length": "x"}))
    (found,) = problems(recipe)
    assert "has no usable tokenizer" in found


def test_examples_beyond_the_context_are_named(tmp_path):
    recipe = write_recipe(tmp_path)
    assert problems(recipe, "data.max_tokens=1025")[0].startswith("data.max_tokens: 1,025 is more than the context")


def write_long_benchmark(folder, count=2):
    """Prompts of the benchmark ``own`` of which all but the first fill a context of 1,024 tokens."""
    rows = [
        {
            "id": f"p{n}",
            "language": "python",
            "prompt": f"def one():\n    # {'long ' * 300 * n}\n",
            "test": "assert one()",
        }
        for n in range(count)
    ]
    (folder / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


LONG = (
    r"predict\.benchmarks\.own: the prompt of problem 'p1' in python has 1,\d+ tokens, but the context of .*/base "
    "allows at most 1,023"
)


def test_a_prompt_of_a_benchmark_beyond_the_context_is_named(tmp_path):
    recipe = write_recipe(tmp_path)
    write_long_benchmark(tmp_path)
    (found,) = problems(recipe)
    assert re.match(LONG + ": take", found)
    write_long_benchmark(tmp_path, 4)
    (found,) = problems(recipe)
    assert re.match(LONG + r" \(2 more prompts are too long\): take", found)
    assert problems(recipe, "predict.limit=0") == []
    assert problems(recipe, "data.languages=[java]") == []
    (tmp_path / "own.jsonl").write_text("{}\n")
    (found,) = problems(recipe)
    assert found.startswith("predict.benchmarks.own: ")


def test_a_prompt_of_a_benchmark_beyond_the_context_ends_a_run_before_it_begins(tmp_path):
    recipe = write_recipe(tmp_path)
    write_long_benchmark(tmp_path)
    with pytest.raises(RecipeError, match=LONG):
        Run(load_recipe(recipe))()
    assert not (tmp_path / "runs" / "toy" / "data").exists()
    run = Run(load_recipe(recipe))
    run(("data",))  # stages that do not run the benchmark do not ask for it
    with pytest.raises(RecipeError, match=LONG):
        print_plan(run)


def test_an_empty_split_repeated_ids_and_broken_programs_are_found_at_once(tmp_path):
    recipe = write_recipe(tmp_path)
    pairs = tmp_path / "pairs"
    (pairs / "python" / "test.jsonl").write_text("")
    training = pairs / "java" / "train.jsonl"
    rows = [json.loads(line) for line in training.read_text().splitlines()]
    rows[3]["id"] = rows[2]["id"] = rows[1]["id"]
    rows[5]["code"] = "class {{{"
    training.write_text("".join(json.dumps(row) + "\n" for row in rows))
    empty, repeated, broken = problems(recipe)
    assert "the test split of python is empty" in empty
    assert f"java, train: the id {rows[1]['id']!r} occurs 3 times" in repeated
    assert f"java, train: 1 of 14 programs cannot be read as java (the first has the id {rows[5]['id']!r})" in broken


def test_token_streams_are_not_called_broken_programs(tmp_path):
    recipe = write_recipe(tmp_path)
    streams = {
        "python": "def add ( x ) : NEW_LINE INDENT return x + {n} NEW_LINE DEDENT print ( add ( 1 ) ) NEW_LINE",
        "java": "class A {{ public static void main ( String [ ] s ) {{ System . out . println ( {n} ) ; }} }}",
    }
    for language, stream in streams.items():
        for file in (tmp_path / "pairs" / language).iterdir():
            rows = [json.loads(line) for line in file.read_text().splitlines()]
            rows = [row | {"code": stream.format(n=number)} for number, row in enumerate(rows)]
            file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert problems(recipe) == []


def test_the_head_is_read_unless_all_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr("moesaic.pipeline.checks.HEAD", 5)
    recipe = write_recipe(tmp_path)
    training = tmp_path / "pairs" / "python" / "train.jsonl"
    lines = training.read_text().splitlines()
    training.write_text("\n".join([*lines, lines[-1]]) + "\n")
    assert problems(recipe) == []
    assert "occurs 2 times" in problems(recipe, whole=True)[0]
    training.write_text("\n".join([*lines[:2], "{", *lines[2:]]) + "\n")
    assert "train.jsonl:3" in problems(recipe)[0]


@pytest.mark.parametrize("whole", [False, True])
def test_a_table_that_does_not_tell_the_languages_apart_is_named_once(tmp_path, whole):
    recipe = write_recipe(tmp_path)
    rows = [{"text": f"Task {n}", "code": f"x = {n};"} for n in range(90)]
    (tmp_path / "all.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (found,) = problems(recipe, f"data.source={tmp_path / 'all.jsonl'}", whole=whole)
    assert "the rows do not say which of java, python they are in" in found
    assert "data.fields: {language: ...}" in found


def test_json_is_one_object_and_the_exit_code_2_with_problems(tmp_path):
    recipe = write_recipe(tmp_path)
    sound = moesaic("validate", "toy.yaml", "--json", cwd=tmp_path)
    assert (sound.returncode, json.loads(sound.stdout)) == (
        0, {"recipe": "toy.yaml", "valid": True, "problems": [], "notes": []},
    )  # fmt: skip
    (tmp_path / "pairs" / "python" / "test.jsonl").write_text("")
    wrong = moesaic("validate", "toy.yaml", "predict.benchmarks={own: nowhere}", "--json", cwd=tmp_path)
    found = json.loads(wrong.stdout)
    assert wrong.returncode == 2
    assert not found["valid"]
    assert [problem.partition(":")[0] for problem in found["problems"]] == ["predict.benchmarks.own", "data.source"]
    unknown = moesaic("validate", "toy.yaml", "experts.rnak=1", "--json", cwd=tmp_path)
    assert "did you mean rank?" in json.loads(unknown.stdout)["problems"][0]
    assert recipe.exists()
