import importlib

import pytest

from moesaic.errors import DataError
from moesaic.languages import LANGUAGES, STUDY_LANGUAGES, get_language, suggest


def test_the_study_languages_come_first():
    assert tuple(LANGUAGES)[:4] == STUDY_LANGUAGES
    assert set(LANGUAGES) == {"python", "java", "javascript", "cpp", "c", "csharp", "php"}


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
        for alias in {row.name, row.title.lower(), row.xlcost_name.lower(), *row.aliases}:
            assert owners.setdefault(alias, row.name) == row.name


def test_unknown_language_suggests_the_nearest():
    with pytest.raises(DataError, match=r"unknown language 'pyton': did you mean python\?"):
        get_language("pyton")
    with pytest.raises(DataError, match="allowed: c, cpp, csharp, java, javascript, php, python"):
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
    if row.compile is not None:
        assert "{source}" in row.compile
        assert any("{folder}" in part for part in row.compile)
    assert any("{" in part for part in row.run)
