import ast
import importlib
import re
from importlib import metadata
from pathlib import Path

import pytest
import tree_sitter
from packaging.requirements import Requirement

from codebleu_programs import PROGRAMS
from moesaic.codebleu import PROTOCOLS, codebleu, dataflow_languages, dataflow_reference_rules, reference
from moesaic.codebleu.tokens import lex
from moesaic.codebleu.tree import FlatTree
from moesaic.data.detokenize import restore
from moesaic.data.formatting import format_source
from moesaic.data.prompts import PromptFormat
from moesaic.errors import DataError
from moesaic.evaluate import guards
from moesaic.execution.judges import JUDGES, find_toolchains
from moesaic.gates import ANCHOR
from moesaic.languages import LANGUAGES, STUDY_LANGUAGES, get_language, suggest
from moesaic.parsing import grammar, parses
from pico import pico_tokenizer

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "moesaic"


def test_the_study_languages_come_first():
    assert tuple(LANGUAGES)[:4] == STUDY_LANGUAGES
    assert set(LANGUAGES) == {
        "python",
        "java",
        "javascript",
        "cpp",
        "c",
        "csharp",
        "php",
        "ruby",
        "typescript",
        "go",
        "lua",
    }


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("C++", "cpp"),
        (" Js ", "javascript"),
        ("PYTHON3", "python"),
        ("c#", "csharp"),
        ("C", "c"),
        ("Javascript", "javascript"),
    ],
)
def test_aliases_in_any_case(spelling, name):
    assert get_language(spelling).name == name


def test_no_alias_names_two_languages():
    owners = {}
    for row in LANGUAGES.values():
        for alias in {row.name, row.title.lower(), (row.xlcost_name or row.name).lower(), *row.aliases}:
            assert owners.setdefault(alias, row.name) == row.name


def test_unknown_language_suggests_the_nearest():
    with pytest.raises(DataError, match=r"unknown language 'pyton': did you mean python\?"):
        get_language("pyton")
    with pytest.raises(
        DataError, match="allowed: c, cpp, csharp, go, java, javascript, lua, php, python, ruby, typescript"
    ):
        get_language("fortran")


def test_suggest_lists_when_nothing_is_near():
    assert suggest("zzz", ["alpha", "beta"]) == "allowed: alpha, beta"
    assert suggest("alpa", ["alpha", "beta"]) == "did you mean alpha?"


@pytest.mark.parametrize("name", LANGUAGES)
def test_row_is_complete(name):
    row = LANGUAGES[name]
    assert row.source_file.endswith(f".{row.extension}")
    module, function = row.grammar
    assert callable(getattr(importlib.import_module(module), function))


def has_grammar(row, program):
    required = {Requirement(text).name for text in metadata.requires("moesaic")}
    assert row.grammar[0].replace("_", "-") in required
    assert isinstance(grammar(row, program), tree_sitter.Language)
    assert parses(program, row)


def has_formatter(row, program):
    assert parses(format_source(program, row.name), row)


def has_token_streams(row, program):
    assert (row.xlcost_name is None) == (row.hub_config is None)
    if row.hub_config is None:  # no token streams: every text stays what it is
        assert restore("f ( x ) NEW_LINE", row.name) == "f ( x ) NEW_LINE\n"
    else:
        assert row.hub_config.endswith("-program-level")
    assert restore(program, row.name)


XLCOST = ("python", "java", "javascript", "cpp", "c", "csharp", "php")  # what the reference protocol is for


def has_keywords(row, program):
    if row.name in XLCOST:
        assert len(reference.KEYWORDS[row.name]) > 20
    assert any(token.keyword for token in lex(FlatTree(program, row.name), row.name))


def has_data_flow(row, program):
    assert dataflow_languages.RULES[row.name].assignments
    if row.name in XLCOST:
        assert dataflow_reference_rules.RULES[row.name].assignments
    for protocol in PROTOCOLS if row.name in XLCOST else ["strict"]:
        (pair,) = codebleu([program], [program], row.name, protocol).rows
        assert pair.codebleu == 1.0
        assert pair.dataflow == 1.0 or (row.name, protocol) == ("php", "reference")  # there the package finds none


