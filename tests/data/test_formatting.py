import subprocess
from pathlib import Path

import pytest

from moesaic.data import formatting
from moesaic.data.formatting import format_many, format_source, lay_out
from moesaic.errors import DataError, ToolchainError


@pytest.mark.parametrize(
    ("language", "source", "formatted"),
    [
        ("python", "x=f( 1,2 )", "x = f(1, 2)\n"),
        ("java", "class A{int x;}", "class A {\n    int x;\n}\n"),
        ("cpp", "int f(int*a){return a[0] ;}", "int f(int* a) {\n    return a[0];\n}\n"),
        ("javascript", "let a=b ( 'c' ) ;", "let a = b('c');\n"),
        ("csharp", "class A{int x;}", "class A {\n    int x;\n}\n"),
        ("php", "<?php echo 1;", "<?php echo 1;\n"),
    ],
)
def test_each_language_has_a_formatter(language, source, formatted):
    assert format_source(source, language) == formatted


def test_order_is_kept_over_batches_and_processes(monkeypatch):
    monkeypatch.setattr(formatting, "BATCH_PROGRAMS", 2)
    sources = [f"x={number}" for number in range(5)]
    assert format_many(sources, "python", workers=2) == [f"x = {number}\n" for number in range(5)]
    assert format_many([f"int x={number} ;" for number in range(5)], "cpp", workers=2) == [
        f"int x = {number};\n" for number in range(5)
    ]


def test_one_bad_program_does_not_lose_the_batch():
    assert format_many(["x=1", "x = = (", "y=2"], "python") == ["x = 1\n", "x = = (\n", "y = 2\n"]


def test_a_program_that_breaks_clang_format_keeps_its_layout(monkeypatch):
    run = subprocess.run

    def crash(command, **options):
        paths = [Path(argument) for argument in command if argument.endswith(".cpp")]
        if any("crash" in path.read_text() for path in paths):
            for path in paths:
                path.write_text("half")
            raise subprocess.TimeoutExpired(command, 1)
        return run(command, **options)

    monkeypatch.setattr(subprocess, "run", crash)
    assert format_many(["int x=1;", "crash  ( ) ;", "int y=2;"], "cpp") == [
        "int x = 1;\n",
        "crash  ( ) ;\n",
        "int y = 2;\n",
    ]


def test_a_missing_formatter_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "clang_format", None)
    with pytest.raises(ToolchainError, match="pip install clang-format"):
        format_source("int x;", "cpp")


def test_an_unknown_language_is_refused():
    with pytest.raises(DataError, match="unknown language"):
        format_source("x", "klingon")


def test_lay_out_breaks_at_braces_and_semicolons_but_not_in_heads_or_literals():
    code = 'void f ( ) { for ( i = 0 ; i < 3 ; i ++ ) { g ( "a;b{" ) ; } } struct S { int x ; } ;'
    assert lay_out(code, "cpp") == (
        'void f ( ) {\n    for ( i = 0 ; i < 3 ; i ++ ) {\n        g ( "a;b{" );\n    }\n}\n'
        "struct S {\n    int x;\n};\n"
    )


@pytest.mark.parametrize("code", ["< ? php echo f ( 3 ) ; ? >", "<?php echo f ( 3 ) ; ?>"])
def test_php_tags_are_whole(code):
    assert lay_out(code, "php") == "<?php echo f(3);\n?>\n"


def test_lay_out_joins_what_php_writes_together():
    code = "function f ( $ a ) { foreach ( $ a as $ k => $ v ) { $ t [ $ k ] ++ ; } return ! g ( - $ a [ 0 ] ) ; }"
    assert lay_out(code, "php") == (
        "function f($a) {\n    foreach ($a as $k => $v) {\n        $t[$k]++;\n    }\n    return !g(-$a[0]);\n}\n"
    )
