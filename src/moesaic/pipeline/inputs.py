"""Lists what each stage depends on: recipe keys, contents of files, finished stages, tools.

A stage is skipped if its folder was made from exactly the same inputs, and a killed stage resumes if its inputs are
still the same. Therefore everything that can change a result must be listed here, and a key that changes no result must
not be: its value may be changed at any time, without making a stage again.

``READ_BY`` has a row for every key that changes a result. It lists the stages that read the key themselves. A stage
that depends on a key only through the files of an earlier stage is made again only when these files change.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

from moesaic.data.extras import input_digest, source_files
from moesaic.errors import DataError, ToolchainError
from moesaic.files import digest_of, file_digest
from moesaic.parsing import grammar_versions
from moesaic.recipe import DENSE, DENSE_REWARD, Recipe

if TYPE_CHECKING:
    from moesaic.execution.problems import Problem
    from moesaic.pipeline.session import Session

Inputs = dict[str, Any]
"""Name of an input, in words -> its value, or the digest of its content."""

_OPTIMISATION: Final = (
    "learning_rate", "weight_decay", "warmup_fraction", "row_tokens", "accumulation", "clip_norm", "evaluations",
    "patience", "select", "select_programs",
)  # fmt: skip


_SANDBOX: Final = "the sandbox"
_TOOLS: Final = "tools of "
MISSING: Final = "missing: "


def _keys(section: str, names: Iterable[str], *stages: str) -> dict[str, tuple[str, ...]]:
    return {f"{section}.{name}": stages for name in names}


READ_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "seed": ("experts", "compose", "gate", "reward", "baselines", "predict"),
    "compare": ("predict",),
    # The name and number format of the base; its files are inputs by their content (``_base``).
    "base.model": ("experts", "compose", "gate", "reward", "baselines"),
    "base.dtype": ("keep", "experts", "compose", "gate", "reward", "baselines", "predict"),
    "base.quantize": ("keep", "experts", "compose", "gate", "reward", "baselines", "predict"),
    "data.languages": ("data", "keep", "compose", "gate", "reward", "baselines", "predict", "evaluate"),
    "data.max_tokens": ("data", "keep", "reward"),
    "data.keep": ("keep",),
    **_keys(
        "data",
        ("source", "revision", "extra", "fields", "format", "train_limit", "validation_limit", "test_limit"),
        "data",
    ),
    **_keys("data", ("validation_fraction", "test_fraction"), "data"),
    **_keys("keep", ("samples", "temperature", "max_new_tokens", "per_prompt"), "keep"),
    "keep.loss": ("keep", "experts", "gate", "reward", "baselines"),
    **_keys("keep", ("weight", "share"), "experts", "gate", "reward", "baselines"),
    "keep.tolerance": ("reward",),
    **_keys("experts", _OPTIMISATION, "experts", "baselines"),
    **_keys("experts", ("rank", "alpha", "dropout", "targets", "epochs", "max_steps", "keep"), "experts", "baselines"),
    "experts.self_training": ("keep", "experts", "baselines"),
    **_keys("gate", ("kind", "top_k", "anchor", "init", "init_programs"), "compose", "gate", "baselines"),
    **_keys("gate", _OPTIMISATION, "gate", "baselines"),
    **_keys("gate", ("gate_steps", "joint_epochs", "joint_learning_rate", "shared_rank"), "gate", "baselines"),
    **_keys("gate", ("load_balance", "importance", "load", "z_loss", "language"), "gate", "baselines"),
    "reward.rounds": ("reward", "predict"),
    "data.tasks": ("reward",),
    **_keys("reward", ("kind", "codebleu_weight", "partial", "overlap", "clip_ratio"), "reward"),
    **_keys("reward", ("prompts", "samples", "steps", "temperature", "likelihood", "learning_rate"), "reward"),
    **_keys("reward", ("clip_norm", "row_tokens", "max_new_tokens", "validation_programs", "evaluations"), "reward"),
    **_keys("predict", ("split", "limit", "benchmarks"), "predict", "evaluate"),
    **_keys("predict", ("cross_table", "max_new_tokens", "temperature", "top_p"), "predict"),
    **_keys("evaluate", ("metrics", "bootstrap_samples"), "evaluate"),
    **_keys("evaluate", ("allow_code_execution", "sandbox"), "keep", "evaluate"),
}
"""Key of the recipe -> the stages that read it themselves."""

_MEMORY: Final = "trades memory for time; the numbers are the same, up to rounding"
_COMPILED: Final = "compiles the same equations; the numbers are the same, up to rounding"
_TOGETHER: Final = "says how many items are computed together; the result of each is the same"
_WHEN: Final = "says when checkpoints are written; a run continues from them with the same bits"

NEUTRAL: Final[Mapping[str, str]] = {
    "name": "says where results are written",
    "output": "says where results are written",
    "trackers": "says which trackers get the metrics",
    "processes.shard": "says on which GPUs the base's weights are; the products are the same, up to rounding",
    "grow.model": "says where the model to grow is; the model's content is an input",
    "grow.languages": "says which experts are trained; if a model grows, an input of compose (_compose)",
    "reward.alone": "says which experts are trained on rewards before they are composed; their files are inputs",
    "grow.train_gates": "says whether the stage gate runs; its files are inputs",
    "base.sha256": "says which digest the base must have; the base's content is an input",
    "base.revision": "says which commit of the base is loaded; the base's content is an input",
    **dict.fromkeys((f"{section}.checkpoint_minutes" for section in ("experts", "gate", "reward")), _WHEN),
    **dict.fromkeys(("experts.gradient_checkpointing", "gate.gradient_checkpointing"), _MEMORY),
    "gate.selective_checkpointing": _MEMORY,
    **dict.fromkeys((f"{section}.compile" for section in ("experts", "gate", "reward", "predict")), _COMPILED),
    **dict.fromkeys(("reward.batch_size", "predict.batch_size", "predict.row_tokens"), _TOGETHER),
    **dict.fromkeys(("reward.workers", "evaluate.workers"), _TOGETHER),
}
"""Key of the recipe -> why it changes no result of any stage."""

_HELD_OUT: Final = "says which problems of a benchmark are held out; the problems themselves are inputs"
_RAN: Final = "says whether and how programs are run; a finished training keeps the verdicts that it got"
_ANSWERED: Final = "says whether there are answers of the base; the answers themselves are inputs"

LOOKED_AT: Final[Mapping[tuple[str, str], str]] = {
    ("experts", "data.languages"): "numbers the languages for the gates; an expert has only one",
    **{(stage, "base.model"): "locates the base; its content is an input" for stage in ("data", "keep", "predict")},
    ("keep", "seed"): "is an input only if answers are sampled (_keep)",
    ("compose", "keep.tolerance"): "says when growing a model warns about a language",
    **{(stage, key): _HELD_OUT for stage in ("predict", "evaluate") for key in ("data.extra", "data.keep")},
    **{(stage, "data.tasks"): _HELD_OUT for stage in ("predict", "evaluate")},
    **{("reward", f"evaluate.{key}"): _RAN for key in ("allow_code_execution", "sandbox")},
    **{(stage, "data.keep"): _ANSWERED for stage in ("experts", "compose", "gate", "reward", "baselines")},
}
"""(stage, key that it reads) -> why the key does not change the stage's result."""


def leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """Yields the dotted keys of a recipe with their values; a mapping from names to paths is one value."""
    for name, value in tree.items():
        if isinstance(value, dict) and not prefix:
            yield from leaves(value, f"{name}.")
        else:
            yield f"{prefix}{name}", value


def stages_read(recipe: Recipe, name: str) -> tuple[str, ...]:
    """Returns the stages whose files a stage reads, in the order of a run."""
    stage, _, part = name.partition("/")
    kept = ("keep",) if recipe.data.keep is not None else ()
    experts = tuple(map(recipe.expert_stage, recipe.trained_languages))
    gate = ("gate",) if recipe.trains_gates else ()
    rewarded = ("reward",) if recipe.reward.together else ()
    # A dense adapter is made only from data and answers, so a retrained expert does not change it.
    made_from = {
        **dict.fromkeys(DENSE, kept),
        DENSE_REWARD: (*kept, f"baselines/{recipe.dense_to_reward}"),
        "moe_gates": (*experts, "gate"),
    }
    table: dict[str, tuple[str, ...]] = {
        "data": (),
        "keep": (),
        "experts": ("data", *(kept if recipe.experts.keep or recipe.experts.self_training else ())),
        "expert_rewards": ("data", *kept, f"experts/{part}"),
        "compose": ("data", *kept, *experts),
        "gate": ("data", *kept, "compose"),
        "reward": ("data", *kept, "gate"),
        "baselines": ("data", *made_from.get(part, experts)),
        "predict": ("data", "compose", *gate, *rewarded, *(f"baselines/{baseline}" for baseline in recipe.compare)),
        "evaluate": ("data", "predict"),
    }
    return table[stage]


def stage_inputs(session: Session, name: str) -> Inputs:
    """Returns all inputs of a stage.

    Args:
        session: The recipe and its workspace.
        name: Name of the stage's folder, for example ``experts/python``.

    Raises:
        CheckpointError: A stage that this one reads is not finished.
        DataError: The data stage has not run, or a source or benchmark is missing.
    """
    stage, _, part = name.partition("/")
    recipe, workspace = session.recipe, session.workspace
    others = stages_read(recipe, name)
    inputs: Inputs = {
        key: value for key, value in leaves(recipe.model_dump(mode="json")) if _reads(recipe, name, key, others)
    }
    inputs |= _OTHER_INPUTS[stage](session, part)
    for other in others:
        if other == "keep":
            inputs |= _answers(session, *([part] if stage in ("experts", "expert_rewards") else []))
        elif other != "data":  # stages read parts of the data, which ``_examples`` lists
            inputs[f"stage {other}"] = workspace.output_digest(other)
    return inputs


