import ast
import itertools
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from moesaic.data.corpus import CORPUS_LANGUAGES, CorpusTask, load_tasks
from moesaic.data.formatting import format_many
from moesaic.languages import LANGUAGES

TASKS = load_tasks()
PROCESSES = 2
RUN_SECONDS = 60
MAX_SHARED_TEXT = 0.4
MAX_SHARED_CODE = 0.6


def shingles(text: str, size: int) -> set[tuple[str, ...]]:
    """Every run of ``size`` neighboring tokens, upper and lower case alike."""
    tokens = re.findall(r"\w+|[^\w\s]", text.lower())
    return {tuple(tokens[start : start + size]) for start in range(len(tokens) - size + 1)}


def shared_across_splits(read: Callable[[CorpusTask], str], size: int) -> list[tuple[float, str, str]]:
    """Jaccard similarity of every two tasks of different splits, highest first."""
    sets = {task.id: shingles(read(task), size) for task in TASKS}
    pairs = [(a.id, b.id) for a, b in itertools.combinations(TASKS, 2) if a.split != b.split]
    return sorted(((len(sets[a] & sets[b]) / len(sets[a] | sets[b]), a, b) for a, b in pairs), reverse=True)


def test_counts_and_splits() -> None:
    assert Counter(task.split for task in TASKS) == {"train": 32, "validation": 6, "test": 10}


def test_order_is_by_id_and_ids_are_unique() -> None:
    ids = [task.id for task in TASKS]
    assert ids == sorted(set(ids))
    assert load_tasks() == TASKS


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)
def test_every_task_is_whole(task: CorpusTask) -> None:
    title, _, comments = task.text.partition(" | ")
    assert title[0].isupper()
    assert comments.startswith("Function to ")
    assert len(comments.split(" ; ")) >= 3
    assert "|" not in comments
    assert " Read " in comments, "the text says what the input is"
    assert tuple(task.programs) == CORPUS_LANGUAGES
    assert 3 <= len(task.tests) <= 5
    assert len({test.input for test in task.tests}) == len(task.tests)
    assert len({test.output for test in task.tests}) > 1
    assert all(test.input.endswith("\n") and test.output.endswith("\n") for test in task.tests)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)
def test_every_program_keeps_the_conventions(task: CorpusTask) -> None:
    first, *rest = task.id.split("_")
    camel_case = first + "".join(word.capitalize() for word in rest)
    python = ast.parse(task.programs["python"])
    assert {task.id, "main"} <= {node.name for node in python.body if isinstance(node, ast.FunctionDef)}
    for language in ("java", "javascript", "cpp"):
        assert re.search(rf"\b{camel_case}\(", task.programs[language]), language
    assert re.search(rf"^def {task.id}\b", task.programs["ruby"], re.MULTILINE)
    assert task.programs["java"].count("public class Main {") == 1
    assert 'require("fs").readFileSync(0, "utf8")' in task.programs["javascript"]
    assert "bits/stdc++.h" not in task.programs["cpp"]
    for language, program in task.programs.items():
        assert program.isascii(), language
        assert program.endswith("\n"), language
        assert len(program.splitlines()) <= 45, language


def test_texts_are_no_near_duplicates_across_splits() -> None:
    share, first, second = shared_across_splits(lambda task: task.text, size=3)[0]
    assert share <= MAX_SHARED_TEXT, f"{first} and {second} are alike"


@pytest.mark.parametrize("language", CORPUS_LANGUAGES)
def test_programs_are_no_near_duplicates_across_splits(language: str) -> None:
    share, first, second = shared_across_splits(lambda task: task.programs[language], size=5)[0]
    assert share <= MAX_SHARED_CODE, f"{first} and {second} are alike"


@pytest.mark.parametrize("language", CORPUS_LANGUAGES)
def test_programs_have_the_layout_of_the_formatter(language: str) -> None:
    programs = [task.programs[language] for task in TASKS]
    formatted = format_many(programs, language)
    assert [task.id for task, new in zip(TASKS, formatted, strict=True) if new != task.programs[language]] == []


def write_program(task: CorpusTask, language: str, folder: Path) -> Path:
    path = folder / task.id / LANGUAGES[language].source_file
    path.parent.mkdir()
    path.write_text(task.programs[language], encoding="utf-8")
    return path


def run_tests(task: CorpusTask, command: list[str]) -> list[str]:
    """One line for each test of the task that the command does not pass."""
    problems = []
    for number, test in enumerate(task.tests):
        done = subprocess.run(
            command, input=test.input, capture_output=True, text=True, timeout=RUN_SECONDS, check=False
        )
        if done.returncode != 0 or done.stdout != test.output:
            problems.append(f"{task.id} test {number}: {done.stdout!r} is not {test.output!r} {done.stderr}")
    return problems


def require(executable: str) -> str:
    path = shutil.which(executable)
    if path is None:
        pytest.skip(f"{executable} is not installed")
    return path


def check_each(check: Callable[[CorpusTask], list[str]]) -> None:
    with ThreadPoolExecutor(PROCESSES) as pool:
        problems = list(itertools.chain.from_iterable(pool.map(check, TASKS)))
    assert problems == [], "\n".join(problems)


@pytest.mark.slow
def test_python_programs_pass(tmp_path: Path) -> None:
    check_each(lambda task: run_tests(task, [sys.executable, "-S", str(write_program(task, "python", tmp_path))]))


@pytest.mark.slow
@pytest.mark.toolchain
def test_javascript_programs_pass(tmp_path: Path) -> None:
    node = require("node")
    check_each(lambda task: run_tests(task, [node, str(write_program(task, "javascript", tmp_path))]))


@pytest.mark.slow
@pytest.mark.toolchain
def test_ruby_programs_pass(tmp_path: Path) -> None:
    ruby = [require("ruby"), "-W", "--disable-gems"]
    check_each(lambda task: run_tests(task, [*ruby, str(write_program(task, "ruby", tmp_path))]))


@pytest.mark.slow
@pytest.mark.toolchain
def test_cpp_programs_pass(tmp_path: Path) -> None:
    compiler = require("g++")

    def check(task: CorpusTask) -> list[str]:
        source = write_program(task, "cpp", tmp_path)
        binary = source.with_name("main")
        command = [compiler, "-std=c++17", "-O0", "-Wall", "-Wextra", "-Werror", "-o", str(binary), str(source)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)
        return [f"{task.id} does not compile: {done.stderr}"] if done.returncode else run_tests(task, [str(binary)])

    check_each(check)


@pytest.mark.slow
@pytest.mark.toolchain
def test_java_programs_pass(tmp_path: Path) -> None:
    require("javac")
    for task in TASKS:
        folder = write_program(task, "java", tmp_path).parent
        for number, test in enumerate(task.tests):
            (folder / f"{number}.in").write_text(test.input)
    runner = Path(__file__).with_name("CorpusRunner.java")
    # Scanner and printf follow the locale of the machine, which may write a decimal comma.
    command = [require("java"), "-Duser.language=en", str(runner), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    problems = []
    for task in TASKS:
        for number, test in enumerate(task.tests):
            output = tmp_path / task.id / f"{number}.out"
            if not output.exists() or output.read_text() != test.output:
                problems.append(f"{task.id} test {number}")
    assert problems == [], done.stderr
