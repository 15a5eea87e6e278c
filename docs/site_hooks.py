"""Hooks of the site: pages and files that live outside docs/, links between them, and lists as GitHub reads them.

Links are written for the repository, where people read the pages first. On the site the README is the first page,
``docs/`` is the root, and benchmarks, recipes and results lie beside it.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
OUTSIDE = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "benchmarks/**/*.md",
    "benchmarks/**/*.json",
    "benchmarks/*.py",
    "notebooks/*.ipynb",
    "recipes/*.yaml",
)

_LINK = re.compile(r"(\]\()([^)#\s]+)(#[^)]*)?(\))")
_LIST = re.compile(r"\s*([-*]|\d+\.) ")


def on_config(config: Any) -> Any:
    """Lists the decisions and the benchmarks, which are many and in order of their names."""
    decisions = [f"decisions/{path.name}" for path in sorted((ROOT / "docs" / "decisions").glob("*.md"))]
    benchmarks = [f"benchmarks/{path.name}" for path in sorted((ROOT / "benchmarks").glob("*.md"))]
    config.nav += [{"Decisions": decisions}, {"Benchmarks": benchmarks}]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Adds what is outside docs/."""
    for path in sorted(path for pattern in OUTSIDE for path in ROOT.glob(pattern)):
        files.append(File.generated(config, _place(path.relative_to(ROOT).as_posix()), abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turns links of the repository into links of the site, and gives lists the blank line that they need."""
    origin = "README.md" if page.file.src_uri == "index.md" else page.file.src_uri
    inside = not (ROOT / origin).is_file()
    folder = posixpath.dirname(f"docs/{origin}" if inside else origin)

    def moved(found: re.Match[str]) -> str:
        start, target, anchor, end = found.groups()
        place = posixpath.normpath(posixpath.join(folder, target))
        if "://" in target or not os.path.exists(ROOT / place):  # noqa: PTH110  # pathlib would keep the ..
            return found[0]
        if (ROOT / place).is_dir():
            pages = sorted((ROOT / place).glob("*.md"))
            place = pages[0].relative_to(ROOT).as_posix() if pages else place
        link = posixpath.relpath(_place(place), posixpath.dirname(page.file.src_uri) or ".")
        return f"{start}{link}{anchor or ''}{end}"

    lines: list[str] = []
    in_code = False
    for line in markdown.split("\n"):
        in_code ^= line.lstrip().startswith("```")
        if not in_code:
            line = _LINK.sub(moved, line)
            before = lines[-1] if lines else ""
            if _LIST.match(line) and before.strip() and not _LIST.match(before) and not before.startswith((" ", "#")):
                lines.append("")
        lines.append(line)
    return "\n".join(lines)


def _place(path: str) -> str:
    """Where a file of the repository is on the site."""
    return "index.md" if path == "README.md" else path.removeprefix("docs/")
