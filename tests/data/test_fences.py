import pytest

from moesaic.data.fences import cut_at_fence, extract_code

DOC = 'def double(x):\n    """Twice a number.\n\n    ```\n    double(2) == 4\n    ```\n    """\n    return 2 * x\n'
TOP = '"""A module.\n\n```python\nimport it\n```\n"""\n\nx = 1\n'
JAVA = "class A {\n    /*\n```\n    new A();\n```\n    */\n    int x;\n}\n"
TEXT_BLOCK = 'class A {\n    String s = """\n        ```java\n        x\n        ```\n        """;\n}\n'
RAW = '#include <string>\nstd::string s = R"(\n```\nmake\n```\n)";\n'
COMMENTED = "int x = 1;\n// ```\n// x\n// ```\nint y = 2;\n"
HEREDOC = "<?php\n$a = <<<EOT\n```\nhi\n```\nEOT;\necho $a;\n"
PROGRAMS = [
    ("python", DOC),
    ("python", TOP),
    ("java", JAVA),
    ("java", TEXT_BLOCK),
    ("cpp", RAW),
    ("cpp", COMMENTED),
    ("php", HEREDOC),
]


@pytest.mark.parametrize(("language", "program"), PROGRAMS)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "```"),
        ("", "```\n"),
        ("", "```\nThis is how it works:\n\n```\nmore\n```\n"),
        ("```python\n", "```"),
        ("Here it is:\n\n```python\n", "```\nDone."),
    ],
)
def test_fences_inside_of_a_program_belong_to_it(language, program, before, after):
    assert extract_code(before + program + after, language) == program


@pytest.mark.parametrize("program", [DOC, TOP, JAVA, TEXT_BLOCK])
def test_open_strings_and_comments_are_counted_without_a_language(program):
    assert extract_code(program + "```") == program


def test_a_glued_fence_after_others_ends_the_program():
    assert extract_code(DOC.rstrip("\n") + "```", "python") == DOC


def test_a_program_that_does_not_parse_ends_at_the_first_fence_outside_of_strings():
    broken = DOC + "x = = (\n"
    assert extract_code(broken + "```\nWords\n```", "python") == broken
    assert extract_code("x = 'a\n```\nnow `this` and\n```", "javascript") == "x = 'a\n"


def test_a_comment_sign_in_a_string_opens_nothing():
    assert extract_code('glob("src/*")\n```\nDone', "javascript") == 'glob("src/*")\n'


def test_line_ends_and_byte_order_marks_go():
    assert extract_code("\ufeffx = 1\r\ny = 2\r```") == "x = 1\ny = 2\n"


def test_a_text_is_cut_at_the_fence_that_ends_it():
    assert cut_at_fence(DOC + "```\nmore", "python") == DOC.rstrip("\n")
    assert cut_at_fence("def f():\n    return 1") == "def f():\n    return 1"
    assert cut_at_fence("public int f() {\n  return 1;\n```\nmore", "java") == "public int f() {\n  return 1;"


def test_hundreds_of_fences_are_read():
    assert extract_code("x = 1\n" + "```\n" * 5_000, "python") == "x = 1\n"
    assert extract_code("```\n" * 5_000, "python") == ""
