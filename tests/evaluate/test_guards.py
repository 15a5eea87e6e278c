from __future__ import annotations

import functools
import json
import time
from pathlib import Path

import pytest

from codebleu_programs import PROGRAMS
from moesaic.data.corpus import CORPUS_LANGUAGES, load_tasks
from moesaic.data.detokenize import restore
from moesaic.evaluate.guards import _fits, detect_language, echoes_label, guards, has_code, in_wrong_language
from moesaic.languages import LANGUAGES, STUDY_LANGUAGES

SHARED = next((p / "shared" for p in Path(__file__).resolve().parents if (p / "shared" / "xlcost").is_dir()), None)

CLEARLY_DIFFERENT = [
    (own, other)
    for own in LANGUAGES
    for other in LANGUAGES
    if own != other and {own, other} not in ({"c", "cpp"}, {"java", "csharp"}, {"javascript", "typescript"})
]
C_THAT_IS_CPP = [
    "int max(int a, int b) { if (a > b) return a; return b; }",
    '#include <stdio.h>\nint main() { for (int i = 0; i < 3; i++) printf("%d", i); return 0; }',
]
JAVA_LIKE_CSHARP = [
    "class A { static int Sum(int a, int b) { return a + b; } }",
    "class A { public static int sum(int[] v) { int s = 0; for (int i = 0; i < 3; i++) s += v[i]; return s; } }",
]


@pytest.mark.parametrize("language", LANGUAGES)
def test_detects_the_language_of_a_program(language):
    assert detect_language(PROGRAMS[language]) == language
    assert not in_wrong_language(PROGRAMS[language], language)


@pytest.mark.parametrize(("own", "other"), CLEARLY_DIFFERENT)
def test_another_language_is_wrong(own, other):
    assert in_wrong_language(PROGRAMS[own], other)


@pytest.mark.parametrize("language", ["c", "cpp"])
@pytest.mark.parametrize("source", C_THAT_IS_CPP)
def test_what_is_both_c_and_cpp_is_wrong_in_neither(source, language):
    assert not in_wrong_language(source, language)


@pytest.mark.parametrize("language", ["java", "csharp"])
@pytest.mark.parametrize("source", JAVA_LIKE_CSHARP)
def test_what_is_both_java_and_csharp_is_wrong_in_neither(source, language):
    assert not in_wrong_language(source, language)


def test_javascript_is_not_wrong_where_typescript_was_asked_for():
    assert not in_wrong_language(PROGRAMS["javascript"], "typescript")


@pytest.mark.parametrize(
    ("own", "other"), [("java", "csharp"), ("csharp", "java"), ("cpp", "c"), ("typescript", "javascript")]
)
def test_a_near_relative_is_wrong_when_it_shows(own, other):
    assert in_wrong_language(PROGRAMS[own], other)


@pytest.fixture
def fits_are_kept(monkeypatch):
    """How well each language explains a text is reckoned once a text, not for every language that it is asked about."""
    monkeypatch.setattr("moesaic.evaluate.guards._fits", functools.cache(_fits))


@pytest.mark.usefixtures("fits_are_kept")
@pytest.mark.parametrize("language", CORPUS_LANGUAGES)
@pytest.mark.parametrize("every", [8, pytest.param(3, marks=[pytest.mark.slow, pytest.mark.untraced])])
def test_detector_on_the_embedded_corpus(language, every):
    sources = [task.programs[language] for task in load_tasks()[::every]]
    may_be = {language, "javascript"} if language == "typescript" else {language}  # with a type or two, it is either
    assert {detect_language(source) for source in sources} <= may_be
    assert not any(in_wrong_language(source, language) for source in sources)
    for other in CORPUS_LANGUAGES:
        if other != language and (language, other) != ("javascript", "typescript"):  # JavaScript is TypeScript
            assert all(in_wrong_language(source, other) for source in sources)


