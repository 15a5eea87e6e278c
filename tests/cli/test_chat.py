"""``moesaic chat``: what is typed is answered as ``generate`` answers it, in the language that it names."""

import re
import signal
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

import moesaic
from moesaic.cli import app, colours
from moesaic.errors import DataError, ModelError
from pico import pico_base
from test_api import make


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("made")
    folder = make(root / "model", pico_base(root / "base", max_position_embeddings=512))
    return SimpleNamespace(folder=folder, model=moesaic.load(folder, "cpu"))


@pytest.fixture
def chat(made, monkeypatch):
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setenv("TERM", "dumb")

    def call(lines, *options):
        return CliRunner().invoke(app, ["chat", str(made.folder), *options], input=lines)

    yield call
    signal.signal(signal.SIGINT, before)


def shown(text):
    """What a terminal shows of it: control characters move, and are left out on both sides."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", "", text)


def test_tasks_are_answered_in_their_languages(made, chat):
    result = chat(
        "Sort a list in Java\n\n/language c++\nSort a list\n/language\nSort a list\n", "--max-new-tokens", "12"
    )
    assert result.exit_code == 0, result.output
    expected = [
        made.model.generate(task, language=language, max_new_tokens=12).completion
        for task, language in [("Sort a list in Java", "java"), ("Sort a list", "cpp"), ("Sort a list", "python")]
    ]
    place = 0
    for completion in expected:
        place = shown(result.stdout).index(shown(completion), place) + len(shown(completion))
    said = " ".join(result.stderr.split())
    assert "Java, as the task says" in said
    assert "language: C++" in said
    assert "Python, by default" in said
    assert said.count("(cut at 12 tokens; --max-new-tokens allows more)") == 3


def test_a_domain_is_known_by_its_last_part(tmp_path_factory):
    root = tmp_path_factory.mktemp("domains")
    base = pico_base(root / "base", max_position_embeddings=512)
    folder = make(root / "model", base, names=("sql-postgresql", "sql-sqlite", "python"))
    before = signal.getsignal(signal.SIGINT)
    short = ("--max-new-tokens", "3", "--language", "sqlite")
    try:
        lines = "/language sqlit\n/language postgresql\nSort\n"
        result = CliRunner().invoke(app, ["chat", str(folder), *short], input=lines)
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.exit_code == 0, result.output
    said = " ".join(result.stderr.split())
    assert "unknown language 'sqlit': did you mean sqlite?" in said
    assert "language: SQL (postgresql)" in said


def test_trace_says_how_the_experts_shared_the_work(chat):
    result = chat("/trace\nSort a list\n/trace\nSort a list\n/quit\nSort a list\n", "--max-new-tokens", "6")
    (line,) = re.findall(r"6 tokens: python (\d+) %, java (\d+) %, cpp (\d+) %", " ".join(result.stderr.split()))
    assert sum(map(int, line)) == pytest.approx(100, abs=2)
    assert result.stderr.count("(cut at") == 2


def test_tokens_have_the_colours_of_their_experts(made, chat, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    given, colour = [], colours.coloured
    monkeypatch.setattr(
        "moesaic.cli.chat.coloured", lambda text, *route: (given.append((text, route)), colour(text, *route))[1]
    )
    result = chat("Sort a list\n", "--max-new-tokens", "12")
    trace = made.model.generate("Sort a list", language="python", max_new_tokens=12, trace=True).trace
    assert [experts_LK for _, (experts_LK, _, _) in given] == [token.experts_LK for token in trace]
    for number, name in enumerate(made.model.experts):
        assert f"\x1b[3{(6, 3, 5)[number]}m{name} " in result.stdout  # the legend, in cyan, yellow and magenta
    for text, route in given:
        if text.isprintable() and text.strip():
            code = {"cyan": 36, "yellow": 33, "magenta": 35}[str(colour(text, *route).style)]
            assert f"\x1b[{code}m{text}\x1b[0m" in result.stdout


def test_a_base_that_was_moved_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "cache"))
    folder = make(tmp_path / "model", pico_base(tmp_path / "base", max_position_embeddings=512))
    moved = (tmp_path / "base").rename(tmp_path / "elsewhere")
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "another"))  # which has not seen it
    before = signal.getsignal(signal.SIGINT)
    try:
        lost = CliRunner().invoke(app, ["chat", str(folder)], input="/quit\n")
        found = CliRunner().invoke(app, ["chat", str(folder), "--base", str(moved)], input="/quit\n")
    finally:
        signal.signal(signal.SIGINT, before)
    assert "name it (--base, base=)" in str(lost.exception)
    assert found.exit_code == 0


def test_mistakes_do_not_end_it(chat):
    result = chat("/language klingon\n/dance\n" + "x" * 5000 + "\nSort a list\n", "--max-new-tokens", "4")
    said = " ".join(result.stderr.split())
    assert "unknown language 'klingon'" in said
    assert "/dance is not known" in said
    assert "are allowed here" in said
    assert said.count("(cut at 4 tokens") == 1
    assert result.exit_code == 0


@pytest.mark.parametrize(("options", "error"), [(["--language", "klingon"], DataError), (["--top-p", "2"], ModelError)])
def test_options_are_checked_first(options, error):
    result = CliRunner().invoke(app, ["chat", "no-such-model", *options])
    assert isinstance(result.exception, error)
    assert "no-such-model" not in str(result.exception)
