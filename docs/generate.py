"""Writes what the pages say of the code from the code, so that they cannot drift from it.

    python docs/generate.py            write all of it
    python docs/generate.py --check    exit with 1 when something is stale

``cli.md`` and ``recipe.md`` are made whole, from the declarations of commands and fields, not from rendered help: it is
the same in every terminal and with every version of the libraries that draw help. ``architecture.md`` has
a map of the modules between two marks, made of the first lines of their docstrings.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import typer
from typer.models import ArgumentInfo, OptionInfo

from moesaic.cli import app
from moesaic.recipe import Recipe
from moesaic.recipe.fields import describe_fields

FOLDER = Path(__file__).parent
SOURCE = FOLDER.parent / "src" / "moesaic"
PARAGRAPH = "\n\n"
NOTICE = "<!-- Made by docs/generate.py: change the code, then run `make docs`. -->"


def cli_page() -> str:
    """Returns the page about every command."""
    commands = list(_commands(app))
    lines = ["# Commands", "", NOTICE, "", _sentence(app.info.help), "", f"{_sentence(app.info.epilog)}", ""]
    lines += ["Results go to stdout, progress to stderr. A user's mistake ends with one message and exit code 2.", ""]
    lines += ["| command | |", "|---|---|"]
    lines += [
        f"| [`moesaic {name}`](#moesaic-{name.replace(' ', '-')}) | {_cell(text.split(PARAGRAPH)[0])} |"
        for name, text, _ in commands
    ]
    if app.registered_callback is not None:
        lines += ["", "Before a command:", "", *_options(_parameters(app.registered_callback.callback))]
    for name, text, function in commands:
        parameters = _parameters(function)
        paragraphs = [line for part in text.split(PARAGRAPH) for line in (_sentence(part), "")]
        lines += ["", f"## moesaic {name}", "", *paragraphs, "```", _usage(name, parameters), "```", ""]
        lines += [*_arguments(parameters), *_options(parameters)]
    return _page(lines)


def recipe_page() -> str:
    """Returns the page about every key of a recipe."""
    lines = ["# Recipe", "", NOTICE, "", *_prose(inspect.getdoc(inspect.getmodule(Recipe)) or ""), ""]
    for section, rows in _sections():
        lines += [f"## {section}" if section else "## Top level", ""]
        if section:
            lines += _prose(Recipe.model_fields[section].annotation.__doc__ or "")
            lines += [""]
        lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
        lines += [
            f"| `{key}` | {_code(kind)} | {_code(default)} | {_cell(text)} |" for key, kind, default, text in rows
        ]
        lines += [""]
    return _page(lines)


def module_map() -> str:
    """Returns the modules with what each is for, in the order in which imports may go."""
    contract = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = [name for layer in contract["contracts"][0]["layers"] for name in layer.split(" | ")]
    roots = [SOURCE / name.removeprefix("moesaic.") for name in reversed(layers)]
    rows = [row for root in roots for row in _modules(root if root.is_dir() else root.with_suffix(".py"), 0)]
    width = max(len(name) for name, _ in rows)
    return "\n".join(["```", *(f"{name:{width}}  {text}" for name, text in rows), "```"])


def _modules(path: Path, level: int) -> Iterator[tuple[str, str]]:
    """Yields (name, first line of the docstring) of a module, or of a package and all in it."""
    is_package = path.is_dir()
    source = (path / "__init__.py" if is_package else path).read_text(encoding="utf-8")
    text = (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]
    yield "  " * level + path.name + "/" * is_package, text
    if is_package:
        shown = [item for item in path.iterdir() if _is_shown(item)]
        for item in sorted(shown, key=lambda item: (item.is_dir(), item.name)):
            yield from _modules(item, level + 1)


def _is_shown(path: Path) -> bool:
    return (path / "__init__.py").is_file() or (path.suffix == ".py" and path.name != "__init__.py")


PAGES = {"cli.md": cli_page, "recipe.md": recipe_page}
MAPS = {"architecture.md": module_map}
START, END = "<!-- modules: start, made by docs/generate.py -->\n", "\n<!-- modules: end -->"


def main() -> int:
    """Writes or checks the pages; returns the exit code."""
    parser = argparse.ArgumentParser(description="Write from the code what the pages say of it.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when a page is stale")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the pages are (default: beside this file)")
    options = parser.parse_args()
    stale = []
    pages = {name: make() for name, make in PAGES.items()}
    for name, make in MAPS.items():
        if (path := options.folder / name).exists():
            before, mark, rest = path.read_text(encoding="utf-8").partition(START)
            _, end, after = rest.partition(END)
            if not end:
                parser.error(f"{path} has not the marks of a map: {START.strip()} and {END.strip()}")
            pages[name] = f"{before}{mark}{make()}{end}{after}"
    for name, text in pages.items():
        path = options.folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not options.check:
                path.write_text(text, encoding="utf-8", newline="\n")
    if options.check and stale:
        print(f"stale: {', '.join(stale)}; run: python docs/generate.py", file=sys.stderr)
        return 1
    return 0


def _sections() -> Iterator[tuple[str, list[tuple[str, str, str, str]]]]:
    rows = list(describe_fields(Recipe))
    yield "", [row for row in rows if "." not in row[0]]
    for section in dict.fromkeys(row[0].split(".")[0] for row in rows if "." in row[0]):
        yield section, [row for row in rows if row[0].startswith(f"{section}.")]


@dataclass(frozen=True)
class Parameter:
    """An argument or option as its function declares it.

    Attributes:
        name: Name of the Python parameter.
        kind: Its type, without the annotation of typer.
        info: What typer is told about it.
        default: Its default; ``...`` when it is required.
        flags: Spellings declared for an option; none: made from the name.
    """

    name: str
    kind: Any
    info: ArgumentInfo | OptionInfo
    default: Any
    flags: tuple[str, ...]


def _commands(group: typer.Typer, prefix: str = "") -> Iterator[tuple[str, str, Any]]:
    """Yields (name, help, function) of every command, those of groups as ``group command``."""
    for command in group.registered_commands:
        if not command.hidden:
            name = command.name or getattr(command.callback, "__name__", "").replace("_", "-")
            yield f"{prefix}{name}", command.help or inspect.getdoc(command.callback) or "", command.callback
    for info in group.registered_groups:
        if info.typer_instance is not None:
            yield from _commands(info.typer_instance, f"{prefix}{info.name or info.typer_instance.info.name} ")


def _parameters(function: Any) -> list[Parameter]:
    hints = get_type_hints(function, include_extras=True)
    found = []
    for name, parameter in inspect.signature(function).parameters.items():
        kind, *extra = get_args(hints[name]) if get_origin(hints[name]) is Annotated else (hints[name],)
        default: Any = ... if parameter.default is inspect.Parameter.empty else parameter.default
        info: Any = next((item for item in extra if isinstance(item, (ArgumentInfo, OptionInfo))), None)
        flags: tuple[str, ...] = ()
        if info is not None:  # Annotated: what stands in the place of the default is the first flag
            flags = (*([info.default] if isinstance(info.default, str) else []), *(info.param_decls or ()))
        elif isinstance(default, (ArgumentInfo, OptionInfo)):
            info, flags, default = default, tuple(default.param_decls or ()), default.default
        if info is not None and not info.hidden:
            found.append(Parameter(name, kind, info, default, flags))
    return found


def _usage(name: str, parameters: Sequence[Parameter]) -> str:
    parts = ["moesaic", name]
    for parameter in parameters:
        if isinstance(parameter.info, ArgumentInfo):
            shown = _metavar(parameter) + ("..." if "list[" in str(parameter.kind) else "")
            parts.append(shown if parameter.default is ... else f"[{shown}]")
    return " ".join([*parts, *(["[OPTIONS]"] if any(isinstance(p.info, OptionInfo) for p in parameters) else [])])


def _arguments(parameters: Sequence[Parameter]) -> list[str]:
    rows = [item for item in parameters if isinstance(item.info, ArgumentInfo)]
    table = [f"| `{_metavar(row)}` | {_default(row)} | {_cell(row.info.help)} |" for row in rows]
    return ["| argument | default | meaning |", "|---|---|---|", *table, ""] if rows else []


def _options(parameters: Sequence[Parameter]) -> list[str]:
    rows = [item for item in parameters if isinstance(item.info, OptionInfo)]
    table = [f"| `{_flags(row)}` | {_default(row)} | {_cell(row.info.help)} |" for row in rows]
    return ["| option | default | meaning |", "|---|---|---|", *table, ""] if rows else []


def _flags(parameter: Parameter) -> str:
    name = parameter.name.replace("_", "-")
    plain = [f"--{name}", f"--no-{name}"] if parameter.kind is bool else [f"--{name}"]
    shown = ", ".join(parameter.flags or plain)
    return shown if parameter.kind is bool else f"{shown} {_type(parameter)}"


def _metavar(parameter: Parameter) -> str:
    return str(parameter.info.metavar or parameter.name).upper()


def _type(parameter: Parameter) -> str:
    if parameter.info.metavar:
        return parameter.info.metavar
    kinds = [kind for kind in (get_args(parameter.kind) or (parameter.kind,)) if kind is not type(None)]
    if get_origin(parameter.kind) is Literal:
        return "{" + ",".join(str(kind) for kind in kinds) + "}"
    kind = kinds[0]
    if get_origin(kind) is Literal:
        return "{" + ",".join(str(value) for value in get_args(kind)) + "}"
    if inspect.isclass(kind) and issubclass(kind, Enum):
        return "{" + ",".join(str(member.value) for member in kind) + "}"
    return {str: "TEXT", int: "INTEGER", float: "NUMBER", Path: "PATH"}.get(kind, "TEXT")


def _default(parameter: Parameter) -> str:
    value = parameter.default
    if value is ...:
        return "required"
    if parameter.kind is bool:
        return "on" if value else "off"
    return "" if value is None or value == () else f"`{getattr(value, 'value', value)}`"


def _sentence(text: str | None) -> str:
    return " ".join((text or "").split())


def _cell(text: str | None) -> str:
    return _sentence(text).replace("``", "`").replace("|", "\\|")


def _code(text: str) -> str:
    return text if text == "required" else f"`{text}`".replace("|", "\\|")


def _prose(text: str) -> Iterable[str]:
    return text.replace("``", "`").splitlines()


def _page(lines: Iterable[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip("\n") + "\n"


if __name__ == "__main__":
    sys.exit(main())
