"""``moesaic generate``: tasks from wherever they are, programs to wherever they are wanted, cut ones said."""

import json
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

import moesaic
from moesaic.cli import app
from moesaic.errors import DataError, MoesaicError
from pico import pico_base
from test_api import make

TASK = "Sum of the digits of a number"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("made")
    folder = make(root / "model", pico_base(root / "base", max_position_embeddings=512))
    return SimpleNamespace(folder=folder, model=moesaic.load(folder, "cpu"))


@pytest.fixture
def run(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*arguments, stdin=None):
        return CliRunner().invoke(app, ["generate", str(made.folder), *arguments], input=stdin)

    return call


def test_a_program_is_shown_as_it_is_written(made, run):
    answer = made.model.generate(TASK, language="java", max_new_tokens=20)
    result = run(TASK, "--language", "java", "--max-new-tokens", "20")
    written = made.model.prompts.extract_code(answer.completion, "java")
    assert result.stdout == (written or "\n")
    assert result.exit_code == 3
    assert "warning: the program was cut at 20 tokens" in " ".join(result.stderr.split())
    formatted = run(TASK, "--language", "java", "--max-new-tokens", "20", "--no-stream")
    assert formatted.stdout == answer.code
    assert formatted.exit_code == 3


def test_an_end_of_its_own_is_success(made, run, monkeypatch, tmp_path):
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path))  # where no prompts are kept yet
    first = made.model.generate(TASK, language="python", max_new_tokens=1, trace=True).trace[0].token_id
    format_of = moesaic.data.prompts.PromptFormat
    monkeypatch.setattr(format_of, "__init__", stopping_at(format_of.__init__, first))
    for options in ([], ["--no-stream"]):
        result = run(TASK, *options)
        assert result.exit_code == 0
        assert "cut" not in result.stderr


def stopping_at(init, token):
    def changed(self, tokenizer):
        init(self, tokenizer)
        self.stop_ids = (*self.stop_ids, token)

    return changed


def test_tasks_from_stdin_and_files_are_the_same(run, tmp_path):
    (tmp_path / "task.txt").write_text(TASK)
    options = ["--max-new-tokens", "12", "--temperature", "1", "--top-p", "0.8", "--seed", "4"]
    wanted = run(TASK, *options).stdout
    assert run("-", *options, stdin=TASK).stdout == wanted
    assert run("--file", "task.txt", *options).stdout == wanted
    assert run(TASK, *options[:4], "--seed", "4").stdout != wanted or wanted == "\n"


def test_output_holds_the_formatted_program(made, run, tmp_path):
    result = run(TASK, "--max-new-tokens", "12", "-o", "program.py")
    assert (result.stdout, result.exit_code) == ("", 3)
    written = (tmp_path / "program.py").read_text()
    assert written == made.model.generate(TASK, language="python", max_new_tokens=12).code


