"""The embedded corpus: small programming tasks, solved in eight languages and tested by input and output.

The corpus is package data with one folder per task under ``corpus_tasks/``. A folder holds ``task.json`` (split, text,
tests) and one program per language, under the file name that its compiler expects. The tasks resemble those of a
programming course and were written for this project. They share their conventions, so that a small model can learn
these from the training tasks. ``docs/corpus.md`` says how to add a task. The corpus demonstrates and tests the pipeline
on a machine without other data; it is too small to support claims about quality.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from moesaic.errors import DataError
from moesaic.languages import LANGUAGES, STUDY_LANGUAGES

CORPUS_LANGUAGES: tuple[str, ...] = (*STUDY_LANGUAGES, "ruby", "typescript", "go", "php")
"""The languages in which every task is solved.

The quickstart trains on the first four; the others are for growing a model.
"""

SHOWN_TESTS = 2
"""Number of tests of a task, from the first on, that its text shows as examples."""


@dataclass(frozen=True, slots=True)
class CorpusTest:
    """One run of a program.

    Attributes:
        input: Standard input.
        output: The complete standard output, with its trailing newline.
    """

    input: str
    output: str


@dataclass(frozen=True, slots=True)
class CorpusTask:
    """A task, its programs and its tests.

    Attributes:
        id: Name of the task's folder. In each program, the function that solves the task has this name.
        split: ``train``, ``validation`` or ``test``. A task is in the same split in every language.
        description: The task in the form of XLCoST, ``title | comment ; comment ; comment``.
        programs: Language -> source of a whole program, which reads standard input and writes standard output.
        tests: Five runs or more, including an edge case.
    """

    id: str
    split: str
    description: str
    programs: dict[str, str]
    tests: tuple[CorpusTest, ...]

    @property
    def text(self) -> str:
        """The task as it is given to a model: the description, followed by the first tests as examples."""
        examples = [f"Input:\n{test.input}Output:\n{test.output}" for test in self.tests[:SHOWN_TESTS]]
        return "\n".join([f"{self.description}\n", *examples]).rstrip("\n")


def load_tasks() -> list[CorpusTask]:
    """Returns all tasks of the embedded corpus, sorted by id.

    Raises:
        DataError: A folder lacks a file, or its ``task.json`` is malformed; the message says which.
    """
    folders = [entry for entry in (files("moesaic.data") / "corpus_tasks").iterdir() if entry.is_dir()]
    return [_load_task(folder) for folder in sorted(folders, key=lambda folder: folder.name)]


def _load_task(folder: Traversable) -> CorpusTask:
    try:
        record = json.loads((folder / "task.json").read_text(encoding="utf-8"))
        return CorpusTask(
            id=folder.name,
            split=record["split"],
            description=record["text"],
            programs={
                language: (folder / LANGUAGES[language].source_file).read_text(encoding="utf-8")
                for language in CORPUS_LANGUAGES
            },
            tests=tuple(CorpusTest(**test) for test in record["tests"]),
        )
    except FileNotFoundError as error:
        missing = str(error.filename).replace("\\", "/").rpartition("/")[2]
        raise DataError(f"the embedded corpus's task {folder.name} has no {missing}: docs/corpus.md") from None
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"the embedded corpus's task {folder.name} has a malformed task.json: {error!r}") from None
