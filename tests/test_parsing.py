from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from moesaic.errors import DataError
from moesaic.languages import LANGUAGES
from moesaic.parsing import encode, grammar_versions, parse, parses, walk

GOOD = {
    "python": "def f(x):\n    return x\n",
    "java": "class A { int f() { return 1; } }",
    "javascript": "const f = (x) => x;",
    "cpp": "#include <vector>\nint main() { return 0; }",
    "c": "#include <stdio.h>\nint main(void) { return 0; }",
    "csharp": "class A { int F() => 1; }",
    "php": "<?php function f($x) { return $x; }",
    "typescript": "const f = (x: number): number => x;",
    "go": "package main\n\nfunc main() {}\n",
    "ruby": "def f(x)\n  x\nend",
    "lua": "local function f(x)\n  return x\nend\n",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_programs_parse_and_broken_ones_do_not(language):
    assert parses(GOOD[language], language)
    assert not parses(GOOD[language] + " ( ( = ", language)
    assert not parses("", language)
    assert not parses(" \n\t", language)


def test_a_missing_token_is_an_error():
    assert not parses("int f() { return 1; ", "cpp")


def test_php_without_its_opening_tag():
    assert parses("$a = 1; echo $a;", "php")
    assert not parses("$a = = 1;", "php")


@pytest.mark.parametrize("language", ["c", "cpp"])
@pytest.mark.parametrize(
    "source",
    [
        "#include <a.h> \nint x;",
        "#include <a.h>\t\r\nint x;",
        "#include <a.h>",
        "int x;\n#include <a.h>  ",
        "#define A \nint y;",
        "#ifdef A \nint y;\n#endif ",
    ],
)
def test_blanks_after_a_directive_do_not_matter(language, source):
    assert parses(source, language)


def test_positions_are_those_of_the_encoded_text():
    source = "#include <a.h>  \nint wörld = 1;"
    tree = parse(source, "c")
    names = [encode(source)[node.start_byte : node.end_byte] for node in walk(tree) if node.type == "identifier"]
    assert names == ["wörld".encode()]


def test_lone_surrogates_become_replacement_characters():
    assert encode("a\ud800b") == "a\ufffdb".encode()
    assert encode("\ud83d\ude00") == "\U0001f600".encode()
    assert parses('x = "\ud800"', "python")


def test_walk_visits_in_source_order_without_recursion():
    kinds = [node.type for node in walk(parse("x = 1", "python"))]
    assert kinds == ["module", "expression_statement", "assignment", "identifier", "=", "integer"]
    deep = "(" * 20_000 + "1" + ")" * 20_000
    assert sum(1 for _ in walk(parse(deep, "python"))) > 60_000


def test_threads_may_parse_at_the_same_time():
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda _: parses(GOOD["java"], "java"), range(200)))


def test_unknown_language_is_named():
    with pytest.raises(DataError, match="unknown language 'cobol'"):
        parse("x", "cobol")


def test_versions_name_the_core_and_every_grammar():
    assert set(grammar_versions()) == {"tree-sitter", *(row.grammar[0].replace("_", "-") for row in LANGUAGES.values())}