def test_a_batch_gives_its_rows_back(made, run, tmp_path):
    rows = [{"id": 7, "text": TASK}, {"text": "Reverse a text", "language": "C++"}]
    (tmp_path / "tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = run("--batch", "tasks.jsonl", "--max-new-tokens", "9", "--language", "java")
    assert result.exit_code == 3
    assert "2 of 2 programs were cut" in " ".join(result.stderr.split())
    made_rows = [json.loads(line) for line in result.stdout.splitlines()]
    answers = made.model.generate([row["text"] for row in rows], language=["java", "cpp"], max_new_tokens=9)
    for row, answer, language in zip(made_rows, answers, ["java", "cpp"], strict=True):
        assert (row["prediction"], row["language"]) == (answer.code, language)
        assert (row["stopped"], row["num_tokens"]) == (False, 9)
    assert made_rows[0]["id"] == 7
    run("--batch", "tasks.jsonl", "--max-new-tokens", "9", "--language", "java", "-o", "made.jsonl")
    assert [json.loads(line) for line in (tmp_path / "made.jsonl").read_text().splitlines()] == made_rows


@pytest.fixture(scope="module")
def of_domains(tmp_path_factory):
    root = tmp_path_factory.mktemp("domains")
    base = pico_base(root / "base", max_position_embeddings=512)
    folder = make(root / "model", base, names=("sql-postgresql", "sql-sqlite", "python"))
    return SimpleNamespace(folder=folder, model=moesaic.load(folder, "cpu"))


def test_without_a_language_it_is_the_model_s_first(made, of_domains, run):
    short = ("--max-new-tokens", "12", "--no-stream")
    result = CliRunner().invoke(app, ["generate", str(of_domains.folder), TASK, *short])
    assert result.stdout == of_domains.model.generate(TASK, language="sql-postgresql", max_new_tokens=12).code
    assert "writing in SQL (postgresql), the model's first language; --language chooses another" in " ".join(
        result.stderr.split()
    )
    assert "no expert" not in result.stderr
    assert run(TASK, *short).stdout == made.model.generate(TASK, language="python", max_new_tokens=12).code
    assert "writing in" not in run(TASK, *short, "--language", "python").stderr


def test_a_domain_of_the_model_is_known_by_its_last_part(of_domains, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    expected = of_domains.model.generate(TASK, language="sql-sqlite", max_new_tokens=12).code
    assert of_domains.model.generate(TASK, language="SQLite", max_new_tokens=12).code == expected
    pieces = of_domains.model.stream(TASK, language="sqlite", max_new_tokens=12)
    assert "".join(pieces).strip() == expected.strip()

    def call(*arguments):
        options = ("--max-new-tokens", "12", "--no-stream")
        return CliRunner().invoke(app, ["generate", str(of_domains.folder), *arguments, *options])

    assert call(TASK, "--language", "sqlite").stdout == expected
    names = ["sqlite", "python", None]
    rows = [{"text": TASK} | ({} if name is None else {"language": name}) for name in names]
    (tmp_path / "tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    made_rows = [json.loads(line) for line in call("--batch", "tasks.jsonl").stdout.splitlines()]
    assert [row["language"] for row in made_rows] == ["sql-sqlite", "python", "sql-postgresql"]
    assert made_rows[0]["prediction"] == expected
    wrong = call(TASK, "--language", "sqlit")
    assert "unknown language 'sqlit': did you mean sqlite?" in str(wrong.exception)
    with pytest.raises(DataError, match="unknown language 'klingon': allowed: c, "):
        of_domains.model.generate(TASK, language="klingon")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "there is none"),
        (["task", "--file", "f"], "there is 2 of them"),
        ([" "], "is empty"),
        (["task", "--language", "klingon"], "unknown language"),
        (["task", "--top-p", "0"], "top_p is 0"),
        (["task", "--top-p", "nan"], "top_p is nan"),
        (["task", "--temperature", "inf"], "temperature is inf"),
        (["--file", "missing"], "No such file"),
        (["--file", "binary"], "binary: cannot be read"),
        (["-"], "stdin: cannot be read"),
        (["task", "-o", "no/where"], "in an existing folder"),
        (["task", "-o", "."], "in an existing folder"),
        (["task", "-o", "x", "--trace"], "leave out"),
        (["--batch", "empty.jsonl"], "has no rows"),
        (["--batch", "wrong.jsonl"], "line 2: text is 5"),
        (["--batch", "tongue.jsonl"], "line 1: unknown language"),
        (["--batch", "right.jsonl", "-o", "right.jsonl"], "would replace the tasks"),
    ],
)
def test_mistakes_are_said_before_the_model_is_loaded(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.jsonl").write_text("\n")
    (tmp_path / "wrong.jsonl").write_text('{"text": "a"}\n{"text": 5}\n')
    (tmp_path / "tongue.jsonl").write_text('{"text": "a", "language": "klingon"}\n')
    (tmp_path / "right.jsonl").write_text('{"text": "a"}\n')
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    result = CliRunner().invoke(app, ["generate", "no-such-model", *arguments], input=b"\xff")
    assert isinstance(result.exception, (MoesaicError, OSError)), result.output
    assert said in str(result.exception)
    assert "no-such-model" not in str(result.exception)