def reads_as(name: str) -> str:
    """Returns the stage in ``READ_BY`` whose keys a stage reads: all trainings on rewards read those of ``reward``."""
    stage, _, part = name.partition("/")
    return "reward" if stage == "expert_rewards" or part == DENSE_REWARD else stage


def _reads(recipe: Recipe, name: str, key: str, others: Sequence[str]) -> bool:
    """Returns whether the value of a key is an input of a stage that reads the stages ``others``."""
    stage, learns = reads_as(name), recipe.experts.self_training
    if key.startswith("keep.") and stage != "keep" and ("keep" not in others or (stage == "experts" and learns)):
        return False  # these keys weight answers against programs, and the stage does not train on both
    if key == "experts.self_training" and not learns:
        return False  # as if the key did not exist, so that stages made before it existed stay finished
    if key == "data.languages" and name.startswith("expert_rewards/"):
        return False  # only its own language is trained
    if key == "predict.max_new_tokens" and _writes_to_decide(recipe, stage, name):
        return True  # the programs that decide between states are as long as those of ``predict``
    return stage in READ_BY.get(key, ())


def _writes_to_decide(recipe: Recipe, stage: str, name: str) -> bool:
    """Returns whether programs that a state writes decide in a stage whether it is kept (``select``)."""
    if stage == "experts":
        return recipe.experts.select == "codebleu"
    is_joint = stage == "gate" or name.removeprefix("baselines/") in DENSE
    return is_joint and recipe.gate.select == "codebleu"


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Returns the names of the inputs that differ."""
    return [name for name in {**before, **now} if name not in before or name not in now or before[name] != now[name]]


def asks_again(name: str) -> bool:
    """Returns whether a change of an input of ``keep`` changes the base's answers, and not only how they are judged."""
    judged = (
        "data.keep",
        "data.max_tokens",
        "keep.loss",
        "keep.per_prompt",
        "experts.self_training",
        "evaluate.allow_code_execution",
        "evaluate.sandbox",
        _SANDBOX,
    )
    return name not in judged and not name.startswith(_TOOLS)


def _data(session: Session, _: str) -> Inputs:
    return {
        "the files of data.source and data.extra": input_digest(session.recipe.data),
        "tokenizer": _tokenizer(session),
        "formatters": _packages("ruff", "clang-format", "tree-sitter"),
    }


def _keep(session: Session, _: str) -> Inputs:
    recipe = session.recipe
    source = recipe.data.keep or ""
    inputs: Inputs = {"the files of data.keep": source_files(source, recipe.data.languages, "data.keep")}
    if recipe.keep.temperature > 0:
        inputs["seed"] = recipe.seed
    tools = tools_of(recipe) if recipe.evaluate.allow_code_execution and recipe.runs_answers else {}
    # Answers that were judged on a machine with the tools stay judged on one without them.
    before = (session.workspace.manifest("keep") or {}).get("inputs", {})
    tools = {key: before.get(key, value) if str(value).startswith(MISSING) else value for key, value in tools.items()}
    return inputs | _base(session) | tools


def _experts(session: Session, language: str) -> Inputs:
    return {"language": language} | _base(session) | _examples(session, ("train", "validation"), language)


def _trained(session: Session, _: str) -> Inputs:
    return _base(session) | _examples(session, ("train", "validation"))


def _expert_reward(session: Session, language: str) -> Inputs:
    return _experts(session, language) | _tasks(session)


def _reward(session: Session, _: str) -> Inputs:
    return _trained(session, "") | _tasks(session)


def _tasks(session: Session) -> Inputs:
    from moesaic.pipeline.tasks import tasks_digest

    recipe = session.recipe
    return {"the files of data.tasks": tasks_digest(recipe.data.tasks)} if recipe.reward.runs_tests else {}


def _compose(session: Session, _: str) -> Inputs:
    if session.start is None:
        return _base(session) | _examples(session, ("train",))
    from moesaic.pipeline.growing import model_digest

    grown: Inputs = {
        "the model of grow.model": model_digest(session.start),
        "grow.languages": list(session.recipe.grow.languages),
    }
    return grown | _base(session) | _examples(session, ("train", "validation"))


def _baseline(session: Session, name: str) -> Inputs:
    return {"baseline": name} | _trained(session, name) | (_tasks(session) if name == DENSE_REWARD else {})


