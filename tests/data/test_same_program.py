import pytest

from moesaic.data import formatting
from moesaic.data.formatting import format_source
from moesaic.data.same_program import is_same_program
from moesaic.languages import get_language

GUARD = """const seen = new Set();

function remember(name) {
  if (seen.has(name)) return
  seen.add(name);
}
"""


def test_clang_format_does_not_join_a_return_with_the_next_line():
    assert format_source(GUARD, "javascript") == GUARD


@pytest.mark.parametrize(
    ("language", "before", "after"),
    [
        ("javascript", "if (a) return\nb()\n", "if (a) return b()\n"),
        ("javascript", "for (;;) { if (x) break\nfoo\n}\n", "for (;;) { if (x) break foo\n}\n"),
        ("javascript", "let a = b\nlet c = d\n", "let a = b; let c = d;\n"),
        ("javascript", "a = b\n(c)\n", "a = b;\n(c)\n"),
        ("javascript", "x = `a  b`\n", "x = `a b`\n"),
        ("javascript", "x = /a  b/\n", "x = /a b/\n"),
        ("java", 'class A { String s = "a  b"; }\n', 'class A { String s = "a b"; }\n'),
        ("java", 'class A { String s = "ab"; }\n', 'class A { String s = "a" + "b"; }\n'),
        ("java", "class A { int x = a - -b; }\n", "class A { int x = a --b; }\n"),
        ("cpp", "int x = f(1, 2);\n", "int x = f(1, 2, );\n"),
        ("cpp", 'auto s = R"(a\n  b)";\n', 'auto s = R"(a\nb)";\n'),
        ("cpp", '#define S "a  b"\nint x; // one\n', '#define S "a b"\nint x; // two\n'),
        ("cpp", "#define N + +x\nint x;\n", "#define N ++x\nint x;\n"),
        ("cpp", "using std::b;\nusing std::a;\n", "using std::a;\nusing std::b;\n"),
        ("python", "x = 1\nif x:\n    y = 2\n    z = 3\n", "x = 1\nif x:\n    y = 2\nz = 3\n"),
        ("python", "x = 'a  b'\n", "x = 'a b'\n"),
        ("python", "x = (1)\n", "x = (1,)\n"),
        ("python", 'def f():\n    """ A """\n\nprint(f.__doc__)\n', 'def f():\n    """A"""\n\nprint(f.__doc__)\n'),
        ("python", "x = = (\n", "x == (\n"),
    ],
)
def test_other_programs_are_told_apart(language, before, after):
    assert not is_same_program(before, after, get_language(language))


@pytest.mark.parametrize(
    ("language", "before", "after"),
    [
        ("javascript", "if (a) return\nb()\n", "if (a)\n    return\nb()\n"),
        ("javascript", "a = 1; let b = [ ] let c = 2", "a = 1;\nlet b = []\nlet c = 2\n"),
        ("javascript", "let a = 1 // one\nlet b\n", "// one\nlet a = 1\n\nlet b\n"),
        ("java", "class A{int x=-1;/* one */}", "class A {\n    int x = - 1;\n    // one\n}\n"),
        ("cpp", "vector<vector<int> > v;", "vector<vector<int>> v;\n"),
        ("cpp", "#define F(x)  x+1 \\\n   -2\nint a=- 1; // a\n", "#define F(x) x + 1 - 2\n\nint a = -1;\n"),
        ("python", "x = 'a'; y = f(1,\n 2)", 'x = "a"\ny = f(\n    1,\n    2,\n)\n'),
        ("python", 'def f():\n  """ A\n      b """\n', 'def f():\n    """A\n    b"""\n'),
    ],
)
def test_another_layout_is_the_same_program(language, before, after):
    assert is_same_program(before, after, get_language(language))


@pytest.mark.parametrize(
    ("language", "source", "bad"),
    [
        ("python", "x=1", "x = 2\n"),
        ("java", "class A{int x;}", "class A {\n    long x;\n}\n"),
        ("javascript", "return\nx()", "return x()\n"),
    ],
)
def test_a_result_that_is_another_program_is_not_taken(monkeypatch, language, source, bad):
    def write(command):
        with open(command[-1], "w") as file:  # noqa: PTH123
            file.write(bad)
        return True

    monkeypatch.setattr(formatting, "_succeeds", write)
    assert format_source(source, language) == source + "\n"


def test_long_strings_are_not_broken_and_declarations_not_sorted():
    source = f'#include <iostream>\nusing std::endl;\nusing std::cout;\n\nauto s =\n    "{"a b " * 40}";\n'
    assert format_source(source, "cpp") == source
