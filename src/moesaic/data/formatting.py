"""Formats source code: ruff for Python, clang-format for the C family, a small line breaker for the rest.

If a formatter refuses a program, or changes more of it than its layout (``same_program``), the program keeps its
original layout, and the other programs of its batch are not affected. Starting a formatter takes about ten times as
long as formatting one program, so programs are formatted in batches.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from moesaic.data.same_program import is_same_program
from moesaic.errors import ToolchainError
from moesaic.languages import Language, get_language
from moesaic.parsing import encode

BATCH_PROGRAMS = 64
TIMEOUT_SECONDS = 60

CLANG_FORMAT_STYLE = (
    "{BasedOnStyle: Google, IndentWidth: 4, AccessModifierOffset: -4, ColumnLimit: 100, SortIncludes: Never,"
    " AllowShortFunctionsOnASingleLine: None, AllowShortIfStatementsOnASingleLine: Never,"
    " AllowShortLoopsOnASingleLine: false, DerivePointerAlignment: false, PointerAlignment: Left,"
    " JavaScriptQuotes: Leave, SeparateDefinitionBlocks: Always, MaxEmptyLinesToKeep: 1, BreakStringLiterals: false,"
    " SortUsingDeclarations: Never}"
)
"""Google's style with four spaces, which most such programs resemble. It does not add, break or sort tokens."""

_MAX_INDENTATION = 100  # Python refuses more nested blocks, and indenting them would make the text grow quadratically
_LITERAL = re.compile(r'"(?:\\.|[^"\\\n])*"' + r"|'(?:\\.|[^'\\\n])*'")


def format_source(source: str, language: str) -> str:
    """Returns formatted source, or the source itself if the formatter cannot read it.

    Raises:
        DataError: The language is not known.
        ToolchainError: The formatter is not installed.
    """
    return format_many([source], language)[0]


def format_many(sources: Sequence[str], language: str, workers: int = 1) -> list[str]:
    """Formats many programs of one language.

    Args:
        sources: The programs.
        language: Name of the language.
        workers: Number of processes that format at the same time.

    Returns:
        The programs in the same order, each with one trailing newline.

    Raises:
        DataError: The language is not known.
        ToolchainError: The formatter is not installed.
    """
    row = get_language(language)
    batches = [list(sources[start : start + BATCH_PROGRAMS]) for start in range(0, len(sources), BATCH_PROGRAMS)]
    format_batch = partial(_format_batch, _command(row), row)
    if workers > 1 and len(batches) > 1:
        with ProcessPoolExecutor(max_workers=workers) as pool:
            formatted = list(pool.map(format_batch, batches))
    else:
        formatted = [format_batch(batch) for batch in batches]
    return [source for batch in formatted for source in batch]


def indentation(depth: int) -> str:
    """Returns the white space before a line; beyond 100 levels, which no program has, it does not grow further."""
    return "    " * min(depth, _MAX_INDENTATION)


def lay_out(code: str, language: str) -> str:
    """Breaks one-line code of a language with braces into indented lines.

    A formatter starts from this layout. A program that the formatter cannot read keeps it, and PHP has no other
    formatter.
    """
    literals: list[str] = []

    def hide(match: re.Match[str]) -> str:
        literals.append(match.group())
        return f"\x00{len(literals) - 1}\x00"

    text = _LITERAL.sub(hide, code.replace("\x00", ""))
    text = _join_tokens(text) if language == "php" else re.sub(r"[ \t]+", " ", text)
    lines: list[str] = []
    depth = parentheses = 0
    line = ""
    for char in text:
        if char == "\n" or (char in "{};" and parentheses <= 0):
            if char == "{":
                line += char
            elif char == ";":
                line = line.rstrip(" ") + char
            if line.strip():
                lines.append(indentation(depth) + line.strip())
            line = ""
            if char == "}":
                depth = max(0, depth - 1)
                lines.append(indentation(depth) + "}")
            depth += char == "{"
            continue
        parentheses += (char == "(") - (char == ")")
        line += char
    if line.strip():
        lines.append(indentation(depth) + line.strip())
    laid_out = "\n".join(lines)
    # In C-like style, some text follows "}" on the same line: "};", "} else {", "} while (...);".
    laid_out = re.sub(r"\}\n\s*(;|,|\))", r"}\1", laid_out)
    laid_out = re.sub(r"\}\n\s*(else|catch|finally)\b", r"} \1", laid_out)
    return re.sub("\x00(\\d+)\x00", lambda match: literals[int(match.group(1))], laid_out) + "\n"


