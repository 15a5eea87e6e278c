"""The recipe: one frozen, typed tree that describes a run completely.

A recipe is a YAML file; ``key.subkey=value`` on the command line replaces single values. An unknown key is refused, and
the nearest known one is suggested. One error lists all problems. Apart from reading the YAML file, checking a recipe
uses neither the disk nor the network nor a device. ``docs/recipe.md`` is made from the text under each field.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import field_validator, model_validator

from moesaic.errors import DataError, RecipeError
from moesaic.files import digest_of
from moesaic.gates import GATES
from moesaic.languages import LANGUAGES, get_language, syntax_of
from moesaic.recipe.baselines import DENSE, DENSE_REWARD, MADE_TOGETHER, Baseline
from moesaic.recipe.growing import GrowRecipe
from moesaic.recipe.measuring import EvaluateRecipe, MetricName, PredictRecipe
from moesaic.recipe.problems import StandIns, check
from moesaic.recipe.reading import read_tree
from moesaic.recipe.reward import RewardRecipe
from moesaic.recipe.sections import (
    ATTENTION_TARGETS,
    CORPUS,
    MATHQA_PREFIX,
    MBXP_PREFIX,
    MLP_TARGETS,
    BaseRecipe,
    DataRecipe,
    ExpertsRecipe,
    GateRecipe,
    KeepRecipe,
    Optimisation,
    ProcessesRecipe,
    Section,
    refuse_twice,
)
from moesaic.stores.objects import StoreUrl, parse_url

__all__ = [
    "ATTENTION_TARGETS",
    "CORPUS",
    "DENSE",
    "DENSE_REWARD",
    "MADE_TOGETHER",
    "MATHQA_PREFIX",
    "MBXP_PREFIX",
    "MLP_TARGETS",
    "BaseRecipe",
    "Baseline",
    "DataRecipe",
    "EvaluateRecipe",
    "ExpertsRecipe",
    "GateRecipe",
    "GrowRecipe",
    "KeepRecipe",
    "MetricName",
    "Optimisation",
    "PredictRecipe",
    "ProcessesRecipe",
    "Recipe",
    "RewardRecipe",
    "load_recipe",
    "read_tree",
]


class Recipe(Section):
    """A whole run."""

    name: str = ""
    """Name of the workspace's folder in ``output``. The default is the name of the recipe file."""
    seed: int = 0
    """Seed of all random numbers."""
    output: str = "runs"
    """Folder for the workspaces, or ``s3://BUCKET/PREFIX`` or ``gs://BUCKET/PREFIX`` (docs/clusters.md)."""
    base: BaseRecipe
    """The base model."""
    data: DataRecipe
    """The data."""
    keep: KeepRecipe = KeepRecipe()
    """How ``data.keep`` is used; no effect without it."""
    experts: ExpertsRecipe = ExpertsRecipe()
    """The experts."""
    gate: GateRecipe = GateRecipe()
    """The gates."""
    grow: GrowRecipe = GrowRecipe()
    """A finished model to which languages are added."""
    reward: RewardRecipe = RewardRecipe()
    """Training on the model's own programs; off by default."""
    predict: PredictRecipe = PredictRecipe()
    """How the models are run for the results."""
    evaluate: EvaluateRecipe = EvaluateRecipe()
    """How the outputs are judged."""
    compare: tuple[Baseline, ...] = ()
    """Baselines to compare with. Each is made in a separate stage and listed in the table; see docs/baselines.md."""
    processes: ProcessesRecipe = ProcessesRecipe()
    """Options for runs in several processes."""
    trackers: tuple[str, ...] = ()
    """Experiment trackers that accelerate supports (``tensorboard``, ``wandb``, ...)."""

    @field_validator("name")
    @classmethod
    def _folder_name(cls, value: str) -> str:
        if "/" in value or value.startswith("."):
            raise ValueError(f"{value!r} is not a folder name: no slash, no leading dot")
        return value

    @field_validator("output")
    @classmethod
    def _known_place(cls, value: str) -> str:
        parse_url(value)
        return value

    @field_validator("compare")
    @classmethod
    def _different_baselines(cls, value: tuple[Baseline, ...]) -> tuple[Baseline, ...]:
        refuse_twice(value, "a baseline")
        return value

    @field_validator("trackers")
    @classmethod
    def _different_trackers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        refuse_twice(value, "a tracker")
        return value

    @model_validator(mode="after")
    def _top_k_fits(self) -> Self:
        num_experts = len(self.data.languages) + self.gate.anchor
        if not GATES[self.gate.kind].mixes_all and self.gate.top_k > num_experts:
            which = "data.languages and gate.anchor" if self.gate.anchor else "data.languages"
            raise ValueError(
                f"gate.top_k is {self.gate.top_k} but there are {num_experts} experts ({which}): use 1 to {num_experts}"
            )
        return self

    @model_validator(mode="after")
    def _something_to_keep(self) -> Self:
        if self.experts.keep and self.experts.self_training:
            raise ValueError(
                "experts.keep: true trains on the base's answers in addition to the data's programs, and "
                "experts.self_training: true only on answers that pass their tests: set one of them to false"
            )
        needs = ["experts.keep: true"] if self.experts.keep else []
        needs += ["experts.self_training: true"] if self.experts.self_training else []
        needs += ["compare: dense_lora_keep"] if "dense_lora_keep" in self.compare else []
        if needs and self.data.keep is None:
            raise ValueError(f"{' and '.join(needs)} without data.keep: give it mbxp:PATH or a folder of JSON Lines")
        return self

    @model_validator(mode="after")
    def _dense_adapter_to_reward(self) -> Self:
        if DENSE_REWARD not in self.compare:
            return self
        if not self.reward.together:
            given = f"reward.alone is {', '.join(self.reward.alone)}" if self.reward.alone else "reward.rounds is 0"
            raise ValueError(
                "compare: dense_lora_reward is trained as the stage reward trains the Mixture-of-Experts, but "
                f"{given}, so there is no such stage: set reward.rounds above 0 without reward.alone, or leave it out"
            )
        if self.dense_to_reward not in self.compare[: self.compare.index(DENSE_REWARD)]:
            raise ValueError(
                f"compare: dense_lora_reward continues the training of {self.dense_to_reward}: name that before it"
            )
        return self

    @model_validator(mode="after")
    def _grown_languages_have_data(self) -> Self:
        if self.grow.model is None:
            return self
        if missing := [name for name in self.grow.languages if name not in self.data.languages]:
            raise ValueError(
                f"grow.languages names {', '.join(missing)}, but data.languages is {', '.join(self.data.languages)}: "
                "add it there, too"
            )
        if not self.trains_gates and self.reward.together:
            raise ValueError(
                f"reward.rounds is {self.reward.rounds}, which trains all experts and gates, but grow.model is to keep "
                "them: set reward.rounds: 0, reward.alone (for new languages) or grow.train_gates: true"
            )
        if not self.trains_gates and "moe_gates" in self.compare:
            raise ValueError(
                "compare: moe_gates is the model before joint training, which growing leaves out: remove it from "
                "compare or set grow.train_gates: true"
            )
        return self

    @model_validator(mode="after")
    def _shared_delta_folds(self) -> Self:
        if self.gate.shared_rank > 0 and self.base.quantize != "none":
            raise ValueError(
                f"gate.shared_rank is {self.gate.shared_rank}, but base.quantize is {self.base.quantize}: a delta "
                "cannot be folded into 4-bit weights; set gate.shared_rank: 0 or base.quantize: none"
            )
        return self

    @model_validator(mode="after")
    def _can_be_sharded(self) -> Self:
        if not self.processes.shard:
            return self
        whole = [name for name in self.compare if name not in MADE_TOGETHER]
        reasons = {
            f"base.quantize: {self.base.quantize} (4-bit weights cannot be cut into the parts of a layer)": (
                self.base.quantize != "none"
            ),
            f"gate.shared_rank: {self.gate.shared_rank} (it is folded into whole weights)": self.gate.shared_rank > 0,
            f"reward.rounds: {self.reward.rounds} (sampling has a copy of the model)": self.reward.rounds > 0,
            f"grow.model: {self.grow.model} (its base is not sharded)": self.grow.model is not None,
            f"compare: {', '.join(whole)} (made by one process)": bool(whole),
        }
        if found := [reason for reason, is_so in reasons.items() if is_so]:
            raise ValueError(
                f"processes.shard: true does not go together with {' or '.join(found)}: set processes.shard: false, "
                "or leave these out"
            )
        return self

    @model_validator(mode="after")
    def _sampled_programs_fit(self) -> Self:
        longest, options = self.data.max_tokens, self.reward
        if options.rounds > 0 and options.max_new_tokens >= longest:
            raise ValueError(
                f"reward.max_new_tokens is {options.max_new_tokens:,}, which leaves no room for a prompt in "
                f"data.max_tokens, {longest:,}: lower the one or raise the other"
            )
        if options.rounds > 0 and options.row_tokens < longest:
            raise ValueError(
                f"reward.row_tokens is {options.row_tokens:,}, but a prompt and its program may have {longest:,} "
                "tokens (data.max_tokens): use at least as many"
            )
        return self

    @model_validator(mode="after")
    def _alone_are_trained(self) -> Self:
        if unknown := [name for name in self.reward.alone if name not in self.trained_languages]:
            missing = [] if set(unknown) <= set(self.data.languages) else ["data.languages"]
            missing += [] if self.grow.model is None else ["grow.languages"]
            raise ValueError(
                f"reward.alone names {', '.join(unknown)}, but the experts that are trained are "
                f"{', '.join(self.trained_languages)}: leave it out, or add it to {' and '.join(missing)}"
            )
        return self

    @model_validator(mode="after")
    def _domains_are_judged(self) -> Self:
        rewarded = self.reward.alone or self.data.languages if self.reward.rounds > 0 else ()
        by_codebleu = {
            f"reward.rounds: {self.reward.rounds}": rewarded if not self.reward.runs_tests else (),
            "gate.select: codebleu": self.data.languages if self.gate.select == "codebleu" else (),
            "experts.select: codebleu": self.data.languages if self.experts.select == "codebleu" else (),
        }
        for key, names in by_codebleu.items():
            if plain := [name for name in names if syntax_of(name) is None]:
                raise ValueError(f"{key} needs CodeBLEU, and no grammar reads {', '.join(plain)}: leave the key out")
        if self.reward.runs_tests and (domains := [name for name in rewarded if get_language(name).domain_of]):
            raise ValueError(
                f"reward.kind: {self.reward.kind} runs programs, and those of domains ({', '.join(domains)}) are not "
                "run: set reward.rounds: 0, or reward.kind: codebleu where there is a grammar (docs/domains.md)"
            )
        return self

    @model_validator(mode="after")
    def _tests_can_be_run(self) -> Self:
        if self.reward.runs_tests and not self.data.tasks:
            raise ValueError(
                f"reward.kind is {self.reward.kind} without data.tasks: give it tasks with tests, such as [mbxp:PATH], "
                "or set reward.kind: codebleu"
            )
        if self.reward.runs_tests and not self.evaluate.allow_code_execution:
            raise ValueError(
                f"reward.kind is {self.reward.kind}, which runs model-written programs in a sandbox, but "
                "evaluate.allow_code_execution is false: set it to true, or reward.kind: codebleu"
            )
        return self

    @property
    def trained_languages(self) -> tuple[str, ...]:
        """The languages whose experts are trained, in the order of ``data.languages``."""
        if self.grow.model is None:
            return self.data.languages
        return tuple(name for name in self.data.languages if name in self.grow.languages)

    @property
    def trains_gates(self) -> bool:
        """Whether the stage ``gate`` is part of the run."""
        return self.grow.model is None or self.grow.train_gates

    def expert_stage(self, language: str) -> str:
        """Returns the stage that makes a language's expert in the form in which it is composed."""
        return f"{'expert_rewards' if language in self.reward.alone else 'experts'}/{language}"

    @property
    def dense_to_reward(self) -> Literal["dense_lora", "dense_lora_keep"]:
        """The baseline whose training ``dense_lora_reward`` continues."""
        return "dense_lora" if self.data.keep is None else "dense_lora_keep"

    @property
    def runs_answers(self) -> bool:
        """Whether the base's answers are run against their tests, because the model is trained to repeat them."""
        return self.keep.loss == "likelihood" or self.experts.self_training

    @property
    def workspace(self) -> Path:
        """Folder of this run on this machine; for a run in an object store, the folder in which it works."""
        return Path(self.output) / self.name if self.store is None else self.store.working_folder

    @property
    def store(self) -> StoreUrl | None:
        """Place of this run in an object store; None if the run is in a folder."""
        url = parse_url(self.output)
        return None if url is None else url.below(self.name)

    def digest(self) -> str:
        """Returns a digest of all keys that influence results, but not of those that say where results are written."""
        return digest_of(self.model_dump(mode="json", exclude={"name", "output", "trackers", "processes"}))