@pytest.mark.slow
@pytest.mark.usefixtures("fits_are_kept")
@pytest.mark.skipif(SHARED is None, reason="no folder shared with XLCoST beside the checkout")
@pytest.mark.parametrize("language", STUDY_LANGUAGES)
def test_detector_on_real_programs(language):
    assert SHARED is not None
    lines = (SHARED / "xlcost" / language / "test.jsonl").read_text().splitlines()[:100]
    sources = [restore(json.loads(line)["code"], language) for line in lines]
    assert sum(detect_language(source) == language for source in sources) >= 98
    assert sum(in_wrong_language(source, language) for source in sources) <= 1
    for other in STUDY_LANGUAGES:
        if other != language:
            assert sum(in_wrong_language(source, other) for source in sources) >= 98


@pytest.mark.parametrize(
    "text",
    ["", "Python", "Here is a program that sums numbers.", "1 2 3 4 5 6", "Write a function to add two lists of items",
     "sum of the digits | Driver code ; Function call"],
)  # fmt: skip
def test_no_code(text):
    assert not has_code(text)
    assert detect_language(text) is None
    assert not in_wrong_language(text, "java")


@pytest.mark.parametrize(
    "text",
    ["x = 1", "print(x)", "return a", "int a;", "def f ( x ) :", "for ( int i = 0 ; i < n ; i ++ ) s += a [ i ]",
     "import sys"],
)  # fmt: skip
def test_code(text):
    assert has_code(text)


@pytest.mark.parametrize("text", ["Python", " python3 ", "```java```", "[C++]", "`js`", "// C#"])
def test_label_is_an_echo(text):
    assert echoes_label(text)


@pytest.mark.parametrize("text", ["", "python = 1", "Java program", "print('java')"])
def test_more_than_a_label_is_no_echo(text):
    assert not echoes_label(text)


def test_guards_count_what_they_say():
    reference = "def add(first, second):\n    return first + second\n"
    rows = [
        {"prediction": reference, "reference": reference},
        {"prediction": "", "reference": "value = 1"},
        {"prediction": "Python", "reference": ["other = 2", "again = 3"]},
        {"prediction": PROGRAMS["java"], "reference": "name = 4"},
    ]
    result = guards(rows, "python")
    own, shuffled = result.pop("own_task_overlap"), result.pop("shuffled_task_overlap")
    assert result == {
        "n": 4,
        "empty": 0.25,
        "no_code": 0.5,
        "parses": 0.5,
        "wrong_language": 0.25,
        "label_echo": 0.25,
    }
    assert own == pytest.approx(0.25, abs=0.02)
    assert shuffled < own


def test_overlap_tells_whether_generation_looked_at_its_task():
    tasks = [f"def task{i}(value{i}): return value{i} * {i}" for i in range(30)]
    looked = guards([{"prediction": task, "reference": task} for task in tasks], "python")
    blind = guards([{"prediction": tasks[0], "reference": task} for task in tasks], "python")
    assert looked["own_task_overlap"] == 1.0
    assert looked["shuffled_task_overlap"] < 0.5
    assert blind["own_task_overlap"] == pytest.approx(blind["shuffled_task_overlap"], abs=0.05)


def test_shuffled_tasks_are_other_tasks_and_the_same_every_time():
    rows = [{"prediction": f"word{i}", "reference": f"word{i}"} for i in range(5)]
    assert guards(rows, "python")["shuffled_task_overlap"] == 0.0
    mixed = [{"prediction": f"word{i} word{i % 2}", "reference": f"word{i % 3}"} for i in range(9)]
    assert guards(mixed, "python") == guards(mixed, "python")


def test_one_row_and_none():
    assert guards([{"prediction": "a = 1", "reference": "a = 1"}], "python")["n"] == 1
    assert guards([], "python")["n"] == 0


@pytest.mark.parametrize("text", [" " * 50_000, "\n" * 50_000, "[" * 20_000, "static " * 8_000, "a b " * 9_000 + "="])
def test_hostile_text_takes_no_long_time(text):
    started = time.process_time()
    guards([{"prediction": text, "reference": "x"}], "python")
    assert time.process_time() - started < 60.0
