"""CodeBLEU: the package's numbers, the strict protocol's promises, and every defect of the package by name."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codebleu_programs import PROGRAMS, RENAMED
from generated_programs import programs, write
from moesaic.codebleu import CodeBLEU, codebleu
from moesaic.codebleu.dataflow_rules import data_flow
from moesaic.codebleu.reference import KEYWORDS
from moesaic.codebleu.strict import compare
from moesaic.codebleu.strict import score as score_of
from moesaic.codebleu.syntax import Subtrees
from moesaic.codebleu.tokens import lex
from moesaic.codebleu.tree import FlatTree
from moesaic.data.corpus import CORPUS_LANGUAGES, load_tasks
from moesaic.data.detokenize import restore
from moesaic.errors import DataError
from moesaic.languages import LANGUAGES, STUDY_LANGUAGES
from moesaic.parsing import parses

SHARED = next((p / "shared" for p in Path(__file__).resolve().parents if (p / "shared" / "codebleu").is_dir()), None)
needs_shared = pytest.mark.skipif(SHARED is None, reason="no folder shared with parity pairs beside the checkout")


def strict(prediction: str, reference: str | list[str], language: str = "python"):
    return codebleu([prediction], [reference], language).rows[0]


def rename(source: str, names: dict[str, str]) -> str:
    return re.sub(r"\b[A-Za-z_]\w*\b", lambda match: names.get(match[0], match[0]), source)


def spaced(source: str, language: str) -> str:
    """The program with its tokens apart, as data sets keep them; Python keeps its layout."""
    if language == "python":
        return re.sub(r"([(),\[\]])", r" \1 ", source)
    lines, current = [], []
    for token in lex(FlatTree(source, language), language):
        if token.text.startswith("#"):
            current.append("\n")
        current.append(token.text)
        if token.text.startswith("<") and token.text.endswith(">") and len(token.text) > 2:
            current.append("\n")
    lines.append(" ".join(current))
    return "\n".join(lines)


# The reference protocol


@needs_shared
def test_reference_equals_the_package_on_real_pairs():
    assert SHARED is not None
    rows = [json.loads(line) for line in (SHARED / "codebleu" / "parity.jsonl").read_text().splitlines()]
    for language in STUDY_LANGUAGES:
        group = [row for row in rows if row["language"] == language]
        result = codebleu(
            [row["prediction"] for row in group], [row["reference"] for row in group], language, "reference"
        )
        for row, score in zip(group, result.rows, strict=True):
            expected = (row["ngram"], row["weighted"], row["syntax"], row["dataflow_ordered"])
            assert (score.ngram, score.weighted, score.syntax, score.dataflow) == pytest.approx(expected, abs=1e-9)
            parts = (score.ngram, score.weighted, score.syntax, score.dataflow or 1)
            assert score.codebleu == pytest.approx(sum(parts) / 4)


def test_reference_keeps_the_bonus_for_no_data_flow():
    row = codebleu([""], ["x = y"], "python", "reference").rows[0]
    assert (row.ngram, row.dataflow) == (0.0, 0.0)
    assert row.codebleu == pytest.approx(0.25 + 0.25 * row.syntax)


def test_reference_adds_up_several_references():
    alone = codebleu(["a = b"], [["a = b"]], "python", "reference").rows[0]
    two = codebleu(["a = b"], [["a = b", "while c: d()"]], "python", "reference").rows[0]
    assert two.syntax < alone.syntax


# The strict protocol: promises


@pytest.mark.parametrize("language", LANGUAGES)
def test_identical_program_scores_exactly_one(language):
    row = strict(PROGRAMS[language], PROGRAMS[language], language)
    assert row.to_dict() == dict.fromkeys(("ngram", "weighted", "syntax", "dataflow", "codebleu"), 1.0)


@pytest.mark.parametrize("language", STUDY_LANGUAGES)
@settings(max_examples=25)
@given(program=programs)
def test_identical_generated_program_scores_exactly_one(language, program):
    source = write(program, language)
    assert parses(source, language)
    result = codebleu([source], [source], language)
    assert result.rows[0].codebleu == 1.0
    assert result.corpus.codebleu == 1.0


@pytest.mark.parametrize("language", STUDY_LANGUAGES)
@settings(max_examples=25)
@given(program=programs, names=st.permutations(["delta", "omega", "beta", "item9"]))
def test_renamed_generated_program_has_the_same_data_flow(language, program, names):
    source = write(program, language)
    renamed = rename(source, dict(zip(("alpha", "beta", "gamma", "delta"), names, strict=True)))
    row = strict(renamed, source, language)
    assert row.dataflow == 1.0
    assert row.syntax == 1.0


@pytest.mark.parametrize("language", LANGUAGES)
def test_consistent_renaming_keeps_data_flow_and_syntax(language):
    renamed = rename(PROGRAMS[language], RENAMED[language])
    assert renamed != PROGRAMS[language]
    row = strict(renamed, PROGRAMS[language], language)
    assert row.dataflow == 1.0
    assert row.syntax == 1.0
    assert row.ngram < 1.0


def test_inconsistent_renaming_loses_data_flow():
    row = strict("a = 1\nb = a\nc = a", "a = 1\nb = a\nc = b")
    assert row.syntax == 1.0
    assert row.dataflow is not None
    assert row.dataflow < 1.0


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("empty", ["", "  \n\t", None])
def test_empty_prediction_scores_exactly_zero(language, empty):
    prediction = (
        {"python": "# only a comment", "ruby": "# comment", "php": "<?php // c"}.get(language, "// only")
        if empty is None
        else empty
    )
    if language == "php" and empty is None:
        prediction = "// only"
    assert strict(prediction, PROGRAMS[language], language).codebleu == 0.0


@pytest.mark.parametrize("language", LANGUAGES)
@settings(max_examples=30)
@given(text=st.text(max_size=200))
def test_any_text_is_scored_between_zero_and_one(language, text):
    for prediction, reference in ((text, PROGRAMS[language]), (PROGRAMS[language], text), (text, text)):
        for protocol in ("strict", "reference") if language in KEYWORDS else ("strict",):
            row = codebleu([prediction], [reference], language, protocol).rows[0]
            assert all(value is None or 0.0 <= value <= 1.0 for value in row.to_dict().values())


@pytest.mark.parametrize("language", CORPUS_LANGUAGES)
def test_trivial_predictions_on_the_embedded_corpus(language):
    check_trivial_predictions([task.programs[language] for task in load_tasks()], language)


@needs_shared
@pytest.mark.slow
@pytest.mark.parametrize("language", STUDY_LANGUAGES)
def test_trivial_predictions_on_real_references(language):
    assert SHARED is not None
    lines = (SHARED / "xlcost" / language / "test.jsonl").read_text().splitlines()[:200]
    check_trivial_predictions([restore(json.loads(line)["code"], language) for line in lines], language)


def check_trivial_predictions(references, language):
    constant = {
        "python": 'print("Hello")',
        "java": 'class Main { public static void main(String[] args) { System.out.println("Hello"); } }',
        "javascript": 'console.log("Hello");',
        "cpp": '#include <iostream>\nint main() { std::cout << "Hello"; return 0; }',
        "ruby": 'puts "Hello"',
        "typescript": 'console.log("Hello");',
        "go": 'package main\n\nimport "fmt"\n\nfunc main() {\n\tfmt.Println("Hello")\n}',
        "php": '<?php\n\ndeclare(strict_types=1);\n\necho "Hello", PHP_EOL;',
    }[language]
    for prediction, limit in ((LANGUAGES[language].title, 0.05), (language, 0.05), (constant, 0.15), ("", 0.0)):
        assert codebleu([prediction] * len(references), references, language).codebleu <= limit
    assert codebleu(references, references, language).means["codebleu"].low == 1.0


# The defects of codebleu 0.7.0, none of which strict may have


def test_no_data_flow_match_is_no_bonus():
    assert strict("print(1)", "a = b\nb = a + c\nc = b").dataflow == 0.0
    assert strict("", "x = 1\ny = x").codebleu == 0.0


def test_missing_reference_data_flow_is_weighted_out():
    row = strict("print(2)", "print(1)")
    assert row.dataflow is None
    assert row.codebleu == pytest.approx((row.ngram + row.weighted + row.syntax) / 3)


def test_more_matching_data_flow_never_scores_less():
    reference = "a = 1\nb = a\nc = b\nd = c"
    scores = [strict("\n".join(reference.split("\n")[:count]), reference).codebleu for count in (1, 2, 3, 4)]
    assert scores == sorted(scores)


@pytest.mark.parametrize("protocol", ["strict", "reference"])
@pytest.mark.process
def test_scores_do_not_depend_on_the_hash_seed(protocol):
    code = (
        "import sys; sys.path.insert(0, 'tests')\n"
        "from codebleu_programs import PROGRAMS, RENAMED\n"
        "from moesaic.codebleu import codebleu\n"
        "from moesaic.codebleu.reference import KEYWORDS\n"
        "for name, source in PROGRAMS.items():\n"
        f"    if name not in KEYWORDS and '{protocol}' == 'reference': continue\n"
        "    shuffled = chr(10).join(reversed(source.splitlines()))\n"
        f"    print(name, codebleu([shuffled, source[40:]], [source, source], name, '{protocol}').rows)\n"
    )
    root = Path(__file__).resolve().parents[2]
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=root,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(outputs) == 1
    assert "PairScore" in outputs.pop()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_character_beyond_ascii_changes_no_variable(language):
    quoted = {"python": "print('%s', total)", "php": "echo '%s', $sum;"}.get(language)
    source = PROGRAMS[language]
    if quoted is None:
        wide, plain = f'f("ÄÖ日本", 1); {source}', f'f("abcd", 1); {source}'
    else:
        head, tail = ("", "\n" + source) if language == "python" else ("<?php ", source.removeprefix("<?php"))
        wide, plain = head + quoted % "ÄÖ日本" + tail, head + quoted % "abcd" + tail
    assert data_flow(FlatTree(wide, language), language) == data_flow(FlatTree(plain, language), language)


@pytest.mark.parametrize(
    ("language", "program"),
    [
        ("cpp", "int b = a;"),
        ("javascript", "b = a"),
        ("cpp", "int f(int a) { int b = a; return b; }"),
        ("c", "int f(int a) { int b = a; return b; }"),
        ("cpp", "int f(int i) { i++; return i; }"),
        ("cpp", "int f(vector<int> xs) { int s; for (auto x : xs) s = x; return s; }"),
        ("javascript", "let a = 1, b; b = a;"),
        ("javascript", "function f(xs) { let s; for (const x of xs) s = x; return s; }"),
        ("python", "def f(x):\n    y: int = x\n    return y"),
        ("python", "def f(x):\n    if (y := x): return y"),
        ("java", "class A { int f(int[] xs) { int s = 0; for (int x : xs) s = x; return s; } }"),
    ],
)
def test_constructs_that_the_package_cannot_see_have_edges(language, program):
    flow = data_flow(FlatTree(program, language), language)
    assert any(relation == "computedFrom" for _, relation, _ in flow)


def test_the_reference_protocol_refuses_a_language_that_it_lacks():
    with pytest.raises(DataError, match=r"reference protocol has no Ruby: it scores c, .*--protocol strict"):
        codebleu(["x = 1"], ["x = 1"], "ruby", "reference")


def test_one_statement_does_not_match_thirty_copies():
    reference = "\n".join(["total = total + 1"] * 30)
    row = strict("total = total + 1", reference)
    assert row.syntax < 0.05
    assert codebleu(["total = total + 1"], [reference], "python", "reference").rows[0].syntax > 0.9


def test_error_nodes_never_match():
    for junk in ("int f( { = = ; } }", "= = ) (", "int a = (1;"):
        subtrees = Subtrees(FlatTree(junk, "cpp"), skip_broken=True)
        tainted: set[int] = set()
        for number, key in enumerate(subtrees.keys):
            if "ERROR" in str(key[0]) or "MISSING" in str(key[0]) or tainted & {part for part in key if part != key[0]}:
                tainted.add(number)
        assert tainted
        assert not any(subtrees.counts[number] for number in tainted)
    assert strict("= = ) (", "= = ) (", "cpp").syntax is None
    assert codebleu(["= = ) ("], ["= = ) ("], "cpp", "reference").rows[0].syntax == 1.0


def test_weighted_ngram_is_penalised_for_brevity():
    reference = "\n".join(f"value{i} = value{i + 1}" for i in range(20))
    row = strict("value0 = value1", reference)
    assert row.weighted < 0.01


@pytest.mark.parametrize("language", LANGUAGES)
def test_white_space_does_not_matter(language):
    source = PROGRAMS[language]
    apart = spaced(source, language)
    if language in ("javascript", "ruby", "typescript", "go"):  # line ends count
        apart = source.replace("(", "( ").replace(")", " )").replace(";", " ; ").replace(",", " , ")
    assert apart != source
    assert strict(apart, source, language).codebleu == 1.0


@pytest.mark.parametrize("token", ["x", "1", "pass"])
def test_identical_one_token_program_scores_one(token):
    assert strict(token, token).codebleu == 1.0


def test_several_references_compete():
    row = strict("a = b", ["while True:\n    stop()", "a = b"])
    assert row.codebleu == 1.0


def test_tokenizer_errors_and_strings_at_column_zero_are_no_matter():
    source = '"a text"\nvalue = """open\n"""\n"another"\nprint(value)'
    assert strict(source, source).codebleu == 1.0
    assert lex(FlatTree(source, "python"), "python")[0].text == '"a text"'
    unfinished = "def f(:\n  x = (1,\n y = x"
    assert strict(unfinished, unfinished).ngram == 1.0


def test_a_comment_in_a_one_line_program_hides_nothing_before_it():
    tokens = lex(FlatTree("int a = 1; // note", "cpp"), "cpp")
    assert [token.text for token in tokens] == ["int", "a", "=", "1", ";"]
    url = lex(FlatTree('let a = "http://x"; let b = a;', "javascript"), "javascript")
    assert [token.text for token in url][-5:] == ["let", "b", "=", "a", ";"]


@pytest.mark.parametrize(
    ("language", "source", "keywords", "others"),
    [
        ("java", "class A { boolean f() { var a = true; if (a == false) return null == a; } }",
         "class boolean var true if false return null", "A f a"),
        ("javascript", "async function f() { return true; }", "async function return true", "f"),
        ("cpp", "constexpr int n = 1; int main() { cin >> n; return p == nullptr; }",
         "constexpr int return nullptr", "cin main n p"),
        ("python", "match = 1\nmatch match:\n    case None: pass", "case None pass", "1"),
    ],
)  # fmt: skip
def test_keywords_are_those_of_the_grammar(language, source, keywords, others):
    tokens = lex(FlatTree(source, language), language)
    assert set(keywords.split()) <= {token.text for token in tokens if token.keyword}
    assert not set(others.split()) & {token.text for token in tokens if token.keyword}


@pytest.mark.parametrize(
    ("brackets", "number", "protocol"),
    [("()", 20_000, "strict"), ("()", 4_000, "reference"), ("[]", 4_000, "strict"), ("{}", 4_000, "strict")],
)
@pytest.mark.parametrize("language", STUDY_LANGUAGES)
def test_thousands_of_brackets_take_seconds_not_minutes(language, brackets, number, protocol):
    source = "x = " + brackets[0] * number + "1" + brackets[1] * number
    started = time.process_time()
    row = codebleu([source], [source + ";"], language, protocol).rows[0]
    assert time.process_time() - started < 60.0
    assert row.codebleu > 0.5


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("java", "class A{void f(){" + "a[" * 800 + "i" + "]++" * 800 + ";}}"),
        ("cpp", "++" * 2000 + "x;"),
        ("java", "class A{void f(){" + "while(a){" * 60 + "b=a;" + "}" * 60 + "}}"),
        ("python", "\n".join(" " * i + "for i in x:" for i in range(60)) + "\n" + " " * 60 + "y = i"),
    ],
)
def test_nested_loops_and_updates_cost_no_exponential_time(language, source):
    for protocol in ("strict", "reference"):
        started = time.process_time()
        codebleu([source], [source], language, protocol)
        assert time.process_time() - started < 60.0


@pytest.mark.parametrize("protocol", ["strict", "reference"])
def test_a_lone_surrogate_is_scored(protocol):
    row = codebleu(['x = "\ud800"\ny = x'], ["x = 1\ny = x"], "python", protocol).rows[0]
    assert 0.0 < row.codebleu < 1.0


def test_empty_lists_are_named():
    with pytest.raises(DataError, match="pair 1 has an empty list of references"):
        codebleu(["a", "b"], ["a", []], "python")
    with pytest.raises(DataError, match="no pairs"):
        codebleu([], [], "python")
    with pytest.raises(DataError, match="2 predictions but 1 references"):
        codebleu(["a", "b"], ["a"], "python")
    with pytest.raises(DataError, match="unknown protocol 'loose'"):
        codebleu(["a"], ["a"], "python", "loose")
    with pytest.raises(DataError, match="unknown language"):
        codebleu(["a"], ["a"], "cobol")


# The interface


def test_result_has_means_intervals_and_corpus_score():
    result = codebleu(["a = b", "c()", "x = y"], ["a = b", "print(1)", "while x: y = x"], "py")
    assert result.language == "python"
    mean = result.means["codebleu"]
    assert mean.n == 3
    assert mean.value == pytest.approx(sum(row.codebleu for row in result.rows) / 3)
    assert mean.low < mean.value < mean.high
    assert result.means["dataflow"].n == 2  # print(1) has none
    assert 0 < result.corpus.codebleu < 1
    assert result.corpus.codebleu != pytest.approx(mean.value)
    assert {"tree-sitter", "tree-sitter-python"} <= result.versions.keys()


def test_corpus_score_pools_counts():
    result = codebleu(["a = b", ""], ["a = b", "c = d"], "python")
    assert result.corpus.syntax == pytest.approx(0.5)
    assert result.corpus.dataflow == pytest.approx(0.5)


def test_metric_object_collects_batches():
    metric = CodeBLEU("java")
    metric.update(["int a = 1;"], ["int a = 1;"])
    metric.update(["int b;"], [["int a;", "int b;"]])
    assert metric.compute().codebleu == 1.0
    metric.reset()
    with pytest.raises(DataError, match="no pairs"):
        metric.compute()
    with pytest.raises(DataError, match="1 predictions but 0 references"):
        metric.update(["a"], [])


def test_one_text_is_not_taken_for_a_list_of_characters():
    for predictions, references in (("x", ["x"]), (["x"], "x"), ("x = 1", "x = 1")):
        for score in (lambda p, r: codebleu(p, r, "python"), CodeBLEU("python").update):
            with pytest.raises(DataError, match="is one text"):
                score(predictions, references)


@pytest.mark.parametrize(("prediction", "reference"), [(None, "x"), (1, "x"), ("x", ["x", None]), (b"x", "x")])
def test_what_is_no_text_is_named(prediction, reference):
    with pytest.raises(DataError, match="pair 1 holds"):
        codebleu(["a", prediction], ["a", reference], "python")


@pytest.mark.slow
def test_processes_give_the_same_rows():
    predictions = [f"a = {i}\nb = a" for i in range(70)]
    references = [f"a = {i % 7}\nb = a + c" for i in range(70)]
    alone = codebleu(predictions, references, "python")
    assert codebleu(predictions, references, "python", workers=2).rows == alone.rows


def test_worked_examples_of_the_documentation():
    page = (Path(__file__).resolve().parents[2] / "docs" / "codebleu.md").read_text()
    examples = page.split("## Worked examples")[1].split("\n## ")[0].split("\n### ")[1:]
    assert [example.split("\n")[0] for example in examples] == [
        row.title for row in LANGUAGES.values() if row.name not in ("c", "csharp")
    ]
    for example in examples:
        (language, reference), (_, prediction) = re.findall(r"```(\w+)\n(.*?)```", example, re.DOTALL)
        for protocol in ("strict", "reference") if language in KEYWORDS else ("strict",):
            (cells,) = re.findall(rf"^\| {protocol} \| (.*) \|$", example, re.MULTILINE)
            values = codebleu([prediction], [reference], language, protocol).rows[0].to_dict().values()
            assert cells.split(" | ") == [f"{value:.3f}" for value in values]


@pytest.mark.parametrize("reference", ["# only a comment\n", ""])
def test_a_reference_without_tokens_defines_no_syntax(reference):
    counts = compare("x = 1\n", [reference], "python")
    assert counts.syntax == (0, 0)
    assert score_of(counts).syntax is None


def test_a_prediction_without_tokens_has_no_syntax_of_its_reference():
    assert compare("# only a comment\n", ["x = 1\n# only a comment\n"], "python").syntax == (0, 3)
