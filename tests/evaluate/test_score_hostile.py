"""Predictions by strangers: ``moesaic score`` ends with a table or one message."""

import contextlib
import io
import sys
import time

from hypothesis import given
from hypothesis import strategies as st

from hostile import SECONDS, amounts, draws, json_lines
from moesaic import cli
from moesaic.languages import LANGUAGES

ROWS = [
    {
        "id": 1,
        "language": "python",
        "prediction": "def f(x):\n    return x + 1\n",
        "reference": "def f(y):\n    return y\n",
    },
    {
        "id": "b",
        "language": "java",
        "prediction": "class A { int f() { return 1; } }",
        "reference": ["class B { }", "x"],
    },
    {"language": "cpp", "prediction": "int main ( ) { return 0 ; }", "reference": "int main() {\n  return 0;\n}\n"},
    {"language": "javascript", "prediction": "let a = 1 ;", "reference": "let b = a; console.log(b)"},
    {"language": "php", "prediction": "<?php echo 1;", "reference": "<?php echo 2;"},
    {
        "language": "c",
        "prediction": "#include <stdio.h> NEW_LINE int main ( ) { }",
        "reference": "int main() { return 1; }",
    },
    {"language": "csharp", "prediction": "class A { static void Main() { } }", "reference": "class A { }"},
]
OPTIONS = ([], ["--metric", "bleu"], ["--protocol", "reference"], ["--json"], ["--detokenize"])


@amounts
def test_any_predictions_end_in_a_table_or_one_message(tmp_path, monkeypatch, amount):
    monkeypatch.setattr(cli.gc, "freeze", lambda: None)
    monkeypatch.setattr(cli.tempfile, "tempdir", str(tmp_path))
    path = tmp_path / "p.jsonl"

    @draws(amount)
    @given(json_lines(ROWS), st.sampled_from([*LANGUAGES, "all", "all", "all"]), st.sampled_from(OPTIONS))
    def score(data, language, options):
        path.write_bytes(data)
        arguments = ["moesaic", "score", str(path), "--language", language, "--rows", str(tmp_path / "rows"), *options]
        monkeypatch.setattr(sys, "argv", arguments)
        began = time.process_time()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
            code = main()
        assert code in (0, None, 2), said.getvalue() + newest(tmp_path)
        assert time.process_time() - began < SECONDS

    score()


def main():
    try:
        cli.main()
    except SystemExit as ended:
        return ended.code


def newest(folder):
    return "".join(file.read_text() for file in folder.glob("moesaic-*.txt"))