def has_guards(row, program):
    assert guards.has_code(program)
    assert guards.detect_language(program) == row.name
    assert not guards.in_wrong_language(program, row.name)
    assert guards.in_wrong_language(program, "php" if row.name == "python" else "python")
    assert guards.echoes_label(row.title)


def has_prompt(row, _):
    prompt = PromptFormat(pico_tokenizer()).prompt_text("Say it.", row.name)
    assert row.title in prompt
    assert prompt.endswith(f"```{row.fence}\n")


def has_commands(row, _):
    assert row.name in JUDGES
    found, missing = find_toolchains([row.name])  # whether they are installed is another matter
    if row.name in found:
        assert found[row.name].run
        assert (found[row.name].run_test is not None) == JUDGES[row.name].runs_tests
    else:
        assert row.title in missing[row.name]
        assert "apt-get install" in missing[row.name]


NEEDS = (
    has_grammar,
    has_formatter,
    has_token_streams,
    has_keywords,
    has_data_flow,
    has_guards,
    has_prompt,
    has_commands,
)


@pytest.mark.parametrize("need", NEEDS, ids=lambda need: need.__name__)
@pytest.mark.parametrize("name", LANGUAGES)
def test_a_language_has_all_that_one_needs(name, need):
    need(LANGUAGES[name], PROGRAMS[name])


@pytest.mark.parametrize(
    ("table", "need"),
    [
        (reference.KEYWORDS, has_keywords),
        (dataflow_languages.RULES, has_data_flow),
        (dataflow_reference_rules.RULES, has_data_flow),
        (guards._PATTERNS, has_guards),
        (JUDGES, has_commands),
    ],
    ids=["keywords", "data flow", "data flow of the package", "guards", "judge"],
)
def test_a_language_that_was_added_by_half_is_found_out(table, need, monkeypatch):
    monkeypatch.delitem(table, "java")
    with pytest.raises((KeyError, AssertionError), match="java"):
        need(LANGUAGES["java"], PROGRAMS["java"])


def knows(path, language):
    """Whether a module names a language in its code; examples in help and prose are no knowledge."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        named = (getattr(node, "id", None), getattr(node, "attr", None), getattr(node, "name", None))
        if any(language in str(name).split("_") for name in named):
            return True
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and node.value in (language, f"tree_sitter_{language}")
        ):
            return True
    return False


def places_that_know(language):
    return {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if not {"corpus_tasks", "harnesses"} & {*path.parts} and knows(path, language)
    }


def test_rows_and_a_finder_are_all_that_a_language_judged_by_what_it_prints_needs():
    rows = {"languages.py", "codebleu/dataflow_languages.py", "evaluate/guards.py", "execution/judges.py"}
    assert places_that_know("lua") == {*rows, "execution/toolchains.py"}
    assert not (PACKAGE / "execution" / "harnesses" / "lua").exists()
    assert all("lua" in (ROOT / name).read_text() for name in ("pyproject.toml", "scripts/install-tools"))


def test_the_page_about_adding_a_language_names_every_place_that_knows_one():
    page = (ROOT / "docs" / "add-a-language.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in page.splitlines() if line.startswith("|")][2:]
    named = {path for row in rows for path in re.findall(r"`([\w./-]+)`", row[3]) if "/" in path or "." in path}
    code = places_that_know("ruby")
    folders = {f"execution/harnesses/{path.name}/" for path in (PACKAGE / "execution" / "harnesses").glob("ruby")}
    assert named == {*code, *folders, "pyproject.toml", "scripts/install-tools"}
    assert all("ruby" in (ROOT / name).read_text() for name in ("pyproject.toml", "scripts/install-tools"))


def test_no_language_is_called_as_the_anchor():
    with pytest.raises(DataError, match="unknown language 'base'"):
        get_language(ANCHOR)
