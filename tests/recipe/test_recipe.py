from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from moesaic.errors import RecipeError
from moesaic.recipe import MLP_TARGETS, Recipe, load_recipe
from moesaic.recipe.fields import describe_fields

MINIMAL = "base:\n  model: some/base\ndata:\n  source: corpus\n"


@pytest.fixture
def write(tmp_path):
    def inner(text=MINIMAL, name="mine.yaml"):
        path = tmp_path / name
        path.write_text(text) if isinstance(text, str) else path.write_bytes(text)
        return path

    return inner


def problems(path, *overrides):
    with pytest.raises(RecipeError) as caught:
        load_recipe(path, overrides)
    assert str(caught.value).startswith(str(path))
    return caught.value.problems


def test_minimal_recipe_takes_its_name_from_the_file(write):
    recipe = load_recipe(write())
    assert recipe.name == "mine"
    assert recipe.workspace == Path("runs/mine")
    assert recipe.data.languages == ("python", "java", "javascript", "cpp")


@pytest.mark.parametrize("name", ["''", "null", "~"])
def test_an_empty_name_is_no_name(write, name):
    assert load_recipe(write(f"name: {name}\n{MINIMAL}")).workspace == Path("runs/mine")


def test_overrides_are_yaml_and_win(write):
    overrides = [
        "experts.rank=8",
        "data.languages=[C++, py]",
        "name=other",
        "gate.joint_epochs=0",
        "predict.limit=null",
    ]
    recipe = load_recipe(write(), [*overrides, "experts.learning_rate=1e-3"])
    assert (recipe.experts.rank, recipe.name, recipe.predict.limit) == (8, "other", None)
    assert recipe.data.languages == ("cpp", "python")
    assert recipe.experts.learning_rate == 1e-3


def test_every_problem_is_listed_at_once(write):
    text = "base: {dtype: float8}\ndata: {source: corpus, languages: [pyton]}\nexperts: {rnk: 8, rank: -1}\ngates: {}\n"
    found = problems(write(text), "seed")
    assert len(found) == 8
    joined = "\n".join(found)
    assert "base.model: required, but not set" in joined
    assert "base.dtype: Input should be 'auto', 'float32' or 'bfloat16' (found 'float8')" in joined
    assert "data.languages: unknown language 'pyton': did you mean python?" in joined
    assert "experts.rnk: unknown key; did you mean rank" in joined
    assert "experts.rank: Input should be greater than 0 (found -1)" in joined
    assert "gates: unknown key; did you mean gate" in joined
    assert "override 'seed': write key.subkey=value" in joined
    assert "gate.top_k is 2 but there are 1 experts" in joined  # keys that do not fit each other, seen in spite of all


def test_keys_that_do_not_fit_each_other_are_listed_beside_what_is_wrong_by_itself(write):
    text = (
        MINIMAL + "gate: {top_k: 9, load: 0.1}\nevaluate: {metrics: [rouge, pass@1]}\nexperts: {rank: -1}\nsead: 1\n"
        "predict: 3\ntrackers: tensorboard\n"
    )
    found = problems(write(text), "data.test_fraction=0.99")
    for said in (
        "gate.load: the load loss needs", "evaluate.metrics: pass@1 runs", "evaluate.metrics.0: Input should be",
        "gate.top_k is 9 but there are 4 experts", "data.validation_fraction: 0.05 and test_fraction 0.99",
        "predict: must be a section of keys and values", "trackers: must be a list", "sead: unknown key",
        "experts.rank: Input should be greater than 0",
    ):  # fmt: skip
        assert sum(said in line for line in found) == 1, (said, found)
    assert len(found) == 9


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("gate.joint_epochs=0", "gate.shared_rank: it is trained only in joint training; set shared_rank: 0"),
        ("base.quantize=nf4", "gate.shared_rank is 8, but base.quantize is nf4: a delta cannot be folded into 4-bit"),
    ],
)
def test_a_shared_delta_has_to_be_trained_and_folded(write, override, said):
    assert load_recipe(write(), ["gate.shared_rank=8"]).gate.shared_rank == 8
    found = problems(write(), "gate.shared_rank=8", override)
    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["base.quantize=nf4"], "base.quantize: nf4 (4-bit weights cannot be cut"),
        (["gate.shared_rank=8"], "gate.shared_rank: 8 (it is folded into whole weights)"),
        (["reward.rounds=2"], "reward.rounds: 2 (sampling has a copy of the model)"),
        (["compare=[dense_lora,ties]"], "compare: ties (made by one process)"),
    ],
)
def test_what_needs_a_whole_base_is_refused_where_it_is_sharded(write, overrides, said):
    assert load_recipe(write(), ["processes.shard=true", "compare=[dense_lora]"]).processes.shard
    (found,) = problems(write(), "processes.shard=true", *overrides)
    assert said in found
    assert "set processes.shard: false, or leave these out" in found


