import ast
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moesaic.data.damage import reads
from moesaic.data.detokenize import (
    detokenize,
    detokenize_many,
    is_certain_stream,
    is_token_stream,
    is_xlcost,
    restore,
)
from moesaic.data.formatting import format_source
from moesaic.errors import DataError


def one_line(text):
    return " ".join(text.split())


PYTHON_STREAM = one_line(
    r"""
    def greet ( name , times ) : NEW_LINE INDENT for i in range ( times ) : NEW_LINE INDENT print ( '
    Hello , ▁ ' + name ) NEW_LINE DEDENT return - 1 NEW_LINE DEDENT if __name__ == " _ _ main _ _ " :
    NEW_LINE INDENT greet ( ' you ' , 2 ) NEW_LINE DEDENT
    """
)
PYTHON_SOURCE = """def greet(name, times):
    for i in range(times):
        print("Hello, " + name)
    return -1


if __name__ == "__main__":
    greet("you", 2)
"""
CPP_STREAM = one_line(
    r"""
    #include <iostream> NEW_LINE #include <vector> NEW_LINE #define LIMIT 10 NEW_LINE using namespace
    std ; int total ( vector < int > & v ) { int sum = 0 ; for ( int i = 0 ; i < v . size ( ) ; i ++ )
    sum += v [ i ] ; return sum ; } int main ( ) { vector < int > v = { 1 , 2 } ; cout << " sum ▁ is ▁ "
    << total ( v ) << " STRNEWLINE " ; }
    """
)
CPP_SOURCE = """#include <iostream>
#include <vector>
#define LIMIT 10
using namespace std;

int total(vector<int>& v) {
    int sum = 0;
    for (int i = 0; i < v.size(); i++)
        sum += v[i];
    return sum;
}

int main() {
    vector<int> v = {1, 2};
    cout << "sum is " << total(v) << "\\n";
}
"""
JAVA_STREAM = one_line(
    r"""
    import java . util . * ; class Main { static int twice ( int [ ] a ) { return a [ 0 ] * 2 ; } public
    static void main ( String [ ] args ) { char c = ' x ' ; System . out . printf ( "%d apples
    andNEW_LINE" , twice ( new int [ ] { 4 } ) ) ; System . out . println ( " " ) ; System . out . print
    ( " TABSYMBOL " + c ) ; } }
    """
)
JAVA_SOURCE = """import java.util.*;

class Main {
    static int twice(int[] a) {
        return a[0] * 2;
    }

    public static void main(String[] args) {
        char c = 'x';
        System.out.printf("%d apples and\\n", twice(new int[] {4}));
        System.out.println("");
        System.out.print("\\t" + c);
    }
}
"""
JAVASCRIPT_STREAM = one_line(
    r"""
    function first ( a ) { let b = a . map ( x => x + 1 ) ; return b [ 0 ] ; } var list = [ 3 , 4 ] let
    n = list . length document . write ( first ( list ) + " " ) ;
    """
)
JAVASCRIPT_SOURCE = """function first(a) {
    let b = a.map(x => x + 1);
    return b[0];
}

var list = [3, 4];
let n = list.length;
document.write(first(list) + " ");
"""
PHP_STREAM = one_line(
    r"""
    <?php function twice ( $ n ) { if ( $ n > 0 ) { return $ n * 2 ; } else { return - 1 ; } } echo
    twice ( 4 ) , " STRNEWLINE " ; ?>
    """
)
PHP_SOURCE = """<?php function twice($n) {
    if ($n > 0) {
        return $n * 2;
    } else {
        return -1;
    }
}
echo twice(4), "\\n";
?>
"""
PAIRS = [
    ("python", PYTHON_STREAM, PYTHON_SOURCE),
    ("cpp", CPP_STREAM, CPP_SOURCE),
    ("java", JAVA_STREAM, JAVA_SOURCE),
    ("javascript", JAVASCRIPT_STREAM, JAVASCRIPT_SOURCE),
    ("php", PHP_STREAM, PHP_SOURCE),
]