def _predict(session: Session, _: str) -> Inputs:
    # The model sees only the task or the beginning of a problem. Its tests are inputs of ``evaluate``.
    prompts = _problems(session, lambda problem: [problem.id, problem.language, problem.text or problem.prompt])
    return _base(session) | _examples(session, (session.recipe.predict.split,)) | prompts


def _evaluate(session: Session, _: str) -> Inputs:
    from moesaic.execution.problems import read_problems

    recipe = session.recipe
    options = recipe.evaluate
    inputs = _examples(session, (recipe.predict.split,)) | _problems(session, dataclasses.asdict)
    inputs["metrics' packages"] = _packages("sacrebleu") | grammar_versions()
    runs_tests = "pass@1" in options.metrics
    if options.allow_code_execution and recipe.predict.limit != 0 and (runs_tests or recipe.predict.benchmarks):
        inputs |= tools_of(recipe)
        if runs_tests:
            corpus = read_problems("corpus", None)
            inputs["tests of the corpus"] = digest_of(
                [[dataclasses.asdict(problem) for problem in corpus.get(name, ())] for name in recipe.data.languages]
            )
    return inputs


_OTHER_INPUTS: Final[Mapping[str, Callable[[Session, str], Inputs]]] = {
    "data": _data,
    "keep": _keep,
    "experts": _experts,
    "compose": _compose,
    "gate": _trained,
    "expert_rewards": _expert_reward,
    "reward": _reward,
    "baselines": _baseline,
    "predict": _predict,
    "evaluate": _evaluate,
}
"""Stage -> function that returns its inputs other than keys and earlier stages."""


def _base(session: Session) -> Inputs:
    return {"weights of the base": session.base_source.digest, "tokenizer": _tokenizer(session)}


def _tokenizer(session: Session) -> str:
    """Returns a digest of the small files of a base: tokenizer, chat template, configuration, stop tokens."""
    folder = session.base_source.path
    kinds = {".json", ".jinja", ".model", ".txt"}
    places = (*folder.glob("*"), *folder.glob("additional_chat_templates/*"))
    files = [path for path in places if path.suffix in kinds and not path.name.endswith(".index.json")]
    return digest_of([[str(path.relative_to(folder)), file_digest(path)] for path in sorted(files)])


def _examples(session: Session, splits: tuple[str, ...], *languages: str) -> Inputs:
    folder, names = session.workspace.path("data"), languages or session.recipe.data.languages
    manifest = session.workspace.manifest("data")
    if manifest is None:
        raise DataError(f"there is no data in {folder}: run moesaic data RECIPE first")
    missing = [name for name in names if not (folder / name).is_dir()]
    if missing:
        raise DataError(
            f"there is no {', '.join(missing)} in {folder}, which was made before it came to data.languages: "
            "run moesaic data RECIPE first"
        )
    digests = manifest.get("sha256", {})
    return {f"examples {name}/{split}": digests.get(f"{name}/{split}.jsonl") for name in names for split in splits}


def _answers(session: Session, *languages: str) -> Inputs:
    """Returns the digests of the kept answers; a language may have none."""
    folder, manifest = session.workspace.path("keep"), session.workspace.manifest("keep")
    if manifest is None:
        raise DataError(f"there are no answers of the base in {folder}: run moesaic keep RECIPE first")
    digests, names = manifest.get("sha256", {}), languages or session.recipe.data.languages
    return {
        f"answers {name}/{split}": digests.get(f"{name}/{split}.jsonl")
        for name in names
        for split in ("train", "validation")
    }


def _problems(session: Session, describe: Callable[[Problem], object]) -> Inputs:
    return {
        f"benchmark {benchmark}": digest_of(
            {language: [describe(problem) for problem in problems] for language, problems in groups.items()}
        )
        for benchmark, groups in session.benchmarks().items()
    }


def tools_of(recipe: Recipe) -> Inputs:
    """Returns the versions of compilers, run-times and the sandbox, and which of them are missing.

    They are inputs, because a tool that is installed later changes results.
    """
    from moesaic.execution.isolation import Bubblewrap, RlimitOnly
    from moesaic.execution.judges import find_toolchains

    found, missing = find_toolchains(recipe.data.languages)
    tools: Inputs = {f"{_TOOLS}{name}": toolchain.versions for name, toolchain in found.items()}
    tools |= {f"{_TOOLS}{name}": f"{MISSING}{reason}" for name, reason in missing.items()}
    try:
        tools[_SANDBOX] = (Bubblewrap if recipe.evaluate.sandbox == "bubblewrap" else RlimitOnly)().name
    except ToolchainError as error:
        tools[_SANDBOX] = f"{MISSING}{error}"
    return tools


def _packages(*names: str) -> dict[str, str | None]:
    def version(name: str) -> str | None:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            return None

    return {name: version(name) for name in names}
