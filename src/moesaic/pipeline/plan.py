"""Shows what a run will do: stages, sizes, steps, token budget, and their cost on this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table

from moesaic.pipeline.keep import read_prompts
from moesaic.pipeline.memory import is_out_of_memory
from moesaic.pipeline.refusals import check_plan
from moesaic.pipeline.rewards import tasks_by_measure
from moesaic.pipeline.stages import STAGES, Run
from moesaic.progress import say
from moesaic.recipe import DENSE, DENSE_REWARD, Optimisation, Recipe
from moesaic.train.budget import (
    Stretch,
    adapter_stretch,
    dense_options,
    expert_stretches,
    gate_stretches,
    reward_stretches,
)
from moesaic.train.merges import NUM_MERGES
from moesaic.train.samples import first_tasks

if TYPE_CHECKING:
    from moesaic.pipeline.calibration import Costs
    from moesaic.train.objective import Kept

LONG_HOURS: Final = 4.0
"""Hours above which a run gets a warning."""

_FULL: Final = 0.9
"""Share of the memory above which a run may not fit."""

_SHORTER: Final[dict[str, Callable[[Recipe], str]]] = {
    "keep": lambda recipe: f"a lower keep.max_new_tokens (now {recipe.keep.max_new_tokens:,}), or no data.keep",
    "experts": lambda recipe: f"data.train_limit, or fewer experts.epochs (now {recipe.experts.epochs:g})",
    "gate": lambda recipe: f"data.train_limit, or fewer gate.joint_epochs (now {recipe.gate.joint_epochs:g})",
    "expert_rewards": lambda recipe: f"fewer reward.rounds (now {recipe.reward.rounds:,})",
    "reward": lambda recipe: f"fewer reward.rounds (now {recipe.reward.rounds:,})",
    "baselines": lambda recipe: "fewer systems in compare",
    "predict": lambda recipe: (
        f"a lower predict.limit (now {recipe.predict.limit or 'null, all test tasks'}) or "
        f"predict.max_new_tokens (now {recipe.predict.max_new_tokens:,})"
    ),
}
"""Stage -> advice that makes the stage shorter."""


@dataclass
class Plan:
    """The rows of a plan.

    Attributes:
        stretches: Work in which tokens go through the model.
        programs: Name -> number of programs that are generated, and the largest number of tokens that they can have
            together.
        validations: Name of a stretch -> tokens of all its validations.
    """

    stretches: list[Stretch] = field(default_factory=list)
    programs: dict[str, tuple[int, int]] = field(default_factory=dict)
    validations: dict[str, int] = field(default_factory=dict)

    def add_written(self, name: str, count: int, recipe: Recipe) -> None:
        """Adds the programs that decide between the states of a stretch, if there are any.

        Args:
            name: Name of the stretch.
            count: Number of programs.
            recipe: The recipe.
        """
        if count:
            self.programs[f"{name}: programs"] = (count, count * recipe.predict.max_new_tokens)

    def seconds(self, costs: Costs) -> dict[str, float]:
        """Returns row -> seconds, as if each program had the greatest length.

        Args:
            costs: Costs on this machine.
        """
        found = {}
        for stretch in self.stretches:
            stage, _, part = stretch.name.partition(": ")
            if stretch.steps is None:
                cost = costs.loss
            elif stage == "gate":
                cost = costs.gates if part == "gates" else costs.joint
            else:
                cost = costs.joint if stage == "reward" else costs.expert
            validation = self.validations.get(stretch.name, 0) * costs.loss.seconds
            found[stretch.name] = stretch.processed * cost.seconds + validation
        return found | {name: longest * costs.program.seconds for name, (_, longest) in self.programs.items()}


def _reward_stretches(run: Run, kept: Kept | None) -> list[Stretch]:
    recipe, languages = run.recipe, run.recipe.data.languages
    if recipe.reward.rounds == 0:
        return []
    parts: list[tuple[str, tuple[str, ...]]] = [(f"expert_rewards/{name}", (name,)) for name in recipe.reward.alone]
    parts += [("reward", languages)] if recipe.reward.together else []
    parts += [(f"baselines/{DENSE_REWARD}", languages)] if DENSE_REWARD in recipe.compare else []
    stretches: list[Stretch] = []
    for name, own in parts:
        measures = tasks_by_measure(run, own).values()
        judged = [first_tasks(deciding, own, recipe.reward.validation_programs) for _, deciding in measures]
        tasks = [task for training, _ in measures for task in training]
        stretches += reward_stretches(name, tasks, sum(map(len, judged)), recipe, kept)
    return stretches


def _written(options: Optimisation, validation: Mapping[str, Sequence[int]]) -> int:
    """Returns how many programs a training writes to decide between its states."""
    if options.select == "loss":
        return 0
    return (1 + options.evaluations) * sum(min(options.select_programs, len(own)) for own in validation.values())


def make_plan(run: Run) -> Plan:
    """Returns the plan of a run whose data stage is finished. This loads the tokenizer, but not the base.

    Raises:
        DataError: The data stage has not run, or a source of prompts or tasks cannot be read.
    """
    recipe, languages = run.recipe, run.recipe.data.languages
    plan = Plan()
    training = run.encoded("train")
    validation = {name: [len(each.ids) for each in run.encoded("validation", (name,))] for name in languages}
    validation_tokens = sum(map(sum, validation.values()))
    kept = run.kept() if run.workspace.manifest("keep") else None
    if recipe.data.keep is not None:
        prompts = sum(map(len, read_prompts(recipe.data.keep, languages).values()))
        answers = prompts * recipe.keep.samples
        plan.programs["keep: answers of the base"] = (answers, answers * recipe.keep.max_new_tokens)
    for name, stretch in zip(languages, expert_stretches(training, recipe, kept), strict=True):
        if name in recipe.trained_languages:
            plan.stretches.append(stretch)
            plan.validations[stretch.name] = (1 + recipe.experts.evaluations) * sum(validation[name])
            plan.add_written(stretch.name, _written(recipe.experts, {name: validation[name]}), recipe)
    for stretch in gate_stretches(training, recipe, kept) if recipe.trains_gates else []:
        plan.stretches.append(stretch)
        if stretch.steps:
            plan.validations[stretch.name] = (1 + recipe.gate.evaluations) * validation_tokens
            plan.add_written(stretch.name, _written(recipe.gate, validation), recipe)
    for stretch in _reward_stretches(run, kept):
        if stretch.steps is None:
            plan.programs[stretch.name] = (stretch.examples, stretch.tokens)
        else:
            plan.stretches.append(stretch)
    for name in recipe.compare:
        if name in DENSE:
            keeps = name == "dense_lora_keep"
            own = kept.mixed(training) if kept is not None and keeps else training
            for schedule, options in dense_options(training, recipe, kept, keeps=keeps).items():
                stretch = adapter_stretch(f"baselines/{name}: {schedule}", own, recipe, options)
                plan.stretches.append(stretch)
                plan.validations[stretch.name] = (1 + options.evaluations) * validation_tokens
                plan.add_written(stretch.name, _written(options, validation), recipe)
        elif name in ("ties", "dare_ties"):
            num_examples, processed = sum(map(len, validation.values())), NUM_MERGES * validation_tokens
            plan.stretches.append(
                Stretch(f"baselines/{name}: validation", num_examples, validation_tokens, None, processed)
            )
    test = run.encoded(recipe.predict.split)
    test_tokens = sum(len(example.ids) for example in test)
    models = 2 if recipe.reward.together else 1  # the model before the stage ``reward`` is measured, too
    systems = 1 + models + (len(languages) if recipe.predict.cross_table else 1) + len(recipe.compare)
    plan.stretches.append(Stretch("predict: losses", len(test), test_tokens, None, systems * test_tokens))
    programs = sum(len(run.examples(name, recipe.predict.split)[: recipe.predict.limit]) for name in languages)
    # The base, the experts (each in its own language, so together they count as one), the models and the baselines.
    writers = 2 + models + len(recipe.compare)
    counts = {"programs": programs} | {
        benchmark: sum(map(len, problems.values())) for benchmark, problems in run.benchmarks().items()
    }
    for name, count in counts.items():
        plan.programs[f"predict: {name}"] = (count * writers, count * writers * recipe.predict.max_new_tokens)
    return plan


def print_plan(run: Run) -> None:
    """Prints the plan of a run whose data stage is finished, with its costs on this machine, to stdout.

    Args:
        run: The run. Its base is loaded if costs on this machine are needed that were not measured before.

    Raises:
        MoesaicError: Something that is known now would end the run later (``refusals.check_plan``).
    """
    check_plan(run, STAGES, reads_examples=True)
    plan, to_do = make_plan(run), run.to_do()
    costs = (
        _costs(run) if any(not why.startswith("finished") for name, why in to_do.items() if _costs_time(name)) else None
    )
    seconds = plan.seconds(costs) if costs is not None else {}
    table = Table(title=f"{run.recipe.name}: {run.recipe.workspace}", title_justify="left")
    words = [word for name in (*(each.name for each in plan.stretches), *plan.programs) for word in name.split()]
    longest = max(map(len, words), default=0)  # names of stages are not cut within a word, so that they stay readable
    for column in ("stage", "examples", "tokens", "steps", "tokens processed", *(["time"] if costs else [])):
        is_name = column == "stage"
        table.add_column(column, justify="left" if is_name else "right", min_width=longest if is_name else None)
    for stretch in plan.stretches:
        steps = "" if stretch.steps is None else f"{stretch.steps:,}"
        cells = (f"{stretch.examples:,}", f"{stretch.tokens:,}", steps, f"{int(stretch.processed):,}")
        table.add_row(stretch.name, *cells, *([duration(seconds[stretch.name])] if costs else []))
    for name, (programs, longest) in plan.programs.items():
        time = [f"at most {duration(seconds[name])}"] if costs else []
        table.add_row(name, f"{programs:,}", "", "", f"at most {longest:,} new", *time)
    console = Console()
    console.print(table)
    total = sum(int(stretch.processed) for stretch in plan.stretches)
    generated = sum(longest for _, longest in plan.programs.values())
    console.print(f"in all {total:,} tokens through the model, and at most {generated:,} generated", highlight=False)
    for stage, why in to_do.items():
        console.print(f"  {stage}: {why}", highlight=False, markup=False, soft_wrap=True)
    if costs is not None:
        left = {name: each for name, each in seconds.items() if not to_do.get(_stage(name), "").startswith("finished")}
        for line in cost_lines(left, costs, run.recipe):
            console.print(line, highlight=False, markup=False, soft_wrap=True)


def cost_lines(seconds: dict[str, float], costs: Costs, recipe: Recipe) -> list[str]:
    """Returns lines about the time and the memory that the remaining stages need, with warnings.

    Args:
        seconds: Row of the plan -> its seconds.
        costs: Costs on this machine.
        recipe: The recipe.
    """
    from moesaic.pipeline.calibration import machine, machine_memory

    total, memory = sum(seconds.values()), machine_memory()
    lines = [
        f"what is to be done takes about {duration(total)} on this machine ({machine()}), with all programs as long as "
        f"they may be and judging them left aside, and up to {costs.memory / 2**30:.1f} of {memory / 2**30:.1f} GiB of "
        "memory"
    ]
    if total > 3600 * LONG_HOURS:
        longest = max(seconds, key=lambda name: seconds[name])
        shorter = _SHORTER[_stage(longest).partition("/")[0]](recipe)
        lines.append(f"warning: that is long; most of it is {longest} ({duration(seconds[longest])}): try {shorter}")
    if costs.memory > _FULL * memory:
        lines.append(
            "warning: the memory may not be enough: lower experts.row_tokens, gate.row_tokens, predict.row_tokens or "
            "predict.batch_size, or set gate.gradient_checkpointing: true"
        )
    return lines


def duration(seconds: float) -> str:
    """Returns a length of time in words, with about two significant digits."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 10 else f"{round(hours):,} h" if hours < 72 else f"{round(hours / 24):,} days"


def _costs(run: Run) -> Costs | None:
    from moesaic.pipeline.calibration import costs_of

    try:
        return costs_of(run)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        say(f"warning: the memory is too small even for short rows of {run.recipe.base.model}: use another machine")
        return None


def _costs_time(stage: str) -> bool:
    return stage not in ("data", "compose", "evaluate", "report")


def _stage(row: str) -> str:
    return row.partition(": ")[0]
