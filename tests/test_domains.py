"""Domains: experts for a part of a language, or for what no grammar reads, from names to the finished run."""

import csv
import json
import sqlite3
from pathlib import Path

import pglast
import pytest
import yaml

from moesaic.checkpoint.native import read_model_folder
from moesaic.codebleu import codebleu
from moesaic.codebleu.rewards import CodeBleuScores
from moesaic.data.chat_template import jinja_template
from moesaic.data.fences import extract_code
from moesaic.data.prepare import prepare
from moesaic.data.prompts import PromptFormat
from moesaic.data.sources import languages_of, read_source
from moesaic.errors import DataError, RecipeError
from moesaic.evaluate.guards import guards
from moesaic.evaluate.score import score_file
from moesaic.evaluate.table import METRICS
from moesaic.execution.judges import find_toolchains
from moesaic.execution.problems import read_problems
from moesaic.files import read_json, write_json_lines
from moesaic.languages import LANGUAGES, find_among, find_language, get_language, in_order, syntax_of
from moesaic.parsing import parses
from moesaic.pipeline.checks import find_problems
from moesaic.pipeline.stages import Run
from moesaic.recipe import DataRecipe, Recipe, load_recipe
from moesaic.report.summary import language_title, system_title
from moesaic.serve.prompting import UnfitError, ask_chat, named_language
from moesaic.serve.protocol import Message
from pico import pico_base, pico_tokenizer

ROOT = Path(__file__).parents[1]
PAIRS = ROOT / "recipes" / "two-sql-dialects"
DIALECTS = ("sql-postgresql", "sql-sqlite")
STATEMENT = "SELECT name\nFROM customers\nLIMIT 3;\n"


def rows_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def tasks():
    """Dialect -> the tasks of the recipe's corpus, by id."""
    return {name: {row["id"]: row for row in rows_of(PAIRS / f"{name}.jsonl")} for name in DIALECTS}


# ---- names -----------------------------------------------------------------------------------------------------------


def test_a_domain_is_its_language_with_a_name_of_its_own():
    row = get_language("Python-Django")
    python = LANGUAGES["python"]
    assert (row.name, row.title, row.syntax, row.domain_of) == ("python-django", "Python (django)", "python", "python")
    assert (row.fence, row.grammar, row.formatter, row.source_file) == (
        python.fence,
        python.grammar,
        python.formatter,
        python.source_file,
    )
    assert row.xlcost_name is row.hub_config is None
    assert get_language("py-django") == row
    assert "read as python" in row.lacks
    assert python.lacks == ""


@pytest.mark.parametrize(
    ("name", "title", "fence"),
    [("sql-postgresql", "SQL (postgresql)", "sql"), ("text-terraform", "terraform", "terraform")],
)
def test_what_no_grammar_reads_has_a_prompt_and_says_what_it_lacks(name, title, fence):
    row = get_language(name)
    assert (row.title, row.fence, row.syntax) == (title, fence, None)
    assert "no grammar" in row.lacks
    assert "never by CodeBLEU" in row.lacks
    prompt = PromptFormat(pico_tokenizer()).prompt_text("Say it.", name)
    assert f"Write a {title} program." in prompt
    assert prompt.endswith(f"```{fence}\n")
    assert language_title(name) == title
    assert system_title(f"expert:{name}") == f"{title} expert"


@pytest.mark.parametrize("name", ["sql-", "sql--x", "sql-a/b", "python-../x", "text-a b", f"sql-{'x' * 41}", "c++-"])
def test_a_domain_is_a_name_for_a_folder(name):
    assert find_language(name) is None
    with pytest.raises(DataError, match="is not the name of a domain"):
        get_language(name)


@pytest.mark.parametrize("name", ["sql", "text", "pyton-django", "fortran-x"])
def test_what_a_domain_is_part_of_is_known(name):
    with pytest.raises(DataError, match=r"unknown language .*sql-postgresql"):
        get_language(name)


def test_languages_come_before_domains():
    assert in_order(["sql-b", "java", "python-a", "python", "java"]) == ["python", "java", "python-a", "sql-b"]


def test_a_model_knows_its_own_domains_by_their_last_part():
    model = ("python", "sql-sqlite", "expert_0")
    assert find_among("SQLite", model).name == find_among("sql-sqlite", model).name == "sql-sqlite"
    assert find_among("js", model).name == "javascript"
    assert find_among("sql-postgresql", model) is None
    assert find_among("expert_0", model) is None


# ---- data ------------------------------------------------------------------------------------------------------------


