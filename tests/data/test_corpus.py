import ast
import gzip
import itertools
import json
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from corpus_batches import RUNNERS, MissingToolError

from moesaic.data import corpus
from moesaic.data.corpus import CORPUS_LANGUAGES, SHOWN_TESTS, CorpusTask, load_tasks
from moesaic.data.examples import SPLITS
from moesaic.data.formatting import format_many
from moesaic.errors import DataError
from moesaic.execution.go_tests import PACKAGES
from moesaic.languages import LANGUAGES

FOLDER = Path(corpus.__file__).with_name("corpus_tasks")
SHARED = next((p / "shared" for p in Path(__file__).resolve().parents if (p / "shared" / "mbxp").is_dir()), None)
SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}
MIN_TESTS = 5
MAX_LINES = 60
MAX_SHARED_TEXT = 0.4
MAX_SHARED_CODE = 0.6
MAX_SHARED_PROMPT = 0.5


def whats_missing(folder: Path) -> list[str]:
    """What a folder lacks to be a task, one line each; it is read without ``load_tasks``, which refuses half of one."""
    wanted = {"task.json", *(LANGUAGES[name].source_file for name in CORPUS_LANGUAGES)}
    found = {path.name for path in folder.iterdir()} - {"__pycache__"}  # of whoever compiles all Python files
    problems = [f"{name} is missing" for name in sorted(wanted - found)]
    problems += [f"{name} belongs to no task" for name in sorted(found - wanted)]
    if "task.json" in found:
        record = json.loads((folder / "task.json").read_text())
        problems += [f"task.json has no {key}" for key in ("split", "text", "tests") if not record.get(key)]
        if record.get("split", "train") not in SPLITS:
            problems.append(f"the split {record['split']!r} is none of {', '.join(SPLITS)}")
        if (count := len(record.get("tests", ()))) < MIN_TESTS:
            problems.append(f"{count} tests, {MIN_TESTS} or more are needed")
    return problems


FOLDERS = sorted(path for path in FOLDER.iterdir() if path.is_dir())
UNFINISHED = {path.name: problems for path in FOLDERS if (problems := whats_missing(path))}
TASKS = [] if UNFINISHED else load_tasks()


def words(text: str) -> list[str]:
    """Tokens of a text or a program, upper and lower case alike."""
    return re.findall(r"\w+|[^\w\s]", text.lower())


def shingles(text: str, size: int) -> set[tuple[str, ...]]:
    """Every run of ``size`` neighboring tokens."""
    tokens = words(text)
    return {tuple(tokens[start : start + size]) for start in range(len(tokens) - size + 1)}


def jaccard(first: set[tuple[str, ...]], second: set[tuple[str, ...]]) -> float:
    return len(first & second) / (len(first | second) or 1)


def test_every_folder_is_a_whole_task() -> None:
    lines = [f"{name}: {problem}" for name, problems in UNFINISHED.items() for problem in problems]
    assert lines == [], "\n".join(lines)


def test_what_is_missing_of_a_half_added_task_is_said(tmp_path: Path) -> None:
    shutil.copytree(FOLDERS[0], tmp_path / "half")
    (tmp_path / "half" / "main.go").unlink()
    (tmp_path / "half" / "main.rs").touch()
    (tmp_path / "half" / "task.json").write_text('{"split": "tests", "tests": [{"input": "1\\n", "output": "1\\n"}]}')
    assert whats_missing(tmp_path / "half") == [
        "main.go is missing",
        "main.rs belongs to no task",
        "task.json has no text",
        "the split 'tests' is none of train, validation, test",
        "1 tests, 5 or more are needed",
    ]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda task: (task / "main.go").unlink(), r"task half has no main\.go"),
        (lambda task: (task / "task.json").unlink(), r"task half has no task\.json"),
        (
            lambda task: (task / "task.json").write_text('{"text": "x"}'),
            r"task half has a malformed task\.json: KeyErr",
        ),
        (lambda task: (task / "task.json").write_text('{"split"'), r"task half has a malformed task\.json: JSONDecode"),
    ],
)
def test_half_a_task_is_not_loaded(damage, message, tmp_path, monkeypatch) -> None:
    shutil.copytree(FOLDERS[0], tmp_path / "corpus_tasks" / "half")
    damage(tmp_path / "corpus_tasks" / "half")
    monkeypatch.setattr(corpus, "files", lambda _: tmp_path)
    with pytest.raises(DataError, match=message):
        load_tasks()


