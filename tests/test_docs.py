"""The generated pages say what the code does now."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest
import typer

from moesaic.recipe import Recipe
from moesaic.recipe.fields import describe_fields

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "docs" / "generate.py"


@pytest.fixture(scope="module")
def generator():
    spec = importlib.util.spec_from_file_location("docs_generate", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def script(generator, monkeypatch, capsys):
    """Runs the script in this process; returns its exit code and what it wrote to stderr."""

    def run(*options):
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, options)])
        try:
            code = generator.main()
        except SystemExit as ended:
            code = ended.code
        return code, capsys.readouterr().err

    return run


def test_pages_are_current():
    result = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_check_notices_a_stale_page_and_writes_nothing(script, tmp_path):
    (tmp_path / "cli.md").write_text("old\n")
    code, said = script("--check", "--folder", tmp_path)
    assert code == 1
    assert "cli.md, recipe.md" in said
    assert (tmp_path / "cli.md").read_text() == "old\n"
    assert not (tmp_path / "recipe.md").exists()


def test_the_map_has_every_module_and_says_what_it_is_for(generator):
    rows = [line.split(maxsplit=1) for line in generator.module_map().splitlines()[1:-1]]
    files = [path for path in generator.SOURCE.rglob("*.py") if not {"corpus_tasks", "harnesses"} & {*path.parts}]
    modules = [path.name for path in files if path.name not in ("__init__.py", "__main__.py")]
    parents = [path.parent for path in files if path.name == "__init__.py" and path.parent != generator.SOURCE]
    assert sorted(name for name, *_ in rows) == sorted([*modules, *(f"{parent.name}/" for parent in parents)])
    assert all(text and text[0].endswith(".") for _, *text in rows)


def test_check_notices_a_stale_map_and_a_page_without_marks(generator, script, tmp_path):
    page = tmp_path / "architecture.md"
    page.write_text(f"Before.\n{generator.START}old{generator.END}\nAfter.\n")
    assert "architecture.md" in script("--check", "--folder", tmp_path)[1]
    assert script("--folder", tmp_path)[0] == 0
    assert page.read_text() == f"Before.\n{generator.START}{generator.module_map()}{generator.END}\nAfter.\n"
    assert script("--check", "--folder", tmp_path)[0] == 0
    page.write_text("No marks.\n")
    assert "has not the marks of a map" in script("--check", "--folder", tmp_path)[1]


def test_decisions_have_a_number_each():
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [int(path.name[:4]) for path in decisions]
    assert len(set(numbers)) == len(numbers)
    assert [path.read_text().partition(".")[0] for path in decisions] == [f"# {number}" for number in numbers]


def test_every_key_and_command_has_its_place(generator):
    recipe = generator.recipe_page()
    assert all(f"| `{key}` |" in recipe for key, *_ in describe_fields(Recipe))
    cli = generator.cli_page()
    for name in ("run", "data", "experts", "compose", "gate", "reward", "baselines", "predict", "evaluate"):
        assert f"\n## moesaic {name}\n" in cli
    for name in ("report", "validate", "generate", "score", "execute", "export", "inspect"):
        assert f"\n## moesaic {name}\n" in cli


def test_pages_have_no_drawing_and_no_machine_in_them(generator):
    for page in (generator.cli_page(), generator.recipe_page()):
        assert not set(page) & set("\N{BOX DRAWINGS LIGHT HORIZONTAL}\N{BOX DRAWINGS LIGHT VERTICAL}\x1b")
        assert str(Path.home()) not in page
        for line in page.splitlines():
            assert not line.startswith("|") or line.endswith("|")


def test_declarations_of_every_form_are_read(generator):
    def command(
        source: Annotated[str, typer.Argument(help="Where\n from.", metavar="SOURCE")],
        rest: Annotated[list[str] | None, typer.Argument(help="More | less.")] = None,
        as_json: Annotated[bool, typer.Option("--json", "-j", help="Print JSON.")] = False,
        loud: bool = typer.Option(True, help="Say more."),
        num_workers: Annotated[int, typer.Option(help="Processes.")] = 2,
        secret: Annotated[str, typer.Option(hidden=True)] = "",
    ) -> None: ...

    parameters = generator._parameters(command)
    assert generator._usage("x", parameters) == "moesaic x SOURCE [REST...] [OPTIONS]"
    assert generator._arguments(parameters)[2:4] == [
        "| `SOURCE` | required | Where from. |",
        "| `REST` |  | More \\| less. |",
    ]
    assert generator._options(parameters)[2:5] == [
        "| `--json, -j` | off | Print JSON. |",
        "| `--loud, --no-loud` | on | Say more. |",
        "| `--num-workers INTEGER` | `2` | Processes. |",
    ]
    assert "secret" not in "".join(generator._options(parameters))


def test_commands_of_groups_are_found(generator):
    app, group = typer.Typer(), typer.Typer()
    group.command("inner", help="Inside.")(lambda: None)
    app.add_typer(group, name="outer")
    assert [(name, text) for name, text, _ in generator._commands(app)] == [("outer inner", "Inside.")]


def test_links_between_files_lead_somewhere():
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())]
    inner = [(page, link) for page, link in links if "://" not in link]
    assert len(inner) > 10
    assert [f"{page.name}: {link}" for page, link in inner if not (page.parent / link).exists()] == []