@pytest.mark.parametrize(("language", "stream", "source"), PAIRS, ids=[pair[0] for pair in PAIRS])
def test_a_stream_becomes_source_that_parses(language, stream, source):
    assert is_token_stream(stream)
    assert detokenize(stream, language) == source
    assert reads(source, language)


@pytest.mark.parametrize(
    ("language", "source"), [(name, source) for name, _, source in PAIRS], ids=[p[0] for p in PAIRS]
)
def test_source_stays_as_it_is(language, source):
    assert not is_token_stream(source)
    assert detokenize(source, language) == source


@pytest.mark.parametrize("language", ["c", "csharp"])
def test_the_other_languages_of_xlcost_have_a_rule(language):
    stream = {
        "c": '#include <stdio.h> NEW_LINE int main ( ) { printf ( " % d STRNEWLINE " , 3 ) ; return 0 ; }',
        "csharp": 'class Main { static void Run ( int [ ] a ) { Console . Write ( a [ 0 ] + " ▁ " ) ; } }',
    }[language]
    source = detokenize(stream, language)
    assert reads(source, language)
    assert {"c": r'printf("%d\n", 3);', "csharp": 'Console.Write(a[0] + " ");'}[language] in source


@pytest.mark.parametrize(
    ("literal", "language", "restored"),
    [
        ("' _ _ main _ _ '", "python", "'__main__'"),
        ('" Yes "', "python", '"Yes"'),
        ('" "', "python", '""'),
        ('" ▁ "', "java", '" "'),
        ('" "', "java", '""'),
        ("' '", "cpp", "' '"),
        ('" Yes STRNEWLINE No ▁ way "', "cpp", r'"Yes\nNo way"'),
        ('" "', "javascript", '" "'),
        ('" sum ▁ = ▁ "', "cpp", '"sum = "'),
        ('" % d ▁ STRNEWLINE "', "cpp", r'"%d \n"'),
        ('"0 ▁ "', "java", '"0 "'),
        (r"' \0'", "cpp", r"'\0'"),
        ('" two words "', "cpp", '"two words"'),
        ('"NEW_LINE"', "java", r'"\n"'),
        ('"the sum NEW_LINE"', "java", r'"the sum \n"'),
        ('" NEW_LINE Result is "', "python", r'"\nResult is "'),
        ('" NEW_LINE INDENT Tree NEW_LINE DEDENT "', "python", r'"\nTree\n"'),
        ('" it \' s "', "python", '"it\'s"'),
    ],
)
def test_literals(literal, language, restored):
    assert restored in restore(f"x = f ( {literal} ) ;", language)


@pytest.mark.parametrize(
    ("stream", "source"),
    [
        ("if x : NEW_LINE return 1 NEW_LINE y = 2 NEW_LINE", "if x:\n    return 1\ny = 2\n"),
        (
            "for i in a : NEW_LINE if i : NEW_LINE INDENT f ( i ) NEW_LINE g ( i ) NEW_LINE DEDENT h ( ) NEW_LINE",
            "for i in a:\n    if i:\n        f(i)\n        g(i)\nh()\n",
        ),
        ("x = 1 + NEW_LINE INDENT 2 * y NEW_LINE DEDENT z = 3 NEW_LINE", "x = 1 + 2 * y\nz = 3\n"),
        ("from math import * NEW_LINE x = pi NEW_LINE", "from math import *\n\nx = pi\n"),
        ('print " a " , x , NEW_LINE print NEW_LINE', 'print("a", x, end=" ")\nprint()\n'),
        ("' NEW_LINE def f ( ) : NEW_LINE INDENT pass NEW_LINE DEDENT", "def f():\n    pass\n"),
        ('print ( x , ▁ end = " " ) NEW_LINE', 'print(x, end="")\n'),
        ("DEDENT DEDENT x = 1 NEW_LINE", "x = 1\n"),
        ("if ( a or \\ b ) : NEW_LINE INDENT c = \\ NEW_LINE 1 NEW_LINE DEDENT", "if a or b:\n    c = 1\n"),
    ],
    ids=[
        "body without INDENT",
        "nested body",
        "continuation",
        "star import",
        "print statement",
        "stray quote",
        "mark",
        "dedents",
        "backslashes",
    ],
)
def test_python_markers_that_are_not_balanced(stream, source):
    assert detokenize(stream, "python") == source


