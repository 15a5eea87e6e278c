"""What a run will do, before it does it: stages, sizes, steps and the token budget."""

from __future__ import annotations

import math

from rich.console import Console
from rich.table import Table

from moesaic.data.packing import PackedBatches
from moesaic.pipeline import Run


def print_plan(run: Run) -> None:
    """Prints the plan of a run whose data stage is finished, on stdout.

    Args:
        run: The run; its tokenizer is loaded, its base is not.
    """
    recipe, languages = run.recipe, run.recipe.data.languages
    table = Table(title=f"{recipe.name}: {recipe.workspace}", title_justify="left")
    for column in ("stage", "examples", "tokens", "steps", "tokens processed"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    total = 0

    def add(stage: str, examples: int, tokens: int, steps: int | None, processed: float) -> None:
        nonlocal total
        total += int(processed)
        cells = (f"{examples:,}", f"{tokens:,}", "" if steps is None else f"{steps:,}", f"{int(processed):,}")
        table.add_row(stage, *cells)

    for language in languages:
        batches = PackedBatches(run.encoded("train", (language,)), languages, recipe.experts.row_tokens)
        per_epoch = len(batches) / recipe.experts.accumulation
        steps = math.ceil(recipe.experts.epochs * per_epoch)
        steps = min(steps, recipe.experts.max_steps or steps)
        processed = batches.num_tokens * steps / per_epoch
        add(f"experts/{language}", len(batches.examples), batches.num_tokens, steps, processed)
    encoded = run.encoded("train")
    batches = PackedBatches(encoded, languages, recipe.gate.row_tokens)
    joint_rows, joint_tokens = len(batches), batches.num_tokens
    per_row = joint_tokens / joint_rows
    gate_steps = recipe.gate.gate_steps
    add("gate: gates", len(encoded), joint_tokens, gate_steps, gate_steps * recipe.gate.accumulation * per_row)
    joint_steps = math.ceil(recipe.gate.joint_epochs * joint_rows / recipe.gate.accumulation)
    add("gate: joint", len(encoded), joint_tokens, joint_steps, recipe.gate.joint_epochs * joint_tokens)
    test = run.encoded(recipe.predict.split)
    test_tokens = sum(len(example.ids) for example in test)
    systems = 2 + (len(languages) if recipe.predict.cross_table else 1)
    add("predict: losses", len(test), test_tokens, None, systems * test_tokens)
    programs = sum(len(run.examples(name, recipe.predict.split)[: recipe.predict.limit]) for name in languages)
    longest = 3 * programs * recipe.predict.max_new_tokens
    table.add_row("predict: programs", f"{3 * programs:,}", "", "", f"at most {longest:,} new")
    console = Console()
    console.print(table)
    console.print(f"in all {total:,} tokens through the model, and at most {longest:,} generated", highlight=False)
    for stage in run.stage_names():
        console.print(f"  {stage}: {'finished' if run.workspace.manifest(stage) else 'to do'}", highlight=False)