def test_folders_files_and_columns_may_have_the_last_part_alone(tmp_path):
    rows = [{"id": str(n), "text": f"t {n}", "code": f"SELECT {n};", "language": "sqlite"} for n in range(12)]
    other = [{**row, "language": "sql-postgresql"} for row in rows]
    write_json_lines(tmp_path / "folder" / "sqlite.jsonl", rows)
    for split in ("train", "validation", "test"):
        write_json_lines(tmp_path / "folder" / "sql-postgresql" / f"{split}.jsonl", other)
    write_json_lines(tmp_path / "table.jsonl", rows + other)
    for source in ("folder", "table.jsonl"):
        options = DataRecipe(
            source=str(tmp_path / source), languages=DIALECTS, validation_fraction=0.3, test_fraction=0.3
        )
        found = read_source(options)
        assert {example.language for splits in found.values() for part in splits.values() for example in part} == {
            *DIALECTS
        }
        assert sum(map(len, found["sql-sqlite"].values())) == 12
    assert languages_of(str(tmp_path / "folder")) == ("sql-postgresql",)  # sqlite.jsonl does not say of what
    assert languages_of(str(PAIRS)) == DIALECTS
    with (tmp_path / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["text", "code", "lang"], ["a", "b", "sql-x"], ["a", "c", "go"]])
    assert languages_of(str(tmp_path / "table.csv")) == ("go", "sql-x")


def test_what_no_grammar_reads_is_kept_as_it_is_and_not_called_parsed(tmp_path):
    rows = [
        {"id": f"{n}", "text": f"Row {n} of table {n * 7}", "code": f"SELEC oops_{n} ??? FROM  t{n * 7}"}
        for n in range(30)
    ]
    rows[3]["code"] = "SELECT 1 ```\n```\n FROM b"
    rows[4] |= {"code": "-- four\nSELECT four;\n", "opening": "-- four\n"}
    write_json_lines(tmp_path / "sql-x.jsonl", rows)
    options = DataRecipe(
        source=str(tmp_path), languages=("sql-x",), validation_fraction=0.2, test_fraction=0.2, format="standard"
    )
    report = prepare(options, tmp_path / "out", workers=1)
    splits = report.languages["sql-x"].values()
    assert sum(split.kept for split in splits) == 29
    assert sum(split.left_out["code_fence"] for split in splits) == 1
    for split in splits:
        assert split.parse_share_raw is split.parse_share_restored is split.parse_share_kept is None
    lines = [row for path in sorted((tmp_path / "out" / "sql-x").iterdir()) for row in rows_of(path)]
    codes = {line["id"]: line["code"] for line in lines}
    assert codes["7"] == "SELEC oops_7 ??? FROM  t49\n"
    assert next(line for line in lines if line["id"] == "4")["opening"] == "-- four\n"
    assert "sql-x: no grammar reads its programs" in report.summary()


def test_a_domain_of_a_language_is_read_as_that_language(tmp_path):
    rows = [
        {"id": f"{n}", "text": f"Page {n} of {n * 7}", "code": f"def page_{n} ( request ):\n  return {n * 7}"}
        for n in range(30)
    ]
    rows[3]["code"] = "def broken(:"
    write_json_lines(tmp_path / "python-django.jsonl", rows)
    options = DataRecipe(
        source=str(tmp_path),
        languages=("python-django",),
        validation_fraction=0.2,
        test_fraction=0.2,
        format="standard",
    )
    report = prepare(options, tmp_path / "out", workers=1)
    splits = report.languages["python-django"].values()
    assert sum(split.left_out["does_not_parse"] for split in splits) == 1
    assert {split.parse_share_kept for split in splits} == {1.0}
    first = rows_of(tmp_path / "out" / "python-django" / "train.jsonl")[0]
    assert ":\n    return " in first["code"], "ruff laid it out"


def test_what_stands_in_a_fence_is_found_without_a_grammar():
    assert extract_code(f"{STATEMENT}```\nThat is it.", "sql-sqlite") == STATEMENT
    assert extract_code("x = '''\n```\n'''\n```\n", "python-django") == "x = '''\n```\n'''\n"


# ---- measures --------------------------------------------------------------------------------------------------------