def test_a_directive_gets_a_line_of_its_own():
    stream = (
        "#include <iostream> using namespace std ; #define SHOW(x) cout << #x NEW_LINE int main ( ) { SHOW ( 1 ) ; }"
    )
    assert restore(stream, "cpp").splitlines()[:4] == [
        "#include <iostream>",
        "using namespace std;",
        "#define SHOW(x) cout << #x",
        "int main ( ) {",
    ]


@pytest.mark.parametrize(
    "source",
    [
        "print(x)",
        "for (int i = 0; i < n; i++) { sum += i; }",
        "x = 1\n",
        "let NEW_LINE = 1;\nlet INDENT = 2;\n",
        "",
    ],
)
def test_ordinary_source_is_no_token_stream(source):
    assert not is_token_stream(source)


SPACED = [
    ("python", 'print ( "Hello, World! 3 > 2" )', 'print("Hello, World! 3 > 2")\n'),
    ("python", "d = { 'a b' : 'c - d' , 'e' : [ 1 , 2 ] }", 'd = {"a b": "c - d", "e": [1, 2]}\n'),
    ("python", "print ( x , end = NEW_LINE )", "print(x, end=NEW_LINE)\n"),
    ("python", "print ( '\u2581 \u2582 \u2583' )", 'print("\u2581 \u2582 \u2583")\n'),
    ("python", 's = f ( " a - b " )', 's = f(" a - b ")\n'),
    ("python", 's = "STRNEWLINE"', 's = "STRNEWLINE"\n'),
    ("javascript", 'console.log ( "a - b" , x ) ;', 'console.log("a - b", x);\n'),
    ("java", 'class A { String s = " a - b " ; }', 'class A {\n    String s = " a - b ";\n}\n'),
    (
        "cpp",
        'int main ( ) { cout << " a - b " << NEW_LINE ; }',
        'int main() {\n    cout << " a - b " << NEW_LINE;\n}\n',
    ),
]


@pytest.mark.parametrize(("language", "source", "formatted"), SPACED)
def test_a_spaced_line_is_not_taken_for_a_stream(language, source, formatted):
    assert not is_certain_stream(source, language)
    assert detokenize(source, language) == formatted
    assert detokenize_many([source] * 30, language)[0] == formatted


def test_a_set_of_programs_is_judged_as_a_whole():
    blank = 'function f{0} ( x ) {{ return x + {0} ; }} document . write ( f{0} ( 1 ) + " " ) ;'
    programs = [blank.format(number) for number in range(30)]
    assert not any(is_certain_stream(program, "javascript") for program in programs)
    assert is_xlcost(programs, "javascript")
    assert not is_xlcost(programs[:5], "javascript")
    assert not is_xlcost([*programs, "let a = 'two words';"], "javascript")
    assert not is_xlcost([*programs, "let a = 1;\nlet b = 2;\n"], "javascript")
    assert not is_xlcost([f"f ( {number} ) ;" for number in range(30)], "javascript")
    assert not is_xlcost([], "javascript")
    marked = 'class A {{ String s = " a \u2581 {0} " ; }}'.format
    assert is_xlcost([*['class A { String s = " a - b " ; }'] * 8, marked(1)], "java")
    assert detokenize(programs[0], "javascript") == format_source(programs[0], "javascript")
    assert detokenize_many(['f ( " a , b " ) ;'], "javascript", from_xlcost=True) == ['f("a,b");\n']


def test_what_no_formatter_reads_keeps_a_plain_layout():
    good = "x = [ 1 , 2 ] NEW_LINE"
    bad = "if ( : NEW_LINE INDENT x = ( NEW_LINE DEDENT"
    assert detokenize_many([good, bad, good], "python") == ["x = [1, 2]\n", "if ( :\n    x = (\n", "x = [1, 2]\n"]


