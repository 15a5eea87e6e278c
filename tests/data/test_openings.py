"""The given beginning of a program is found again after formatting."""

import pytest

from moesaic.data.formatting import format_source
from moesaic.data.openings import find_opening

LONG = "Adds up what is there, and says so at a length that does not fit into a hundred columns of comment."
PROGRAMS = {
    "python": ('def f(a,b) :\n\t"""Adds.\n\t>>> f(1, 2)\n\t3\n\t"""\n', "\treturn a+b"),
    "java": (
        f"import java.util.*;\n\n\nclass F {{\n  /**\n   * {LONG}\n   */\n  static int f(int a,int b){{\n",
        "return a+b; } }",
    ),
    "javascript": (f"/**\n * * {LONG}\n */\nfunction f(a, b) {{\n", "  // sum\n  return a+b\n}"),
    "cpp": (f"#include <vector>\nusing namespace std;\n\n\n// {LONG}\nint f(int a, int b) {{\n", "return a+b;}"),
}
ENDS = {
    "python": ('def f(a, b):\n    """Adds.\n    >>> f(1, 2)\n    3\n    """\n', "    return a + b\n"),
    "java": ("    static int f(int a, int b) {\n", "        return a + b;\n    }\n}\n"),
    "javascript": ("function f(a, b) {\n", "    // sum\n    return a + b\n}\n"),
    "cpp": ("int f(int a, int b) {\n", "    return a + b;\n}\n"),
}


@pytest.mark.parametrize("language", PROGRAMS)
def test_the_opening_is_found_in_the_formatted_program(language):
    opening, rest = PROGRAMS[language]
    formatted = format_source(opening + rest, language)
    assert formatted != opening + rest
    found = find_opening(opening, opening + rest, formatted, language)
    assert found is not None
    assert found.endswith(ENDS[language][0])
    assert formatted == found + ENDS[language][1]


def test_a_program_that_was_formatted_already_keeps_its_opening():
    opening, rest = "# \u00e9\ndef f(x):\n", "    return x\n"
    assert find_opening(opening, opening + rest, opening + rest, "python") == opening


def test_an_opening_that_got_other_tokens_is_not_guessed():
    opening = f"def f({', '.join(f'parameter_{n}' for n in range(9))}):\n"
    formatted = format_source(f"{opening}    return 1\n", "python")
    assert "parameter_8,\n)" in formatted  # ruff ends a list of lines with a comma
    assert find_opening(opening, f"{opening}    return 1\n", formatted, "python") is None


def test_an_opening_whose_line_goes_on_is_not_guessed():
    assert find_opening("int f() {\n", "int f() {\nreturn 1; }\n", "int f() { return 1; }\n", "cpp") is None
    assert find_opening("", "int x;\n", "int x;\n", "cpp") is None