def _join_tokens(text: str) -> str:
    """Removes spaces that people do not write, for example around brackets and member access."""
    text = re.sub(r"[ \t]+", " ", text)
    text = re.sub(r"< ?\? ?(?=php\b|=)", "<?", text)  # tags, which some tokenisers split
    text = re.sub(r"\? ?>(?=\s*$)", "?>", text)
    text = re.sub(r" ?(->|::) ?", r"\1", text)
    text = re.sub(r"\$ (?=\w)", "$", text)
    text = re.sub(r" (\+\+|--)(?=[ ;)\]])", r"\1", text)
    text = re.sub(r"(?<![\w)\]])(\+\+|--) (?=\$)", r"\1", text)
    text = re.sub(r" ([;,)\]])", r"\1", text)
    text = re.sub(r"([(\[]) ", r"\1", text)
    text = re.sub(r"(?<=[\w\]]) (?=\[)", "", text)
    text = re.sub(r"! (?=[\w$(])", "!", text)
    text = re.sub(r"((?:[(,=\[<>?:]|\breturn|\becho|\bcase)\s?)- (?=[\w$(])", r"\1-", text)
    return re.sub(r"\b(?!if|for|foreach|while|switch|catch|return|echo|print|and|or|elseif\b)(\w+) \(", r"\1(", text)


def _command(row: Language) -> list[str]:
    """Returns the command that formats files in place; an empty list for a language without a formatter.

    Raises:
        ToolchainError: The formatter is not installed.
    """
    if row.formatter in (None, "layout"):
        return []
    try:
        if row.formatter == "ruff":
            import ruff

            options = ["--isolated", "--no-cache", "--quiet", "--line-length=88", "--target-version=py311"]
            return [ruff.find_ruff_bin(), "format", *options]
        import clang_format

        return [str(clang_format.get_executable("clang-format")), "-i", f"--style={CLANG_FORMAT_STYLE}"]
    except (ImportError, FileNotFoundError) as error:
        raise ToolchainError(f"{row.formatter} is not installed: pip install {row.formatter}") from error


def _format_batch(command: list[str], row: Language, sources: list[str]) -> list[str]:
    """Formats a batch in a temporary folder; programs that are refused, or changed in more than layout, stay."""
    sources = [source.strip("\n") + "\n" for source in sources]
    if not command:
        return sources
    with tempfile.TemporaryDirectory(prefix="moesaic-format-") as folder:
        paths = [Path(folder, f"{number}.{row.extension}") for number in range(len(sources))]
        for path, source in zip(paths, sources, strict=True):
            path.write_bytes(encode(source))
        # clang-format needs a second pass to get the empty lines between definitions right.
        for _ in range(1 if row.formatter == "ruff" else 2):
            # If ruff refuses some files, it still formats the others. If clang-format fails, it may have damaged
            # others.
            if not _succeeds([*command, *map(str, paths)]) and row.formatter != "ruff":
                _format_one_by_one(command, paths, sources)
                break
        formatted = [path.read_bytes().decode(errors="replace").strip("\n") + "\n" for path in paths]
    return [
        after if is_same_program(before, after, row) else before
        for before, after in zip(sources, formatted, strict=True)
    ]


def _format_one_by_one(command: list[str], paths: Sequence[Path], sources: Sequence[str]) -> None:
    """Formats each file alone after a batch failed, since one bad file may have ended the run or damaged others."""
    for path, source in zip(paths, sources, strict=True):
        path.write_bytes(encode(source))
        if not (_succeeds([*command, str(path)]) and _succeeds([*command, str(path)])):
            path.write_bytes(encode(source))


def _succeeds(command: list[str]) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
