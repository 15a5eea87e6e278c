"""What a run will do, before it does it: stages, sizes, steps and the token budget."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from moesaic.pipeline.keep import read_prompts
from moesaic.pipeline.stages import Run
from moesaic.train.budget import (
    Stretch,
    adapter_stretch,
    dense_options,
    expert_stretches,
    gate_stretches,
    reward_stretches,
)
from moesaic.train.merges import NUM_MERGES


def print_plan(run: Run) -> None:
    """Prints the plan of a run whose data stage is finished, on stdout.

    Args:
        run: The run; its tokenizer is loaded, its base is not.
    """
    recipe, languages = run.recipe, run.recipe.data.languages
    table = Table(title=f"{recipe.name}: {recipe.workspace}", title_justify="left")
    for column in ("stage", "examples", "tokens", "steps", "tokens processed"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    total = generated = 0

    def add(stretch: Stretch) -> None:
        nonlocal total
        total += int(stretch.processed)
        steps = "" if stretch.steps is None else f"{stretch.steps:,}"
        cells = (f"{stretch.examples:,}", f"{stretch.tokens:,}", steps, f"{int(stretch.processed):,}")
        table.add_row(stretch.name, *cells)

    def add_programs(name: str, programs: int, longest: int) -> None:
        nonlocal generated
        generated += longest
        table.add_row(name, f"{programs:,}", "", "", f"at most {longest:,} new")

    training = run.encoded("train")
    kept = run.kept() if run.workspace.manifest("keep") else None
    if recipe.data.keep is not None:
        prompts = sum(map(len, read_prompts(recipe.data.keep, languages).values()))
        answers = prompts * recipe.keep.samples
        add_programs("keep: answers of the base", answers, answers * recipe.keep.max_new_tokens)
    new = {f"experts/{name}" for name in recipe.trained_languages}
    stretches = [stretch for stretch in expert_stretches(training, recipe, kept) if stretch.name in new]
    for stretch in stretches + (gate_stretches(training, recipe, kept) if recipe.trains_gates else []):
        add(stretch)
    judged = sum(len(run.examples(name, "validation")[: recipe.reward.validation_programs]) for name in languages)
    for stretch in reward_stretches(training, judged, recipe, kept):
        if stretch.steps is None:
            add_programs(stretch.name, stretch.examples, stretch.tokens)
        else:
            add(stretch)
    for name in recipe.compare:
        if name in ("dense_lora", "dense_lora_keep"):
            keeps = name == "dense_lora_keep"
            own = kept.mixed(training) if kept is not None and keeps else training
            for schedule, options in dense_options(training, recipe, kept, keeps=keeps).items():
                add(adapter_stretch(f"baselines/{name}: {schedule}", own, recipe, options))
        elif name in ("ties", "dare_ties"):
            validation = run.encoded("validation")
            tokens = sum(len(example.ids) for example in validation)
            add(Stretch(f"baselines/{name}: validation", len(validation), tokens, None, NUM_MERGES * tokens))
    test = run.encoded(recipe.predict.split)
    test_tokens = sum(len(example.ids) for example in test)
    models = 2 if recipe.reward.rounds > 0 else 1  # the one before the reward is measured too
    systems = 1 + models + (len(languages) if recipe.predict.cross_table else 1) + len(recipe.compare)
    add(Stretch("predict: losses", len(test), test_tokens, None, systems * test_tokens))
    programs = sum(len(run.examples(name, recipe.predict.split)[: recipe.predict.limit]) for name in languages)
    programs *= 2 + models + len(recipe.compare)
    add_programs("predict: programs", programs, programs * recipe.predict.max_new_tokens)
    console = Console()
    console.print(table)
    console.print(f"in all {total:,} tokens through the model, and at most {generated:,} generated", highlight=False)
    for stage, why in run.to_do().items():
        console.print(f"  {stage}: {why}", highlight=False, markup=False, soft_wrap=True)