def test_an_unknown_language_is_refused():
    with pytest.raises(DataError, match="unknown language"):
        detokenize("x", "klingon")


NAMES = st.sampled_from(["x", "total", "arr", "n1"])
EXPRESSIONS = st.recursive(
    st.one_of(NAMES, st.integers(0, 99).map(str), st.sampled_from(['"a"', '"two words"', '"\\n"', '""', '"% d"'])),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "*", "//", "==", "<", "and"]), inner).map(
            lambda t: f"({t[0]} {t[1]} {t[2]})"
        ),
        st.tuples(NAMES, st.lists(inner, max_size=2)).map(lambda t: f"{t[0]}({', '.join(t[1])})"),
        st.lists(inner, min_size=1, max_size=2).map(lambda items: f"[{', '.join(items)}]"),
    ),
    max_leaves=4,
)
STATEMENTS = st.recursive(
    st.one_of(
        st.tuples(NAMES, EXPRESSIONS).map(lambda t: [f"{t[0]} = {t[1]}"]),
        EXPRESSIONS.map(lambda value: [f"print({value})"]),
    ),
    lambda inner: st.tuples(
        st.sampled_from(["if x:", "while n1:", "for total in arr:", "def f(x, n1):"]),
        st.lists(inner, min_size=1, max_size=3),
    ).map(lambda t: [t[0], *("    " + line for block in t[1] for line in block)]),
    max_leaves=6,
)


def tokenise(source):
    """XLCoST's tokens of a Python program, from Python's own tokeniser."""
    import io
    import tokenize

    names = {tokenize.NEWLINE: "NEW_LINE", tokenize.INDENT: "INDENT", tokenize.DEDENT: "DEDENT"}
    words = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.STRING:
            content = token.string[1:-1].replace(" ", " ▁ ").replace("\\n", " STRNEWLINE ").strip()
            words.append(f'" {content} "' if content else '" "')
        elif token.type in names:
            words.append(names[token.type])
        elif token.string.strip():
            words.append(token.string)
    return " ".join(words)


@settings(max_examples=60)
@given(st.lists(STATEMENTS, min_size=1, max_size=3))
def test_restoring_undoes_tokenising(blocks):
    source = "\n".join(line for block in blocks for line in block) + "\n"
    restored = detokenize(tokenise(source), "python")
    assert ast.dump(ast.parse(restored)) == ast.dump(ast.parse(source))
    assert detokenize(restored, "python") == restored


SHARED = next(
    (folder / "shared" / "xlcost" for folder in Path(__file__).parents if (folder / "shared" / "xlcost").is_dir()), None
)
GOALS = {"python": 0.96, "java": 0.88, "cpp": 0.87, "javascript": 0.82}


@pytest.mark.slow
@pytest.mark.skipif(SHARED is None, reason="needs a copy of XLCoST in shared/xlcost beside the checkout")
@pytest.mark.parametrize("language", GOALS)
def test_real_programs_parse(language):
    with (SHARED / language / "test.jsonl").open(encoding="utf-8") as file:
        codes = [json.loads(next(file))["code"] for _ in range(200)]
    restored = detokenize_many(codes, language, workers=2)
    assert sum(reads(source, language) for source in restored) / len(restored) >= GOALS[language]
    sound = [source for source in restored if reads(source, language)]
    again = detokenize_many(sound, language, workers=2)
    assert sum(a == b for a, b in zip(sound, again, strict=True)) / len(sound) >= 0.99


@pytest.mark.parametrize("language", ["java", "javascript", "cpp", "python", "php"])
@pytest.mark.parametrize(
    "code",
    [
        "int main ( ) { " + "{ " * 20_000 + "} " * 20_000 + "}",
        "int main ( ) { \x00 7 \x00 ; \x0099\x00 ; }",
        "def f ( x ) : NEW_LINE INDENT " + "if x : NEW_LINE INDENT " * 5_000 + "pass",
    ],
    ids=["braces", "NUL", "indentation"],
)
def test_hostile_streams_cost_no_quadratic_text(language: str, code: str) -> None:
    assert len(restore(code, language)) < 450 * len(code.split()) + 1000
