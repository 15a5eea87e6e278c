"""The stage ``keep``: the base answers the prompts of ``data.keep``, and the usable answers are stored.

    prompts -> answers of the base -> cut where the definition ends -> parse? (pass their tests?)
      -> <language>/{train,validation}.jsonl

With ``keep.loss: kl``, answers are not tested, because the model should stay as the base was, wrong answers included.
``keep.loss: likelihood`` and ``experts.self_training`` teach the answers themselves. With them, answers are run against
tests if the source has tests, ``evaluate.allow_code_execution`` allows it and the language's tools are installed. An
answer that was not run is only known to parse. Answers that were written without this permission can be judged later,
also on another machine, by setting it; the base does not answer again.

A prompt that fills the base's context cannot be answered. It is left out and counted.

Every tenth problem with an answer is for validation, the same problems in all languages. Files of answers appear by
rename and verdicts are appended, so that a killed stage can continue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from moesaic.data.examples import Example, read_records, write_examples
from moesaic.data.extras import read_folder
from moesaic.data.humaneval import refuse_humaneval
from moesaic.data.mbxp import mbxp_files, split_of
from moesaic.data.prompts import COMPLETION_TASK, PromptFormat
from moesaic.errors import DataError, ToolchainError
from moesaic.evaluate.benchmarks import completion_row, problem_ids, problem_name
from moesaic.execution.grading import Completion, execute
from moesaic.execution.problems import Problem, read_problems
from moesaic.execution.sandbox import Sandbox
from moesaic.files import write_json, write_json_lines
from moesaic.languages import syntax_of
from moesaic.parsing import parses
from moesaic.pipeline.sampling import generate_together
from moesaic.pipeline.session import Session
from moesaic.progress import say
from moesaic.recipe import MBXP_PREFIX, Recipe
from moesaic.train.experts import seed_of

ANSWERS = "answers"
"""Folder of the stage with the base's answers as they were given, one file per language."""

SPLITS = ("train", "validation")
LEFT_OUT = ("unfinished", "does_not_parse", "fails_tests", "too_long", "duplicate", "enough")
"""Reasons for leaving an answer out, in the order in which they are checked."""

_HELD_OUT = 10
"""One problem in this many is for validation."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt that the base answers.

    Attributes:
        text: The task in words, if the answer is a whole program; "" if it completes one.
        problem: Name and language of the prompt, the given beginning of the answer, and tests.
    """

    text: str
    problem: Problem

    @property
    def has_tests(self) -> bool:
        """Whether there are tests for the answers."""
        return bool(self.problem.test or self.problem.cases)

    def ids(self, prompt: PromptFormat) -> list[int]:
        """Returns the prompt as token ids."""
        if self.text:
            return prompt.prompt_ids(self.text, self.problem.language)
        return problem_ids(prompt, self.problem)

    def example(self, completion: str) -> Example:
        """Returns prompt and answer as a training example."""
        name, opening = self.problem.id, self.problem.prompt
        code = f"{opening}{completion}".rstrip() + "\n"
        return Example(name, self.problem.language, self.text or COMPLETION_TASK, code, opening=opening)


@dataclass
class AnswersReport:
    """Counts of one language's answers.

    Attributes:
        prompts: Number of prompts that the base answers.
        answers: Number of answers of the base.
        kept: Number of answers that are kept.
        verified: Whether the answers were run against tests.
        too_long_prompts: Number of prompts that fill the base's context and are not among ``prompts``.
        left_out: Reason -> number of answers that were left out.
    """

    prompts: int
    answers: int = 0
    kept: int = 0
    verified: bool = False
    too_long_prompts: int = 0
    left_out: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LEFT_OUT, 0))


def read_prompts(source: str, languages: tuple[str, ...]) -> dict[str, list[Prompt]]:
    """Reads the prompts of ``data.keep``.

    Args:
        source: ``mbxp:PATH``, of which the training tasks are used, or a folder of JSON Lines as for ``data.extra``.
        languages: Languages of the run.

    Returns:
        Language -> prompts. Languages without any are left out.

    Raises:
        DataError: The source is missing, malformed or HumanEval, or has no prompt in any of the languages.
    """
    if source.startswith(MBXP_PREFIX):
        path = Path(source.removeprefix(MBXP_PREFIX)).expanduser()
        mbxp_files(path, "data.keep")  # if the path is missing, this error names the key
        problems = read_problems("mbxp", path)
        refuse_humaneval("data.keep", source, (problem.id for group in problems.values() for problem in group))
        found = {
            name: [Prompt("", problem) for problem in problems.get(name, []) if split_of(problem.id) == "train"]
            for name in languages
        }
    else:
        pairs = read_folder(source, languages, "data.keep")
        found = {name: [_prompt(example) for example in pairs.get(name, [])] for name in languages}
    found = {name: prompts for name, prompts in found.items() if prompts}
    if not found:
        raise DataError(
            f"data.keep: {source!r} has no prompt in {', '.join(languages)} (data.languages): a folder of JSON Lines "
            "needs <language>/train.jsonl or <language>.jsonl; change it or leave it out"
        )
    return found


