"""Measures what untrained bases solve of the embedded corpus: greedy pass@1 on its test tasks, by language.

    python benchmarks/corpus_bases.py BASE [BASE ...] --allow-code-execution
        [--languages python,java] [--tokens 512] [--dtype bfloat16] [--folder runs/corpus-bases] [--out results.json]

BASE is a value that ``base.model`` of a recipe accepts. Each base gets the prompts that a run gives to the system
``base``: the task with two examples, in the base's own chat template, with an answer that is opened by a code fence.
Programs are stored below ``--folder``, one file per language. If the command is started again, it continues with the
first missing program. The programs run in the sandbox, and only with ``--allow-code-execution``. Languages whose tools
are missing are named.

Intervals (95%) are made by resampling the tasks, each with its programs in all languages.
"""

from __future__ import annotations

import argparse
import datetime
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import torch
from generation_cpu import processor
from places import file_to_write, folder_to_write

from moesaic.data.corpus import CORPUS_LANGUAGES, load_tasks
from moesaic.data.examples import Example
from moesaic.data.prompts import PromptFormat
from moesaic.errors import DataError, MoesaicError
from moesaic.execution.grading import grade_programs
from moesaic.execution.problems import read_problems
from moesaic.execution.sandbox import Sandbox
from moesaic.files import read_json, read_json_lines, write_json
from moesaic.languages import LANGUAGES, get_language
from moesaic.model.backbone import DType, load_base
from moesaic.pipeline.predict import write_predictions
from moesaic.progress import say
from moesaic.recipe import PredictRecipe
from moesaic.statistics import estimate_over_problems


def tasks_in(languages: Sequence[str]) -> dict[str, list[Example]]:
    """Returns language -> test tasks of the corpus.

    Raises:
        DataError: The corpus has no programs in one of the languages.
    """
    names = [get_language(name).name for name in languages]
    if unknown := [name for name in names if name not in CORPUS_LANGUAGES]:
        raise DataError(f"--languages: the corpus has no {unknown[0]}; allowed: {', '.join(CORPUS_LANGUAGES)}")
    tasks = [task for task in load_tasks() if task.split == "test"]
    return {name: [Example(task.id, name, task.text, task.programs[name]) for task in tasks] for name in names}


def folder_of(base: str) -> str:
    """Returns a base's name as a file name: ``Qwen-Qwen3-0.6B`` for ``Qwen/Qwen3-0.6B``, ``a.gguf`` for its path."""
    name = Path(base).name if Path(base).exists() else base
    return re.sub(r"[^\w.]+", "-", name).strip("-")


def write_programs(
    spec: str, folder: Path, tasks: Mapping[str, Sequence[Example]], tokens: int, dtype: DType = "auto"
) -> None:
    """Writes the missing programs of a base, and a description of how they were made."""
    if all((folder / f"{name}.jsonl").exists() for name in tasks):
        return
    base = load_base(spec, dtype, device="cuda" if torch.cuda.is_available() else "cpu")
    prompt, options = PromptFormat(base.tokenizer), PredictRecipe(max_new_tokens=tokens)
    # A file may store the output embedding separately although it equals the input embedding: it is counted once.
    named = base.model.named_parameters()
    parameters = sum(parameter.numel() for name, parameter in named if not name.startswith("lm_head."))
    setting = {"base": spec, "digest": base.digest, "parameters": parameters, "dtype": str(base.model.dtype)[6:]}
    device = torch.cuda.get_device_name() if base.model.device.type == "cuda" else processor()
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "setting.json", setting | {"device": device, "torch": torch.__version__})
    for name, examples in tasks.items():  # a file is written as soon as its language is finished
        write_predictions(folder, spec, base.model, prompt, {name: examples}, options, seed=0)


def judge(folder: Path, tasks: Mapping[str, Sequence[Example]], sandbox: Sandbox) -> dict[str, Any]:
    """Runs a base's programs; returns counts by language, and pass@1 over all of them."""
    rows = {name: [row for _, row in read_json_lines(folder / f"{name}.jsonl")] for name in tasks}
    programs = [
        {"id": row["id"], "language": name, "program": row["prediction"]} for name, own in rows.items() for row in own
    ]
    grading = grade_programs(programs, read_problems("corpus", None), sandbox=sandbox, rows=folder / "verdicts.jsonl")
    for name, reason in grading.skipped.items():
        say(f"{name} skipped: {reason}")
    judged = {name: own for name, own in rows.items() if name not in grading.skipped}
    verdicts = {name: [row for row in grading.rows if row.language == name] for name in judged}
    samples = [[(row.id, float(row.passed), 1.0) for row in own] for own in verdicts.values()]
    return {
        "languages": {
            name: {
                "tasks": len(own),
                "passed": sum(row.passed for row in verdicts[name]),
                "ended": sum(row["stopped"] for row in own),
                "status": dict(Counter(row.status for row in verdicts[name])),
                "solved": [row.id for row in verdicts[name] if row.passed],
            }
            for name, own in judged.items()
        },
        "pass@1": estimate_over_problems(samples).to_dict() if samples else None,
    }


def table(results: Sequence[Mapping[str, Any]], languages: Sequence[str]) -> str:
    """Returns the bases as a Markdown table with one column of solved tasks per language."""
    titles = [LANGUAGES[name].title for name in languages]
    lines = [f"| base | parameters | {' | '.join(titles)} | pass@1 |", f"|---|{'---:|' * (len(titles) + 2)}"]
    for result in results:
        own = result["languages"]
        cells = [f"{own[name]['passed']} of {own[name]['tasks']}" if name in own else "" for name in languages]
        mean = result["pass@1"]
        share = "" if mean is None else f"{mean['value']:.3f} [{mean['low']:.3f}, {mean['high']:.3f}]"
        size = f"{result['parameters'] / 1e6:,.0f} M"
        lines.append(f"| {result['base']} | {size} | {' | '.join(cells)} | {share} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bases", nargs="+", metavar="BASE")
    parser.add_argument("--languages", default=",".join(CORPUS_LANGUAGES))
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--dtype", choices=get_args(DType), default="auto")
    parser.add_argument("--folder", type=folder_to_write, default="runs/corpus-bases")
    parser.add_argument("--out", type=file_to_write)
    parser.add_argument("--allow-code-execution", action="store_true")
    options = parser.parse_args(arguments)
    results = []
    try:
        tasks = tasks_in(options.languages.split(","))
        with Sandbox("bubblewrap", allow_code_execution=options.allow_code_execution) as sandbox:
            for spec in options.bases:
                folder = options.folder / f"{folder_of(spec)}-{options.tokens}-{options.dtype}"
                write_programs(spec, folder, tasks, options.tokens, options.dtype)
                results.append(read_json(folder / "setting.json") | judge(folder, tasks, sandbox))
                print(table(results, list(tasks)), flush=True)
    except MoesaicError as error:
        say(f"error: {error}")
        return 2
    if options.out is not None:
        made = {"date": str(datetime.date.today()), "tokens": options.tokens, "split": "test", "bases": results}
        write_json(options.out, made)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