def test_where_the_base_lies_is_no_part_of_a_runs_digest(write):
    assert load_recipe(write()).digest() == load_recipe(write(), ["processes.shard=true"]).digest()


def test_only_one_way_of_recomputing_at_a_time(write):
    selective = "gate.selective_checkpointing=true"
    assert load_recipe(write(), [selective]).gate.selective_checkpointing
    (found,) = problems(write(), selective, "gate.gradient_checkpointing=true")
    assert found.startswith("gate.selective_checkpointing: gradient_checkpointing already includes it; set one of them")


def test_required_keys_of_the_wrong_kind_are_named_once(write):
    found = problems(write("base: 3\ndata: {source: 4}\n"))
    assert [line.split(":")[0] for line in found] == ["base", "data.source"]


@pytest.mark.parametrize("key", ["tuple_of_things", "literally", "constrained"])
def test_unknown_keys_of_any_name(write, key):
    assert problems(write(), f"{key}=1")[0].startswith(f"{key}: unknown key")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("name=a/b", "not a folder name"),
        ("name=..", "not a folder name"),
        ("gate.top_k=5", "gate.top_k is 5 but there are 4 experts"),
        ("data.languages=[java, Java]", "named twice"),
        ("data.languages=[]", "at least one language"),
        ("experts.targets=[gate_proj, foo]", "unknown projections ['foo']"),
        ("experts.targets=[]", "unknown projections []"),
        ("gate.load=0.1", "noisy_top_k"),
        ("experts.learning_rate=.nan", "finite"),
        ("experts.epochs=.inf", "finite"),
        ("data.validation_fraction=0.96", "leave nothing to train on"),
        ("data.extra=mbxp:x", "must be a list"),
        ("data.extra=['mbxp:']", "a source is empty"),
        ("data.extra=[a, a]", "named twice"),
        ("compare=[dense_lora, ties, dense_lora]", "compare: a baseline is named twice (found ["),
        ("evaluate.metrics=[bleu, bleu]", "evaluate.metrics: a metric is named twice (found ["),
        ("experts.targets=[up_proj, up_proj]", "experts.targets: a projection is named twice (found ["),
        ("trackers=[wandb, wandb]", "trackers: a tracker is named twice (found ["),
        ("base.model.x=1", "base.model is a value, not a section"),
        ("seed=2024-13-45", "override 'seed=2024-13-45'"),
        ("seed={", "override 'seed={'"),
        ("=3", "write key.subkey=value"),
        ("evaluate.metrics=[rouge]", "'parse_share', 'bleu'"),
        ("predict.split=train", "'validation' or 'test'"),
        ("base=null", "base: "),
    ],
)
def test_a_wrong_value_is_explained(write, override, said):
    found = problems(write(), override)
    assert any(said in line for line in found), found
    assert not any("\n" in line for line in found)


_GROWS = "grow.model=runs/java"
_ROUNDS = "reward.rounds=1"


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["data.languages=[go, go]", "reward.alone=[go]", _ROUNDS], "data.languages: a language is named twice"),
        (["data.languages=[go, Go, pyhton]", "reward.alone=[go]", _ROUNDS], "data.languages: unknown language"),
        (["reward.alone=[python, py]", _ROUNDS], "reward.alone: a language is named twice"),
        (
            ["reward.alone=[ruby]", _ROUNDS],
            "reward.alone names ruby, but the experts that are trained are python, java",
        ),
        (["data.languages=[go, go]", "grow.languages=[go]", _GROWS], "data.languages: a language is named twice"),
        (["grow.languages=[java, java]", _GROWS], "grow.languages: a language is named twice"),
        (
            ["grow.languages=[java]", _GROWS, "reward.alone=[python]", _ROUNDS],
            "are java: leave it out, or add it to grow.languages",
        ),
        (
            ["grow.languages=[java]", _GROWS, "reward.alone=[ruby]", _ROUNDS],
            "are java: leave it out, or add it to data.languages and grow.languages",
        ),
        (["compare=[dense_lora, dense_lora, dense_lora_reward]", _ROUNDS], "compare: a baseline is named twice"),
        (
            ["compare=[dense_lora, dense_lora_reward]", "reward.alone=[python]", _ROUNDS],
            "reward.alone is python, so there is no such stage",
        ),
    ],
)
def test_a_wrong_name_is_one_problem(write, overrides, said):
    """A key that is compared with the wrong one is no problem of its own."""
    (found,) = problems(write(), "gate.top_k=1", *overrides)
    assert said in found


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "must hold keys and values"),
        ("- a\n", "must hold keys and values"),
        ("a: [", "not YAML"),
        (b"\xff\xfe\x00", "not YAML"),
        ("seed: 2024-13-45\n", "not YAML"),
        ("1: 2\n" + MINIMAL, "Keys should be strings"),
    ],
)
def test_a_broken_file_is_explained(write, content, said):
    assert said in problems(write(content))[0]


def test_missing_file_and_folder(tmp_path):
    assert "no such file" in problems(tmp_path / "x.yaml")[0]
    assert "is a folder" in problems(tmp_path)[0]