def _as_many_languages(found: Any) -> list[str]:
    """Returns as many different languages as a list names, because ``gate.top_k`` is compared with their number.

    Languages of the list that are known are among them, because other keys (``reward.alone``) may name them, too.
    """
    named = [name for name in found if isinstance(name, str)] if isinstance(found, list) else []
    known = [get_language(name).name for name in named if _is_known(name)]
    return list(dict.fromkeys([*known, *LANGUAGES]))[: len(found) if isinstance(found, list) and found else None]


def _languages_once(found: Any) -> list[str] | None:
    """Returns the languages of a list without repetitions; None if nothing is repeated."""
    if not isinstance(found, list) or not all(isinstance(name, str) and _is_known(name) for name in found):
        return None
    names = list(dict.fromkeys(get_language(name).name for name in found))
    return names if len(names) < len(found) else None


def _is_known(name: str) -> bool:
    try:
        get_language(name)
    except DataError:
        return False
    return True


_STAND_INS: StandIns = {
    ("base",): lambda _: {"model": ""},
    ("base", "model"): lambda _: "",
    ("data",): lambda _: {"source": ""},
    ("data", "source"): lambda _: "",
    ("data", "languages"): _as_many_languages,
    ("grow", "languages"): _languages_once,
}


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Reads a recipe file and applies ``a.b=value`` overrides, whose values are YAML.

    Args:
        path: The recipe file.
        overrides: Overrides such as ``experts.rank=8``.

    Raises:
        RecipeError: The file or an override has problems; the message lists all of them.
    """
    tree, problems = read_tree(path, overrides)
    recipe, found = check(Recipe, tree, _STAND_INS)
    problems += found
    if problems or recipe is None:
        raise RecipeError(problems, str(path))
    return recipe