def self_training_problems(recipe: Recipe, languages: Sequence[str]) -> list[str]:
    """Finds out from the prompts of ``data.keep`` whether experts can be trained on answers that pass their tests.

    Args:
        recipe: A recipe with ``experts.self_training`` and ``data.keep``.
        languages: Languages whose experts are to be trained.

    Returns:
        One line per problem.

    Raises:
        DataError: The source is missing, malformed or HumanEval, or has no prompt in any language of the recipe.
    """
    source, key = recipe.data.keep or "", "experts.self_training"
    prompts = read_prompts(source, recipe.data.languages)
    problems = []
    if lacking := ", ".join(name for name in languages if name not in prompts):
        problems.append(
            f"{key}: data.keep ({source}) has no prompts in {lacking}, so there is nothing to train these experts on: "
            f"give data.keep a source with prompts in {lacking}, take {lacking} out of data.languages, or set {key}: "
            "false"
        )
    if untested := ", ".join(
        name for name in languages if name in prompts and not all(item.has_tests for item in prompts[name])
    ):
        problems.append(
            f"{key}: the prompts of data.keep ({source}) in {untested} have no tests, so it is not known which answers "
            f"are correct: give data.keep a source with tests (mbxp:PATH), or set {key}: false"
        )
    if not recipe.evaluate.allow_code_execution:
        problems.append(
            f"{key}: answers are run against their tests, but evaluate.allow_code_execution is false: set it to true, "
            f"or {key}: false"
        )
    return problems


def write_kept(session: Session, source: str, folder: Path) -> dict[str, AnswersReport]:
    """Lets the base answer all prompts and writes ``<language>/{train,validation}.jsonl`` and ``report.json``.

    Args:
        session: The recipe's session; its base is unchanged.
        source: ``data.keep``.
        folder: Folder of the stage.

    Returns:
        Language -> counts of its answers. Empty in all processes but the first; they only help to generate answers.

    Raises:
        DataError: All prompts fill the base's context, or no answer is left for training or for validation.
    """
    found = read_prompts(source, session.recipe.data.languages)
    prompts = _that_fit(session, source, found)
    _write_answers(session, prompts, folder / ANSWERS)
    if not session.ranks.is_first:
        return {}
    answers = {name: [row for _, row in read_records(folder / ANSWERS / f"{name}.jsonl")] for name in prompts}
    passed = _passed(session, prompts, answers, folder / "verdicts.jsonl")
    reports = {
        name: AnswersReport(len(group), verified=name in passed, too_long_prompts=len(found[name]) - len(group))
        for name, group in prompts.items()
    }
    kept = {
        name: _kept(session, group, answers[name], passed.get(name), reports[name]) for name, group in prompts.items()
    }
    names = dict.fromkeys(_problem(example.id) for examples in kept.values() for example in examples)
    held_out, count = set(list(names)[::_HELD_OUT]), Counter[str]()
    for name in kept:
        for split in SPLITS:
            examples = [e for e in kept[name] if (_problem(e.id) in held_out) == (split == "validation")]
            write_examples(folder / name / f"{split}.jsonl", examples)
            count[split] += len(examples)
    write_json(folder / "report.json", {"source": source, "languages": {k: asdict(v) for k, v in reports.items()}})
    if not all(count[split] for split in SPLITS):
        left_out = sum((Counter(report.left_out) for report in reports.values()), Counter[str]())
        raise DataError(
            f"data.keep: of the base's answers to {source!r} {count['train']} are left for training and "
            f"{count['validation']} for validation (left out: {dict(left_out)}): name a source with more prompts"
        )
    return reports


def _that_fit(session: Session, source: str, prompts: Mapping[str, Sequence[Prompt]]) -> dict[str, Sequence[Prompt]]:
    """Returns the prompts that leave room for an answer in the base's context, and says which do not.

    Raises:
        DataError: No prompt does.
    """
    fitting: dict[str, Sequence[Prompt]] = {}
    context = f"the context of {session.recipe.base.model} ({session.context:,} tokens)"
    for name, group in prompts.items():
        lengths = [(item, len(item.ids(session.prompt))) for item in group]
        if long := [(item, length) for item, length in lengths if length >= session.context]:
            item, length = long[0]
            say(
                f"keep, {name}: {len(long):,} of {len(group):,} prompts fill {context} and are left out "
                f"({item.problem.id!r} has {length:,} tokens)"
            )
        if short := [item for item, length in lengths if length < session.context]:
            fitting[name] = short
    if not fitting:
        raise DataError(
            f"data.keep: every prompt of {source!r} fills {context}: name a source with shorter prompts, or use a base "
            "with a longer context"
        )
    return fitting