def test_path_through_a_file(write):
    assert "cannot be read" in problems(write() / "x.yaml")[0]


def test_digest_is_about_results_only(write):
    path = write()
    digest = load_recipe(path).digest()
    assert load_recipe(path, ["output=/elsewhere", "trackers=[tensorboard]", "name=b"]).digest() == digest
    assert load_recipe(path, ["seed=1"]).digest() != digest
    assert load_recipe(path, ["experts.rank=16"]).digest() == digest  # the default, written out


def test_resolved_recipe_reads_back_as_itself(write, tmp_path):
    recipe = load_recipe(write(), ["experts.targets=[up_proj]", "compare=[ties]", "data.train_limit=5"])
    path = tmp_path / "resolved.yaml"
    path.write_text(yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False))
    assert load_recipe(path) == recipe


def test_recipe_is_frozen(write):
    with pytest.raises(ValidationError):
        load_recipe(write()).experts.rank = 4


@pytest.mark.parametrize(
    ("targets", "modules"),
    [
        ("mlp", MLP_TARGETS),
        ("all", (*MLP_TARGETS, "q_proj", "k_proj", "v_proj", "o_proj")),
        ("[up_proj]", ("up_proj",)),
    ],
)
def test_target_modules(write, targets, modules):
    assert load_recipe(write(), [f"experts.targets={targets}"]).experts.target_modules() == modules


def test_softmax_needs_no_top_k(write):
    recipe = load_recipe(write(), ["gate.kind=softmax", "data.languages=[java]"])
    assert recipe.gate.kind == "softmax"


def test_every_key_is_described_in_plain_words():
    rows = {key: (kind, default, text) for key, kind, default, text in describe_fields(Recipe)}
    assert len(rows) > 50
    for key, (kind, _, text) in rows.items():
        assert text.endswith("."), key
        assert not any(word in kind for word in ("FieldInfo", "Annotated", "typing", "Optional", "class")), key
    assert rows["base.model"][:2] == ("text", "required")
    assert rows["experts.rank"][:2] == ("integer > 0", "16")
    assert rows["data.train_limit"][:2] == ("integer > 0 | null", "null")
    assert rows["predict.top_p"][0] == "number > 0, <= 1"
    assert rows["evaluate.sandbox"][:2] == ("bubblewrap | rlimit", "bubblewrap")
    assert rows["data.languages"][:2] == ("list of text", "[python, java, javascript, cpp]")
    assert rows["experts.targets"][0] == "mlp | all | list of text"


def test_described_defaults_are_what_yaml_reads(write):
    for key, _, default, _ in describe_fields(Recipe):
        if default in ("required", "''"):
            continue
        assert load_recipe(write(), [f"{key}={default}"]).digest() == load_recipe(write()).digest(), key


def test_python_callers_build_the_same_tree(write):
    recipe = Recipe.model_validate({"name": "mine", "base": {"model": "some/base"}, "data": {"source": "corpus"}})
    assert recipe == load_recipe(write())


def bomb(levels: int, width: int = 9) -> str:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels + 1)]
    return "\n".join([*lines, f"compare: *a{levels}", ""])


@pytest.mark.parametrize("place", ["file", "override"])
def test_yaml_that_stands_for_more_than_it_says_is_refused(tmp_path, place):
    """Nine to the power of nine values would take minutes and gigabytes."""
    path = tmp_path / "bomb.yaml"
    minimal = "base: {model: x}\ndata: {source: corpus}\n"
    path.write_text(bomb(9) + minimal if place == "file" else minimal)
    flow = (
        "[&a [x,x,x,x,x,x,x,x,x]"
        + "".join(f", &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]" for n in range(9))
        + "]"
    )
    with pytest.raises(RecipeError, match="stands for more than 10,000 values"):
        load_recipe(path, [] if place == "file" else [f"compare={flow}"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("base: &a {model: x, more: *a}\n", "the anchor holds an alias of itself"),
        ("base: {model: x}\ndata: {source: corpus}\nseed: 1\nseed: 2\n", "line 1: the key 'seed' occurs twice"),
        ("base: {model: x}\ndata: {source: corpus, max_tokens: 7, max_tokens: 8}\n", "line 2: the key 'max_tokens'"),
        ("#" * 200_000, "200,000 characters, at most 131,072 are read"),
    ],
)
def test_yaml_that_is_not_plain_is_named(tmp_path, text, said):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=said):
        load_recipe(path)


def test_anchors_and_merges_may_be_used(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "base: {model: x}\ndata: {source: corpus}\nexperts: &a {row_tokens: 512, learning_rate: 1.0e-3}\n"
        "gate: {<<: *a, learning_rate: 2.0e-3}\n"
    )
    recipe = load_recipe(path)
    assert (recipe.gate.row_tokens, recipe.gate.learning_rate, recipe.experts.learning_rate) == (512, 2e-3, 1e-3)