def test_metrics_of_a_domain(tmp_path):
    assert parses("x = 1", "python-django")
    with pytest.raises(DataError, match="no grammar reads sql-sqlite"):
        parses(STATEMENT, "sql-sqlite")
    found = codebleu(["x = 1"], ["y = 1"], "python-django")
    assert found.rows == codebleu(["x = 1"], ["y = 1"], "python").rows
    assert found.language == "python-django"
    with pytest.raises(DataError, match="no grammar reads sql-sqlite: use BLEU"):
        codebleu([STATEMENT], [STATEMENT], "sql-sqlite")
    with CodeBleuScores(1) as score:
        assert score([("x = 1", "x = 1", "python-django"), ("x =", "x = 1", "python-django")]) == [1.0, None]
        with pytest.raises(DataError, match="no grammar"):
            score([(STATEMENT, STATEMENT, "sql-sqlite")])
    rows = [{"prediction": STATEMENT, "reference": STATEMENT, "language": name} for name in ("sql-sqlite", "python")]
    write_json_lines(tmp_path / "rows.jsonl", rows)
    assert list(score_file(tmp_path / "rows.jsonl", "all", metric="bleu").languages) == ["python", "sql-sqlite", "all"]
    exact = METRICS["exact_match"]
    pairs = [("SELECT\n 1 ;", "SELECT 1 ;\n"), ("SELECT 1;", "select 1;")]
    assert exact([{"prediction": a, "reference": b} for a, b in pairs], "sql-sqlite", None) == [1.0, 0.0]


def test_guards_that_need_a_grammar_are_left_out():
    rows = [{"prediction": STATEMENT, "reference": STATEMENT}, {"prediction": "", "reference": "SELECT 1;"}]
    plain = guards(rows, "sql-sqlite")
    assert not {"no_code", "parses", "wrong_language"} & plain.keys()
    assert (plain["n"], plain["empty"]) == (2, 0.5)
    code = [{"prediction": "def f(x):\n    return x\n", "reference": "def f(y):\n    return y\n"}]
    assert guards(code, "python-django") == guards(code, "python")


def test_programs_of_a_domain_are_not_run(tmp_path):
    _, missing = find_toolchains(["python-django"])
    assert "cannot be run" in missing["python-django"]
    problem = {"id": "a", "language": "python-django", "prompt": "def a():\n", "test": "a()"}
    write_json_lines(tmp_path / "own.jsonl", [problem])
    with pytest.raises(DataError, match="python-django: programs of a domain are not run"):
        read_problems("own", tmp_path / "own.jsonl")


# ---- recipes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("languages", "more", "wrong"),
    [
        (
            ["sql-a", "python"],
            {"reward": {"rounds": 1}},
            r"reward.rounds: 1 needs CodeBLEU, and no grammar reads sql-a:",
        ),
        (["python-a", "python"], {"reward": {"rounds": 1, "kind": "both"}}, r"kind: both runs programs.* \(python-a\)"),
        (["python-a", "python"], {"reward": {"rounds": 1}}, None),
        (["sql-a", "python"], {"reward": {"rounds": 1, "alone": ["python"]}}, None),
        (["sql-a", "python"], {"reward": {"rounds": 0}}, None),
        (["sql-a", "python"], {"gate": {"select": "codebleu"}}, "gate.select: codebleu needs CodeBLEU"),
        (["text-a", "python"], {"experts": {"select": "codebleu"}}, "experts.select: codebleu .* reads text-a"),
        (["python-a", "python"], {"experts": {"select": "codebleu"}}, None),
    ],
)
def test_what_decides_needs_a_judge(languages, more, wrong, tmp_path):
    tree = {
        "base": {"model": "b"},
        "data": {"source": "d", "languages": languages, "tasks": ["corpus"]},
        "evaluate": {"allow_code_execution": True},
    }
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(tree | more))
    if wrong is None:
        assert isinstance(load_recipe(tmp_path / "r.yaml"), Recipe)
    else:
        with pytest.raises(RecipeError, match=wrong):
            load_recipe(tmp_path / "r.yaml")


# ---- asking ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("List the customers in SQLite", "sql-sqlite"),
        ("List the customers using PostgreSQL.", "sql-postgresql"),
        ("a sqlite statement for the orders", "sql-sqlite"),
        ("Read the customers in Python", "python"),
        ("List the customers", None),
    ],
)
def test_a_task_names_a_domain_of_the_model(text, language):
    model = ("sql-postgresql", "sql-sqlite")
    assert named_language(text, model) == language
    assert named_language(text) in (None, "python"), "only a model that has the domain looks for it"
    prompts = PromptFormat(pico_tokenizer())
    asked = ask_chat(prompts, [Message(role="user", content=text)], None, model)
    assert asked.language == (language or "sql-postgresql")
    tokenizer = pico_tokenizer()
    tokenizer.chat_template = jinja_template(prompts.frame, model)
    messages = [{"role": "user", "content": text}]
    rendered = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert tokenizer(rendered, add_special_tokens=False)["input_ids"] == asked.ids