def test_splits_have_their_shares() -> None:
    counts = Counter(task.split for task in TASKS)
    for split, share in SHARES.items():
        assert abs(counts[split] / len(TASKS) - share) < 0.05, f"{counts[split]} of {len(TASKS)} tasks are for {split}"


def test_the_documentation_counts_the_tasks() -> None:
    text = " ".join((Path(__file__).parents[2] / "docs" / "corpus.md").read_text().split())
    counts = Counter(task.split for task in TASKS)
    assert f"The embedded corpus consists of {len(TASKS)} small programming tasks" in text
    assert (
        f"of the {len(TASKS)} tasks, {counts['train']} are for training, {counts['validation']} for validation and "
        f"{counts['test']} for testing"
    ) in text, "count the tasks in docs/corpus.md anew"


def test_order_is_by_id_and_ids_are_unique() -> None:
    ids = [task.id for task in TASKS]
    assert ids == sorted(set(ids))
    assert load_tasks() == TASKS


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)
def test_descriptions_and_tests_keep_the_conventions(task: CorpusTask) -> None:
    title, _, comments = task.description.partition(" | ")
    assert title[0].isupper()
    assert comments.startswith("Function to ")
    assert len(comments.split(" ; ")) >= 3
    assert "|" not in comments
    assert " Read " in comments, "the text says what the input is"
    assert tuple(task.programs) == CORPUS_LANGUAGES
    assert len({test.input for test in task.tests}) == len(task.tests)
    assert len({test.output for test in task.tests}) > 1
    assert all(test.input.endswith("\n") and test.output.endswith("\n") for test in task.tests)


def test_the_first_tests_are_examples_in_the_text() -> None:
    task = next(task for task in TASKS if task.id == "account_balance")
    assert SHOWN_TESTS == 2
    assert task.text == f"{task.description}\n\nInput:\n100 -30 50\nOutput:\n120\n\nInput:\n20 -50 10\nOutput:\n30"


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)
def test_every_program_keeps_the_conventions(task: CorpusTask) -> None:
    first, *rest = task.id.split("_")
    camel_case = first + "".join(word.capitalize() for word in rest)
    python = ast.parse(task.programs["python"])
    assert {task.id, "main"} <= {node.name for node in python.body if isinstance(node, ast.FunctionDef)}
    for language in ("java", "javascript", "cpp", "typescript"):
        assert re.search(rf"\b{camel_case}\(", task.programs[language]), language
    assert re.search(rf"^func (\(\w+ \*?\w+\) )?{camel_case}\(", task.programs["go"], re.MULTILINE)
    imports = re.findall(r'^(?:import |\t)"([\w/]+)"$', task.programs["go"], re.MULTILINE)
    assert imports
    assert set(imports) <= set(PACKAGES), "the sandbox has no others"
    assert re.search(rf"^ *def {task.id}\b", task.programs["ruby"], re.MULTILINE)
    assert task.programs["php"].startswith("<?php\n\ndeclare(strict_types=1);\n\n")
    assert re.search(rf"^function {camel_case}\(", task.programs["php"], re.MULTILINE)
    assert task.programs["java"].count("public class Main {") == 1
    assert 'require("fs").readFileSync(0, "utf8")' in task.programs["javascript"]
    assert 'import * as fs from "fs";' in task.programs["typescript"]
    assert 'fs.readFileSync(0, "utf8")' in task.programs["typescript"]
    assert "bits/stdc++.h" not in task.programs["cpp"]
    for language, program in task.programs.items():
        assert program.isascii(), language
        assert program.endswith("\n"), language
        assert len(program.splitlines()) <= MAX_LINES, language


