"""The stages that train on rewards as the recipe describes it: all experts together, one alone, or a dense adapter.

The processes and the sandbox that judge programs are started for a training and stopped after it.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from moesaic.checkpoint.description import BASE
from moesaic.checkpoint.native import read_model_folder, save_model_folder
from moesaic.codebleu.rewards import CodeBleuScores
from moesaic.execution.grading import processors
from moesaic.execution.rewards import ProgramRuns
from moesaic.files import write_json
from moesaic.model.adapter_config import CONFIG_FILE
from moesaic.model.lora import WEIGHTS_FILE, read_adapter, write_adapter
from moesaic.model.moe import compose, decompose, extract_experts, extract_router, force_expert
from moesaic.pipeline.session import Session
from moesaic.pipeline.tasks import read_tasks
from moesaic.progress import say
from moesaic.ranks import Ranks
from moesaic.recipe import DENSE_REWARD
from moesaic.train.baselines import NOTE
from moesaic.train.injection import put_in_again, save_adapter, take_out
from moesaic.train.judges import codebleu_judge, judged_part, passing_judge
from moesaic.train.objective import Teacher
from moesaic.train.reward import RewardResult, train_reward
from moesaic.train.samples import Measure, Task, problem_tasks, tasks_of
from moesaic.train.trainable import adapter_parameters, factor_parameters, trainable_parameters
from moesaic.train.verdicts import sums


@dataclass(frozen=True)
class Measures:
    """The measures of a recipe, ready to judge.

    Attributes:
        all: The measures.
        tests: Runs programs against tests; None if no measure does.
        ranks: Processes that share the judging.
    """

    all: list[Measure]
    tests: ProgramRuns | None
    ranks: Ranks

    def rates(self) -> Mapping[str, float]:
        """Returns, for each language, the verdicts per second since the last call; empty if no programs are run."""
        return {} if self.tests is None else self.tests.take_rates()

    def summary(self) -> dict[str, Any]:
        """Returns, for JSON, ``verdicts_per_second`` and ``versions`` by language; empty if no programs are run."""
        if self.tests is None:
            return {}
        rates = {name: round(rate, 2) for name, rate in sums(self.ranks.gather(self.tests.total_rates())).items()}
        say(f"verdicts a second: {', '.join(f'{name} {rate:.1f}' for name, rate in rates.items())}")
        return {"verdicts_per_second": rates, "versions": self.tests.versions}


Tasks = tuple[list[Task], list[Task]]
"""Tasks to sample programs for, and tasks that decide."""


def tasks_by_measure(session: Session, languages: Sequence[str]) -> dict[str, Tasks]:
    """Returns the tasks of each measure of a recipe, in some of its languages.

    Args:
        session: The run, whose data stage is finished.
        languages: The languages.

    Returns:
        Name of the measure -> its tasks.

    Raises:
        DataError: ``data.tasks`` has nothing to train on or to decide by.
    """
    kind, prompt, found = session.recipe.reward.kind, session.prompt, dict[str, Tasks]()
    if kind != "tests":
        pairs = ([e for name in languages for e in session.examples(name, split)] for split in ("train", "validation"))
        training, deciding = (tasks_of(examples, prompt) for examples in pairs)
        found["codebleu"] = training, deciding
    if kind != "codebleu":
        problems = (
            [p for group in split.values() for p in group] for split in read_tasks(session.recipe.data, languages)
        )
        training, deciding = (problem_tasks(group, prompt) for group in problems)
        found["tests"] = training, deciding
    return found


@contextlib.contextmanager
def open_measures(session: Session, languages: Sequence[str]) -> Iterator[Measures]:
    """Starts the measures of a recipe in some of its languages, and stops them afterwards.

    Args:
        session: The run, whose data stage is finished.
        languages: The languages.

    Raises:
        DataError: ``data.tasks`` has nothing to train on or to decide by.
        ConsentError: A measure has to run programs, but that is not allowed.
        ToolchainError: The sandbox does not work here, or a language's tools are missing.
    """
    options, judging, prompt = session.recipe.reward, session.recipe.evaluate, session.prompt
    # The processes on one machine share its CPU cores.
    workers = max(1, (options.workers or processors()) // session.ranks.count_here)
    with contextlib.ExitStack() as stack:
        found: list[Measure] = []
        tests = None
        for name, (training, deciding) in tasks_by_measure(session, languages).items():
            if name == "codebleu":
                judge = codebleu_judge(prompt, stack.enter_context(CodeBleuScores(workers)))
                weight = options.codebleu_weight if options.kind == "both" else 1.0
            else:
                there = {task.language for task in (*training, *deciding)}
                if without := [language for language in languages if language not in there]:
                    say(f"reward: data.tasks has no tasks in {', '.join(without)}")
                tests = ProgramRuns(
                    judging.sandbox,
                    workers,
                    sorted(there),
                    allow_code_execution=judging.allow_code_execution,
                    counts_cases=options.partial > 0,
                )
                judge, weight = passing_judge(stack.enter_context(tests), options.partial), 1.0
            found.append(Measure(name, training, deciding, judge, weight, judged_part if name == "tests" else None))
        yield Measures(found, tests, session.ranks)


def reward_together(session: Session, folder: Path) -> None:
    """Trains experts and gates of the model of the stage ``gate``, and writes ``model/`` and ``training.json``.

    Args:
        session: The run, whose stage ``gate`` is finished.
        folder: Folder of the stage ``reward``.

    Raises:
        DataError: ``data.tasks`` has nothing to train on or to decide by.
        RecipeError: No training task or no validation task is short enough.
        TrainingError: A gradient or the validation loss is not finite.
    """
    start = read_model_folder(session.workspace.path("gate") / "model")
    languages, teacher = session.recipe.data.languages, _teacher(session, session.recipe.data.languages)
    with open_measures(session, languages) as measures, session.loaded(start.path) as model:
        result = _train(session, model, trainable_parameters(model), measures, languages, folder, teacher)
        experts, gates = extract_experts(model), extract_router(model)
    summary = measures.summary()
    if not session.ranks.is_first:
        return
    save_model_folder(
        folder / "model",
        base_spec=session.base_spec(),
        base_digest=start.base_digest,
        experts=experts,
        router_tensors=gates,
        kind=start.kind,
        top_k=start.top_k,
        reuse={name: start.expert_path(name) for name in start.names} if result.best_round == 0 else {},
        own_base=start.path / BASE if start.has_own_base else None,
    )
    write_json(folder / "training.json", vars(result) | summary)


def reward_alone(session: Session, language: str, folder: Path) -> None:
    """Trains one language's expert separately, and writes its adapter and ``training.json``.

    The model is the base with this expert; its gates are not used. Deltas outside the MLP are left out, as they are
    when experts are composed, because gates cannot choose them.

    Args:
        session: The run, whose stage ``experts/<language>`` is finished.
        language: The language.
        folder: Folder of the stage ``expert_rewards/<language>``.

    Raises:
        DataError: ``data.tasks`` has nothing to train on or to decide by.
        RecipeError: No training task or no validation task is short enough.
        TrainingError: A gradient or the validation loss is not finite.
    """
    adapter = session.workspace.path(f"experts/{language}")
    expert, languages = read_adapter(adapter, language), (language,)
    if expert.paths_outside_mlp:
        deltas = {path: delta for path, delta in expert.deltas.items() if path not in expert.paths_outside_mlp}
        expert = replace(expert, deltas=deltas)
        say(f"note: the deltas of {language} outside the MLP are left out, since no gate could reach them later")
    teacher, base = _teacher(session, languages), session.base
    with open_measures(session, languages) as measures:
        model = compose(base.model, [expert], "top_k", 1, dtype=torch.float32)
        try:
            with force_expert(model, language):
                result = _train(session, model, factor_parameters(model), measures, languages, folder, teacher)
            (trained,) = extract_experts(model)
        finally:
            decompose(model)
    summary = measures.summary()
    if not session.ranks.is_first:
        return
    if result.best_round == 0 and not expert.paths_outside_mlp:
        for file in (CONFIG_FILE, WEIGHTS_FILE):
            shutil.copyfile(adapter / file, folder / file)
    else:
        write_adapter(trained, folder, base=base.spec)
    write_json(folder / "training.json", vars(result) | summary | {"base_digest": base.digest})


def reward_dense(session: Session, folder: Path) -> None:
    """Trains the dense adapter of another baseline as the stage ``reward`` trains the Mixture-of-Experts.

    Writes the adapter and ``baseline.json``.

    Args:
        session: The run, whose stage ``baselines/<recipe.dense_to_reward>`` is finished.
        folder: Folder of the stage ``baselines/dense_lora_reward``.

    Raises:
        DataError: ``data.tasks`` has nothing to train on or to decide by.
        RecipeError: No training task or no validation task is short enough.
        TrainingError: A gradient or the validation loss is not finite.
    """
    source, languages, base = session.recipe.dense_to_reward, session.recipe.data.languages, session.base
    teacher = _teacher(session, languages)
    with open_measures(session, languages) as measures:
        try:
            adapter = put_in_again(base, session.workspace.path(f"baselines/{source}"))
            parameters = adapter_parameters(adapter)
            result = _train(session, base.model, parameters, measures, languages, folder, teacher)
            if session.ranks.is_first:
                save_adapter(adapter, base, folder)
        finally:
            take_out(base.model)
    summary = measures.summary()
    if session.ranks.is_first:
        note = {"baseline": DENSE_REWARD, "kind": "adapter", "continues": source}
        write_json(folder / NOTE, note | {"training": vars(result) | summary})


def _teacher(session: Session, languages: tuple[str, ...]) -> Teacher | None:
    """Returns the distribution of the recipe's base on the kept answers, not that of a base with a shared delta."""
    kept = session.kept(languages)
    if kept is None:
        return None
    return Teacher.listen(session.base.model, kept, session.recipe.reward.row_tokens, session.accelerator.autocast)


def _train(
    session: Session,
    model: Any,
    parameters: dict[str, nn.Parameter],
    measures: Measures,
    languages: tuple[str, ...],
    folder: Path,
    teacher: Teacher | None,
) -> RewardResult:
    return train_reward(
        session.accelerator,
        model,
        session.prompt,
        parameters,
        measures.all,
        session.encoded("validation", languages),
        languages,
        session.recipe.reward,
        session.recipe.data.max_tokens,
        session.recipe.seed,
        folder,
        teacher,
        measures.rates,
    )