def test_a_request_may_name_a_domain_of_the_model_alone():
    prompts, messages = PromptFormat(pico_tokenizer()), [Message(role="user", content="List them")]
    assert ask_chat(prompts, messages, "SQLite", DIALECTS).language == "sql-sqlite"
    with pytest.raises(UnfitError, match=r"allowed: python, .*, sql-postgresql, sql-sqlite"):
        ask_chat(prompts, messages, "sql-oracle", DIALECTS)


# ---- the recipe of two SQL dialects ----------------------------------------------------------------------------------


def test_both_dialects_have_the_same_tasks(tasks):
    postgresql, sqlite = (tasks[name] for name in DIALECTS)
    assert postgresql.keys() == sqlite.keys()
    assert len(postgresql) >= 48
    for name, row in postgresql.items():
        assert row["text"] == sqlite[name]["text"]
        assert row["text"].count("\n") == ("\nTables: " in row["text"])
    different = [name for name, row in postgresql.items() if row["code"] != sqlite[name]["code"]]
    assert len(different) >= 0.8 * len(postgresql), "the dialects are what there is to learn"


def test_statements_for_sqlite_run(tasks):
    schema = (PAIRS / "sqlite.sql").read_text(encoding="utf-8")
    for name, row in tasks["sql-sqlite"].items():
        database = sqlite3.connect(":memory:")
        database.executescript(schema)
        try:
            rows = database.execute(row["code"]).fetchall()
        except (sqlite3.Warning, sqlite3.ProgrammingError):  # several statements
            database.executescript(row["code"])
            rows = []
        assert rows or not row["code"].startswith(("SELECT", "WITH", "EXPLAIN")), name
        database.close()


def test_statements_for_postgresql_are_read_by_its_parser(tasks):
    pglast.parse_sql((PAIRS / "postgresql.sql").read_text(encoding="utf-8"))
    for row in tasks["sql-postgresql"].values():
        assert pglast.parse_sql(row["code"])


def test_statements_are_not_those_of_the_other_dialect(tasks):
    def is_postgresql(code):
        try:
            pglast.parse_sql(code)
        except pglast.parser.ParseError:
            return False
        return True

    foreign = sum(not is_postgresql(row["code"]) for row in tasks["sql-sqlite"].values())
    assert foreign >= 5, "the check of PostgreSQL's statements can fail"


def test_the_whole_pipeline_with_two_domains(tmp_path, capsys):
    pico_base(tmp_path / "base", max_position_embeddings=1024)
    tree = yaml.safe_load((ROOT / "recipes" / "two-sql-dialects.yaml").read_text(encoding="utf-8"))
    tree["base"] = {"model": str(tmp_path / "base"), "dtype": "float32"}
    tree["data"] |= {"source": str(PAIRS), "train_limit": 8, "validation_limit": 3, "test_limit": 4}
    tree["experts"] |= {"rank": 2, "epochs": 1, "evaluations": 1}
    tree["gate"] |= {"top_k": 1, "init_programs": 4, "gate_steps": 1}
    tree["predict"] |= {"limit": 2, "max_new_tokens": 6}
    tree["evaluate"] = {
        "metrics": ["parse_share", "codebleu", "pass@1", "bleu", "exact_match"],
        "workers": 1,
        "bootstrap_samples": 20,
        "allow_code_execution": True,
    }
    tree |= {"output": str(tmp_path / "runs"), "name": "toy"}
    (tmp_path / "toy.yaml").write_text(yaml.safe_dump(tree))
    recipe = load_recipe(tmp_path / "toy.yaml")
    problems, notes = find_problems(recipe)
    assert problems == []
    assert [note for note in notes if note.startswith("sql-sqlite: no grammar")]
    Run(recipe)()
    root = tmp_path / "runs" / "toy"
    assert "sql-postgresql: no grammar reads its programs" in capsys.readouterr().err
    results = read_json(root / "results.json")
    assert set(results["systems"]) == {"base", "experts", "moe", *(f"expert:{name}" for name in DIALECTS)}
    moe = results["systems"]["moe"]
    assert set(moe) == {"loss", "bleu", "exact_match"}
    assert all(set(row) == set(DIALECTS) for row in moe.values())
    for name in DIALECTS:
        assert f"parse_share, codebleu, {name}: no grammar reads it; use bleu and exact_match" in " ".join(
            results["skipped"]
        )
    assert any(reason.startswith("pass@1: this data set has no tests") for reason in results["skipped"])
    assert "SQL (postgresql)" in (root / "report.html").read_text(encoding="utf-8")
    folder = read_model_folder(root / "model")
    assert folder.languages == DIALECTS
    card = (root / "model" / "README.md").read_text(encoding="utf-8")
    assert "one LoRA expert per domain" in card
    assert "language" not in card.replace("--language", "")
    assert syntax_of(folder.languages[0]) is None