CPP_HEADERS = {
    "algorithm": r"std::(sort|stable_sort|reverse|max|min|max_element|min_element|minmax_element|find|find_if|count"
    r"|count_if|rotate|unique|any_of|all_of|none_of|transform|copy|copy_if|remove|remove_if|equal|lower_bound|upper_bound|search"
    r"|binary_search|merge|fill|next_permutation|is_sorted|replace|clamp|for_each|partial_sort|set_intersection"
    r"|set_difference|set_symmetric_difference|set_union|stable_partition|partition|includes|adjacent_find|mismatch|generate|nth_element)\b",
    "array": r"std::array\b",
    "bitset": r"std::bitset\b",
    "climits": r"\b(INT|LLONG)_(MIN|MAX)\b",
    "cctype": r"\b(isalpha|isdigit|isalnum|isupper|islower|isspace|ispunct|toupper|tolower)\b",
    "cmath": r"std::(sqrt|pow|abs|floor|ceil|round|hypot|llround|lround|log2|log10|acos|atan2|cbrt|sin|cos)\b|\bM_PI\b",
    "cstdlib": r"std::(abs|div|llabs)\b",
    "deque": r"std::deque\b",
    "functional": r"std::(function|greater|less|plus|multiplies|hash)\b",
    "iomanip": r"std::(setprecision|setw|setfill|get_time|put_time|quoted)\b",
    "iostream": r"std::(cin|cout)\b",
    "iterator": r"std::(back_inserter|istream_iterator|ostream_iterator|istreambuf_iterator|next|prev|distance)\b",
    "list": r"std::list\b",
    "map": r"std::(multi)?map\b",
    "memory": r"std::(unique_ptr|make_unique|shared_ptr|make_shared)\b",
    "numeric": r"std::(accumulate|iota|gcd|lcm|partial_sum|inner_product|adjacent_difference)\b",
    "queue": r"std::(queue|priority_queue)\b",
    "set": r"std::(multi)?set\b",
    "sstream": r"std::[io]?stringstream\b",
    "stack": r"std::stack\b",
    "string": r"std::(string|getline|to_string|stoi|stoll|stol|stoul)\b",
    "tuple": r"std::(tuple|tie)\b",
    "unordered_map": r"std::unordered_(multi)?map\b",
    "unordered_set": r"std::unordered_(multi)?set\b",
    "utility": r"std::(pair|swap|move|exchange|make_pair)\b",
    "vector": r"std::vector\b",
}
"""What each header is for. The programs are compiled together, where a forgotten header would be another's."""

ALSO_FROM = {"utility": {"algorithm", "map", "vector", "unordered_map", "queue"}, "cmath": {"cstdlib"},
             "iterator": {"iostream", "string", "vector", "algorithm", "set", "map", "list", "deque"},
             "cstdlib": {"cmath"}, "algorithm": {"utility"}}  # fmt: skip


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)
def test_programs_in_cpp_include_what_they_use_and_nothing_else(task: CorpusTask) -> None:
    program = task.programs["cpp"]
    included = set(re.findall(r"^#include <(\w+)>", program, re.MULTILINE))
    assert included <= set(CPP_HEADERS), "add the header to CPP_HEADERS"
    used = {name for name, uses in CPP_HEADERS.items() if re.search(uses, program)}
    assert {name for name in used - included if not ALSO_FROM.get(name, set()) & included} == set(), "not included"
    assert included - used == set(), "not used"


@pytest.mark.parametrize("of", ["description", *CORPUS_LANGUAGES])
def test_no_two_tasks_are_near_duplicates(of: str) -> None:
    is_text = of == "description"
    read = {task.id: task.description if is_text else task.programs[of] for task in TASKS}
    sets = {name: shingles(text, 3 if is_text else 5) for name, text in read.items()}
    limit = MAX_SHARED_TEXT if is_text else MAX_SHARED_CODE
    alike = [f"{a} and {b}" for a, b in itertools.combinations(sets, 2) if jaccard(sets[a], sets[b]) > limit]
    assert alike == []


def benchmark_rows(folder: Path) -> list[dict[str, str]]:
    """The rows of HumanEval-X and MBXP in the corpus's languages, each with its prompt and gold program."""
    rows = []
    for path in (*folder.glob("humaneval-x/*/*.jsonl.gz"), *folder.glob("mbxp/*.jsonl")):
        text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
        rows += [json.loads(line) for line in text.splitlines()]
    return rows


def prose(prompt: str) -> str:
    """The sentences of a prompt's doc comment: without code, examples and the words that every prompt has."""
    lines = [line.strip(" */#\"'") for line in prompt.splitlines()]
    lines = [line for line in lines if re.match(r"[A-Za-z]", line) and not re.search(r"[{}=();]|^(import|def|#)", line)]
    return re.sub(
        r"\b(write a (python |java |javascript |c\+\+ )?function (to|that)|function to)\b", "", " ".join(lines).lower()
    )


