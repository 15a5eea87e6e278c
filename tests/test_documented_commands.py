"""Every command and every block of Python in the README and the pages is what the code takes.

Commands are parsed, not run: names, options and the keys of a recipe have to exist. Python is compiled, and what it
imports from moesaic has to be there; the README's and the tutorial's blocks run, too.
"""

import ast
import re
import shlex
import shutil
from importlib import import_module
from pathlib import Path

import pytest
import typer

from moesaic.cli import app
from moesaic.recipe import Recipe
from moesaic.recipe.fields import describe_fields

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
KEYS = {key for key, *_ in describe_fields(Recipe)}
COMMAND = typer.main.get_command(app)


def blocks(page, *languages):
    return [code for language, code in FENCE.findall(page.read_text(encoding="utf-8")) if language in languages]


def commands(page):
    """Lines that call moesaic, continued lines joined, in fenced or indented blocks."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    fenced = "\n".join(code for language, code in FENCE.findall(text) if language in ("", "sh", "bash", "console"))
    indented = re.findall(r"^    (moesaic .*)$", FENCE.sub("", text), flags=re.MULTILINE)
    found = re.findall(r"^(?:\$ )?(?:\.venv/bin/)?(moesaic .*)$", fenced, flags=re.MULTILINE)
    # The command reference shows usages, not commands.
    return [] if page.name == "cli.md" else [line.partition("  #")[0] for line in [*found, *indented]]


COMMANDS = [(page.name, line) for page in PAGES for line in commands(page)]


def problem(line):
    """What is wrong with a command, or None."""
    words = shlex.split(line)[1:]
    try:
        context = COMMAND.make_context("moesaic", list(words))
        name, command, rest = COMMAND.resolve_command(context, words)
        command.make_context(name, list(rest), parent=context)
    except Exception as error:  # typer's own copy of click has these, without a public name
        if not hasattr(error, "format_message"):
            raise
        return error.format_message()
    overrides = [word.partition("=")[0] for word in rest if re.match(r"[a-z]+(\.[a-z_0-9-]+)*=", word)]
    unknown = [key for key in overrides if key != "only" and ".".join(key.split(".")[:2]) not in KEYS]
    return f"no such key: {unknown}" if unknown else None


def test_there_are_commands():
    assert len(COMMANDS) > 20
    assert {"README.md", "tutorial.md", "serving.md", "growing.md"} <= {page for page, _ in COMMANDS}


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=[f"{page}: {line}"[:80] for page, line in COMMANDS])
def test_a_command_is_one(page, line):
    assert problem(line) is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("moesaic runn a.yaml", "No such command"),
        ("moesaic run a.yaml --dry", "No such option"),
        ("moesaic run", "Missing argument"),
        ("moesaic run a.yaml experts.rnk=3", "no such key"),
        ("moesaic generate m t --max-new-tokens none", "valid integer"),
    ],
)
def test_what_is_none_is_found_out(line, said):
    assert said in problem(line)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_on_a_page_compiles_and_imports_what_is_there(page):
    for code in blocks(page, "python"):
        if page.name in ("codebleu.md", "architecture.md"):  # examples of programs, and sketches of interfaces
            continue
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("moesaic"):
                for alias in node.names:
                    assert hasattr(import_module(node.module), alias.name), f"{node.module} has no {alias.name}"


def test_the_tutorials_python_runs(finished, tmp_path, monkeypatch, capsys):
    shutil.copytree(finished / "runs" / "toy", tmp_path / "runs" / "my")
    monkeypatch.chdir(tmp_path)
    (code,) = blocks(ROOT / "docs" / "tutorial.md", "python")
    exec(compile(code, "tutorial.md", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out


def test_papers_are_those_of_the_code():
    page = (ROOT / "docs" / "papers.md").read_text(encoding="utf-8")
    source = ROOT / "src" / "moesaic"
    cited = {
        paper
        for path in source.rglob("*.py")
        for paper in re.findall(r"arXiv:(\d{4}\.\d{5})", path.read_text(encoding="utf-8"))
    }
    assert len(cited) > 10
    assert sorted(paper for paper in cited if paper not in page) == []
    assert [path for path in re.findall(r"`([\w/]+\.py)`", page) if not (source / path).exists()] == []