def _write_answers(session: Session, prompts: Mapping[str, Sequence[Prompt]], folder: Path) -> None:
    """Writes the base's answers, one file per language, unless the file exists."""
    options, predict, prompt = session.recipe.keep, session.recipe.predict, session.prompt
    for name, group in prompts.items():
        path = folder / f"{name}.jsonl"
        if session.ranks.first(path.exists()):
            continue
        wanted = [item for item in group for _ in range(options.samples)]
        generations = generate_together(
            session.ranks,
            session.base.model,
            prompt,
            [item.ids(prompt) for item in wanted],
            f"answers of the base: {name}",
            "answers",
            max_new_tokens=options.max_new_tokens,
            temperature=options.temperature,
            seed=seed_of(session.recipe.seed, f"keep {name}"),
            batch_size=predict.batch_size,
            compile=predict.compile,
        )
        if not session.ranks.is_first:
            continue
        rows = []
        for item, generation in zip(wanted, generations, strict=True):
            text = prompt.decode(generation.ids)
            if item.text:
                code = prompt.extract_code(text, item.problem.language)
                rows.append({"task_id": item.problem.id, "completion": code, "stopped": generation.stopped})
            else:
                rows.append(completion_row(item.problem, text, len(generation.ids), generation.stopped))
        write_json_lines(path, rows)


def _passed(
    session: Session,
    prompts: Mapping[str, Sequence[Prompt]],
    answers: Mapping[str, Sequence[Mapping[str, Any]]],
    rows: Path,
) -> dict[str, list[bool]]:
    """Returns language -> whether each answer passes its tests. Languages that cannot be tested are left out."""
    options = session.recipe.evaluate
    judged = {name: group for name, group in prompts.items() if all(item.has_tests for item in group)}
    if not judged or not options.allow_code_execution or not session.recipe.runs_answers:
        return {}
    completions = [
        Completion(row["task_id"], row["completion"], language=name) for name in judged for row in answers[name]
    ]
    problems = {name: [item.problem for item in group] for name, group in judged.items()}
    try:
        with Sandbox(options.sandbox, allow_code_execution=True) as sandbox:
            results = execute("keep", problems, completions, sandbox=sandbox, workers=options.workers, rows=rows)
    except ToolchainError as error:
        say(f"keep: answers are not run against their tests: {error}")
        return {}
    for result in results:
        if result.skipped:
            say(f"keep, {result.language}: answers are not run against their tests: {result.skipped}")
    return {result.language: [row.passed for row in result.rows] for result in results if not result.skipped}


def _kept(
    session: Session,
    prompts: Sequence[Prompt],
    answers: Sequence[Mapping[str, Any]],
    passed: Sequence[bool] | None,
    report: AnswersReport,
) -> list[Example]:
    """Returns the answers of one language that are kept, and counts the others in ``report``."""
    kept: list[Example] = []
    known: set[tuple[str, str]] = set()
    count, most = Counter[str](), session.recipe.keep.per_prompt
    wanted = [item for item in prompts for _ in range(session.recipe.keep.samples)]
    for index, (item, row) in enumerate(zip(wanted, answers, strict=True)):
        report.answers += 1
        example = item.example(row["completion"])
        reason = None
        if not row["stopped"] and item.text:  # a completion is cut where its definition ends, so it need not have ended
            reason = "unfinished"
        elif not row["completion"].strip() or (
            syntax_of(example.language) is not None and not parses(example.code, example.language)
        ):
            reason = "unfinished" if not row["stopped"] else "does_not_parse"
        elif passed is not None and not passed[index]:
            reason = "fails_tests"
        elif session.prompt.count_tokens(example) > session.recipe.data.max_tokens:
            reason = "too_long"
        elif (example.id, example.code) in known:
            reason = "duplicate"
        elif most is not None and count[example.id] >= most:
            reason = "enough"
        if reason is None:
            count[example.id] += 1
            known.add((example.id, example.code))
            kept.append(example)
        else:
            report.left_out[reason] += 1
    report.kept = len(kept)
    return kept


def _prompt(example: Example) -> Prompt:
    text = "" if example.opening else example.text
    return Prompt(text, Problem(example.id, example.language, prompt=example.opening))


def _problem(id_: str) -> str:
    """Returns the name of a problem, which is the same in every language."""
    return problem_name("mbxp", id_)
