from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from moesaic.cli.score import register
from moesaic.errors import DataError
from moesaic.evaluate.score import read_rows, score_file, sentence_bleu

SHARED = next((p / "shared" for p in Path(__file__).resolve().parents if (p / "shared" / "codebleu").is_dir()), None)
ROWS = [
    {"id": "a", "language": "python", "prediction": "x = 1\ny = x\n", "reference": "x = 1\ny = x\n"},
    {"id": "b", "language": "java", "prediction": "", "reference": ["int a = b;", "int a = c;"]},
    {"id": "c", "language": "Python", "prediction": "Python", "reference": "print(1)\n"},
]


@pytest.fixture
def predictions(tmp_path):
    path = tmp_path / "predictions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def run(*arguments: str):
    app = typer.Typer()
    register(app)
    app.command("other")(lambda: None)
    return CliRunner().invoke(app, ["score", *arguments], catch_exceptions=False)


def test_one_language_takes_its_own_lines(predictions):
    result = score_file(predictions, "py")
    assert list(result.languages) == ["python"]
    assert [row["id"] for row in result.rows] == ["a", "c"]
    assert result.rows[0]["codebleu"] == 1.0
    score = result.to_dict()
    assert score["codebleu"]["n"] == 2
    assert score["dataflow"]["n"] == 1
    assert score["guards"]["label_echo"] == 0.5
    assert score["protocol"] == "strict"
    assert "tree-sitter-python" in score["versions"]


def test_lines_without_a_language_are_in_the_one_asked_for(tmp_path):
    path = tmp_path / "plain.jsonl"
    path.write_text('{"prediction": "int a;", "reference": "int a;"}\n\n')
    assert score_file(path, "java").languages["java"].estimates["codebleu"].value == 1.0
    with pytest.raises(DataError, match=r":1: language is missing"):
        score_file(path, "all")


def test_all_languages_and_their_mean(predictions):
    result = score_file(predictions, "all")
    assert list(result.languages) == ["python", "java", "all"]
    every = result.languages["all"]
    assert every.guards["n"] == every.estimates["codebleu"].n == 3
    assert every.guards["empty"] == pytest.approx(1 / 3)
    assert every.estimates["codebleu"].value == pytest.approx(sum(row["codebleu"] for row in result.rows) / 3)
    assert [row["line"] for row in result.rows] == [1, 2, 3]


def test_token_streams_become_source_but_not_in_the_reference_protocol(tmp_path):
    path = tmp_path / "stream.jsonl"
    row = {
        "prediction": "def f(x):\n    return x\n",
        "reference": "def f ( x ) : NEW_LINE INDENT return x NEW_LINE DEDENT",
    }
    path.write_text(json.dumps(row))
    assert score_file(path, "python").rows[0]["codebleu"] == 1.0
    assert score_file(path, "python", detokenize=False).rows[0]["codebleu"] < 0.9
    assert score_file(path, "python", protocol="reference").rows[0]["codebleu"] < 0.9
    with pytest.raises(DataError, match="--detokenize with --protocol reference"):
        score_file(path, "python", protocol="reference", detokenize=True)


def test_bleu(predictions):
    result = score_file(predictions, "all", metric="bleu")
    assert result.protocol is None
    assert result.rows[0]["bleu"] == pytest.approx(1.0)
    assert result.rows[1]["bleu"] == 0.0
    assert result.to_dict()["java"]["bleu"]["n"] == 1
    assert sentence_bleu("a b c d", ["x", "a b c d"]) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", ":2: not JSON"),
        ("[1]", ":2: a JSON object is needed, found list"),
        ('{"reference": "a"}', ":2: prediction is missing"),
        ('{"prediction": 3, "reference": "a"}', ":2: prediction is 3"),
        ('{"prediction": "a"}', ":2: reference is missing"),
        ('{"prediction": "a", "reference": []}', r":2: reference is \[\]"),
        ('{"prediction": "a", "reference": ["b", 1]}', ":2: reference is"),
        ('{"prediction": "a", "reference": "b", "language": "cobol"}', ":2: unknown language 'cobol'"),
        ('{"prediction": "a", "reference": "b", "id": ["x"]}', r":2: id is \['x'\]: a string or an integer"),
        ('{"prediction": "a", "reference": "b", "id": true}', ":2: id is True"),
        ('{"prediction": "a", "reference": "b", "id": 1e999}', ":2: not JSON that can be read: the number 1e999"),
        ('{"prediction": "a", "prediction": "b", "reference": "b"}', "the key 'prediction' occurs twice"),
        (json.dumps({"prediction": "a" * 300_000, "reference": "b"}), ":2: a program of 300,000 characters"),
        (json.dumps({"prediction": "a", "reference": ["b", "a" * 300_000]}), "at most 262,144 are scored"),
        ("[" * 100_000, ":2: not JSON that can be read"),
        ("\ud800", ":2: not JSON"),
    ],
)
def test_a_malformed_line_is_named(tmp_path, line, message):
    path = tmp_path / "bad.jsonl"
    good = json.dumps({"prediction": "a", "reference": "a"})
    path.write_bytes(f"{good}\n{line}\n".encode("utf-8", "surrogatepass"))
    with pytest.raises(DataError, match=message):
        read_rows(path, "python")