def test_a_near_duplicate_of_a_prompt_would_be_seen() -> None:
    task = "find the sum of even numbers at odd positions."
    prompt = f'def sum_even(xs):\n    """ Write a function to {task}\n    >>> sum_even([1])\n    """\n'
    assert prose(prompt).strip() == task
    title = "Find the sum of even numbers at odd positions"
    assert jaccard(shingles(title, 2), shingles(prose(prompt), 2)) > MAX_SHARED_PROMPT


@pytest.mark.skipif(SHARED is None, reason="no folder shared with HumanEval-X and MBXP beside the checkout")
def test_no_task_is_a_near_duplicate_of_a_benchmark_prompt() -> None:
    assert SHARED is not None
    rows = benchmark_rows(SHARED)
    assert len(rows) > 2500
    prompts = {text: shingles(text, 2) for text in {prose(row["prompt"]) for row in rows} if len(words(text)) > 4}
    alike = []
    for task in TASKS:
        title, _, comments = task.description.partition(" | ")
        first = comments.partition(" ; ")[0].removeprefix("Function to ")
        for own in (title, first, comments):
            own_shingles = shingles(own, 2)
            alike += [f"{task.id}: {own!r} is like {text!r}" for text, theirs in prompts.items()
                      if jaccard(own_shingles, theirs) > MAX_SHARED_PROMPT]  # fmt: skip
    assert alike == [], "\n".join(alike)


@pytest.mark.skipif(SHARED is None, reason="no folder shared with HumanEval-X and MBXP beside the checkout")
def test_no_program_is_a_near_duplicate_of_a_benchmark_solution() -> None:
    assert SHARED is not None
    solutions = {row["canonical_solution"] for row in benchmark_rows(SHARED) if row.get("canonical_solution")}
    theirs = [found for text in solutions if len(found := shingles(text, 5)) >= 20]
    assert len(theirs) > 1000
    seen: dict[tuple[str, ...], list[int]] = {}
    for number, found in enumerate(theirs):
        for shingle in found:
            seen.setdefault(shingle, []).append(number)
    alike = []
    for task in TASKS:
        for language in CORPUS_LANGUAGES:
            own = shingles(task.programs[language], 5)
            near = {number for shingle in own for number in seen.get(shingle, ())}
            alike += [(task.id, language) for number in near if jaccard(own, theirs[number]) > MAX_SHARED_CODE]
    assert alike == []


@pytest.mark.parametrize("language", CORPUS_LANGUAGES)
def test_programs_have_the_layout_of_the_formatter(language: str) -> None:
    programs = [task.programs[language] for task in TASKS]
    formatted = format_many(programs, language)
    assert [task.id for task, new in zip(TASKS, formatted, strict=True) if new != task.programs[language]] == []


@pytest.mark.toolchain
def test_programs_in_go_have_the_layout_of_gofmt() -> None:
    if (gofmt := shutil.which("gofmt")) is None:
        pytest.skip("gofmt is not installed")
    done = subprocess.run(
        [gofmt, "-l", *map(str, sorted(FOLDER.glob("*/main.go")))], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.slow
@pytest.mark.toolchain
@pytest.mark.parametrize("language", CORPUS_LANGUAGES)
def test_programs_pass(language: str, tmp_path: Path) -> None:
    for task in TASKS:
        folder = tmp_path / task.id
        folder.mkdir()
        (folder / LANGUAGES[language].source_file).write_text(task.programs[language])
        for number, test in enumerate(task.tests):
            (folder / f"{number}.in").write_text(test.input)
    try:
        complaints = RUNNERS[language](tmp_path)
    except MissingToolError as error:
        pytest.skip(str(error))
    problems = []
    for task in TASKS:
        for number, test in enumerate(task.tests):
            path = tmp_path / task.id / f"{number}.out"
            output = path.read_text() if path.exists() else None
            if output != test.output:
                problems.append(f"{task.id} test {number}: {output!r} is not {test.output!r}")
    assert (problems, complaints) == ([], ""), "\n".join([*problems, complaints])