def test_no_lines_and_no_file(tmp_path, predictions):
    with pytest.raises(DataError, match="no predictions in cpp"):
        score_file(predictions, "cpp")
    with pytest.raises(DataError, match="cannot be read"):
        score_file(tmp_path / "absent.jsonl", "python")
    with pytest.raises(DataError, match="unknown metric 'exact'"):
        score_file(predictions, "python", metric="exact")


def test_command_prints_one_json_object_and_writes_rows(predictions, tmp_path):
    rows = tmp_path / "rows.jsonl"
    result = run(str(predictions), "--language", "all", "--json", "--rows", str(rows))
    assert result.exit_code == 0
    printed = json.loads(result.stdout)
    assert set(printed["python"]["codebleu"]) == {"value", "n", "low", "high"}
    written = [json.loads(line) for line in rows.read_text().splitlines()]
    assert [row["id"] for row in written] == ["a", "b", "c"]
    assert {"ngram", "weighted", "syntax", "dataflow", "codebleu"} <= written[0].keys()
    assert written[2]["dataflow"] is None


def test_command_prints_scores_with_their_guards(predictions):
    result = run(str(predictions), "--language", "python")
    assert "python" in result.stdout
    assert "[0.000, 1.000]" in result.stdout
    assert "wrong" in result.stdout
    assert "label" in result.stdout


def test_command_names_a_rows_file_that_cannot_be_written(predictions, tmp_path):
    with pytest.raises(DataError, match="--rows"):
        run(str(predictions), "--language", "python", "--rows", str(tmp_path))


def test_command_leaves_rows_as_they_were_when_it_fails(predictions, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text("older\n")
    arguments = (str(predictions), "--language", "python", "--rows", str(rows))
    with pytest.raises(DataError, match="unknown metric"):
        run(*arguments, "--metric", "exact")
    assert rows.read_text() == "older\n"
    with pytest.raises(DataError, match="would replace the predictions"):
        run(*arguments[:-1], str(predictions))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["predictions.jsonl", "rows.jsonl"]
    run(*arguments)
    assert "codebleu" in rows.read_text()


@pytest.mark.slow
@pytest.mark.skipif(SHARED is None, reason="no folder shared with parity pairs beside the checkout")
def test_command_equals_the_parity_file(tmp_path):
    assert SHARED is not None
    path = SHARED / "codebleu" / "parity.jsonl"
    expected = [json.loads(line) for line in path.read_text().splitlines()]
    rows = tmp_path / "rows.jsonl"
    result = run(str(path), "--language", "all", "--protocol", "reference", "--json", "--rows", str(rows))
    printed = json.loads(result.stdout)
    for ours, theirs in zip(map(json.loads, rows.read_text().splitlines()), expected, strict=True):
        assert ours["id"] == theirs["id"]
        assert ours["dataflow"] == pytest.approx(theirs["dataflow_ordered"], abs=1e-9)
        for name in ("ngram", "weighted", "syntax"):
            assert ours[name] == pytest.approx(theirs[name], abs=1e-9)
    mean = sum(row["syntax"] for row in expected) / len(expected)
    assert printed["all"]["syntax"]["value"] == pytest.approx(mean, abs=1e-9)


@pytest.mark.parametrize(
    ("language", "spaced", "plain"),
    [
        ("python", 'print ( "Hello, World! 3 > 2" )', 'print("Hello, World! 3 > 2")'),
        ("javascript", 'console.log ( "a - b" , x ) ;', 'console.log("a - b", x);'),
        ("python", "d = { 'a b' : 'c - d' , 'e' : [ 1 , 2 ] }", "d = {'a b': 'c - d', 'e': [1, 2]}"),
        ("python", "\ufeffx = 'a'\r\ny = 1\r\n", "x = 'a'\ny = 1\n"),
        ("python", "x = '\ud83d'\n", "x = '\ufffd'\n"),
    ],
)
def test_equal_programs_score_one(tmp_path, language, spaced, plain):
    path = tmp_path / "equal.jsonl"
    path.write_text(json.dumps({"prediction": spaced, "reference": plain}) + "\n")
    assert score_file(path, language).rows[0]["codebleu"] == 1.0
    assert score_file(path, language, metric="bleu").rows[0]["bleu"] > 0.2


def test_streams_without_marks_are_known_by_the_others_of_a_file_or_by_the_option(tmp_path):
    path = tmp_path / "streams.jsonl"
    row = {"language": "javascript", "prediction": "f('a-b', c);", "reference": "f ( ' a - b ' , c ) ;"}
    path.write_text(json.dumps(row) + "\n")
    alone = score_file(path, "javascript").rows[0]["codebleu"]
    restored = score_file(path, "javascript", detokenize=True).rows[0]["codebleu"]
    other = {"language": "python", "prediction": "x = 1\n", "reference": "x = 1 NEW_LINE y = 2 NEW_LINE"}
    path.write_text(json.dumps(row) + "\n" + json.dumps(other) + "\n")
    assert score_file(path, "all").rows[0]["codebleu"] == restored != alone
