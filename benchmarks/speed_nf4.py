"""The parts of ``speed.py`` with a base in NF4 with double quantisation (QLoRA), made from random weights.

    nf4      Mistral-7B's shape, 2 x 1,024 tokens per step, and decoding: the Mixture-of-Experts, stock PEFT, the base
    study    a recipe's own rows, ranks and options: seconds per step, memory, and what the whole recipe would take;
             ``--recipe FILE``, and ``--set experts.gradient_checkpointing=false`` to try another setting

``study`` needs three numbers from the plan that ``moesaic run RECIPE --dry-run`` prints: ``--tokens`` of all training
passes (experts, gates, joint), ``--forward-tokens`` of losses (the plan leaves out validations, which can be added),
and ``--programs`` to generate. Training tokens are divided in the proportions of the recipe's passes. Each program is
counted with the recipe's maximum length, and as if the Mixture-of-Experts, the slowest system, generated it. An
optimiser step is timed after every row, even if the recipe accumulates several rows. Loading, compiling, saving and
scoring, which needs no GPU, are not counted.

"Stock" means PEFT's adapter on the same NF4 layers with transformers' own loss. ``prepare_model_for_kbit_training``,
which recomputes activations and keeps norms, embeddings and head in float32, is not used.

The reference study took 48 to 72 hours per language for training on an A10G, and 12 hours to evaluate 200 programs.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
from functools import partial
from pathlib import Path
from typing import Any

import torch
from speed_models import LANGUAGES, LARGE, TOP_K, program_lengths, random_documents, random_model, routed
from speed_steps import (
    Part,
    Results,
    decoding,
    expert_training,
    joint,
    joint_selective,
    joint_training,
    stock_training,
    timed_steps,
)
from torch import nn

from moesaic.data.packing import PackedBatches
from moesaic.model.attention import packed_attention
from moesaic.model.loss import hidden_states, targets, token_losses
from moesaic.recipe import GateRecipe, Optimisation, Recipe, load_recipe

RECIPE = Path(__file__).parent.parent / "recipes" / "mistral-7b-xlcost-qlora.yaml"


def quantise(model: Any) -> Any:
    """Replaces the linear layers of a model by NF4 layers, in place; as in transformers, the head is not replaced."""
    import bitsandbytes

    for path, layer in list(model.get_decoder().named_modules(prefix="model")):
        if not isinstance(layer, nn.Linear):
            continue
        with torch.device("meta"):
            small = bitsandbytes.nn.Linear4bit(
                layer.in_features,
                layer.out_features,
                bias=False,
                compute_dtype=layer.weight.dtype,
                compress_statistics=True,
                quant_type="nf4",
            )
        weight = layer.weight.detach()
        small.weight = bitsandbytes.nn.Params4bit(
            weight, requires_grad=False, compress_statistics=True, quant_type="nf4", module=small
        )
        parent, _, attribute = path.rpartition(".")
        # Moving the layers to the GPU quantises them.
        setattr(model.get_submodule(parent), attribute, small.to(weight.device).train(layer.training))
    model.is_loaded_in_4bit = True  # PEFT checks this attribute
    return model


def quantised_model(results: Results, part: str) -> Any:
    """Returns a model of Mistral-7B's shape in NF4 and adds a row with its memory; None if that failed."""
    models: list[Any] = []

    def work() -> dict[str, Any]:
        models.append(quantise(random_model(LARGE)))
        torch.cuda.empty_cache()
        return {"allocated_gb": round(torch.cuda.memory_allocated() / 1e9, 2)}

    results.measure(part, "quantising the base (peak: with the bfloat16 weights)", work)
    return models.pop() if models else None


def nf4(results: Results, _: argparse.Namespace) -> None:
    """Training and decoding."""
    model = quantised_model(results, "nf4")
    if model is None:
        return
    results.measure("nf4", "dense, batch 1", partial(decoding, model, 1))
    with routed(model, torch.bfloat16):
        results.measure("nf4", "4 experts top-2, batch 1", partial(decoding, model, 1))
    results.measure("nf4", "PEFT QLoRA, stock", partial(stock_training, model, LARGE))
    joint(results, "nf4", "4 experts top-2, joint", model, LARGE)
    joint_selective(results, "nf4", "4 experts top-2, joint", model)
    options = GateRecipe(row_tokens=2048, compile=True, gradient_checkpointing=True)
    work = partial(joint_training, model, LARGE, [1024] * 8, options)
    results.measure("nf4", "4 experts top-2, joint, compiled, checkpointing of whole layers", work)


def forward_pass(model: Any, recipe: Recipe, lengths: list[int]) -> dict[str, Any]:
    """Runs packed rows without gradients, as for validations and losses."""
    documents = random_documents(LARGE, lengths)
    batches = itertools.islice(PackedBatches(documents, LANGUAGES, recipe.gate.row_tokens), 8)
    rows = [(row.to("cuda"), *(tensor.to("cuda") for tensor in targets(row))) for row in batches]
    taken: list[int] = []

    def step() -> None:
        row, positions_N, labels_N = rows[len(taken) % len(rows)]
        token_losses(hidden_states(model, row)[positions_N], model.lm_head.weight, labels_N)
        taken.append(row.num_tokens)

    with torch.no_grad(), torch.autocast("cuda", torch.bfloat16), packed_attention(model):
        seconds = timed_steps(step, 2, len(rows))
    mean_tokens = statistics.mean(taken[-len(rows) :])
    return {"tokens_per_second": round(mean_tokens / seconds), "step_seconds": round(seconds, 4)}


def study(results: Results, options: argparse.Namespace) -> None:
    """Measures the steps of a recipe, and projects the time of the whole recipe."""
    recipe = load_recipe(options.recipe, options.set)
    if recipe.base.quantize != "nf4" or recipe.gate.top_k != TOP_K or recipe.gate.kind != "top_k":
        raise ValueError(f"{options.recipe}: this part measures NF4 bases with top-{TOP_K} gates")
    model = quantised_model(results, "study")
    if model is None:
        return
    lengths = program_lengths(420, recipe.data.max_tokens)
    number, rank = len(recipe.data.languages), recipe.experts.rank

    def measure(what: str, work: Any) -> float:
        """Measures and returns tokens/s; 0 if it failed."""
        return float(results.measure("study", what, work).get("tokens_per_second", 0))

    def shape(section: Optimisation) -> str:
        checkpointing = "on" if section.gradient_checkpointing else "off"
        mode = "compiled" if section.compile else "eager"
        return f"rank {rank}, rows of {section.row_tokens}, checkpointing {checkpointing}, {mode}"

    speeds = {
        "expert": measure(
            f"an expert's training, {shape(recipe.experts)}",
            partial(expert_training, model, LARGE, lengths, recipe.experts),
        ),
        "joint": measure(
            f"{number} experts top-{TOP_K}, joint, {shape(recipe.gate)}",
            partial(joint_training, model, LARGE, lengths, recipe.gate, number, rank),
        ),
    }
    with routed(model, torch.bfloat16, number, rank):
        speeds["forward"] = measure(
            f"{number} experts top-{TOP_K}, forward", partial(forward_pass, model, recipe, lengths)
        )
        batch_size = recipe.predict.batch_size
        speeds["decoding"] = measure(
            f"{number} experts top-{TOP_K}, decoding, batch {batch_size}", partial(decoding, model, batch_size)
        )
    if options.tokens is not None:
        try:
            facts = projection(recipe, options, speeds)
        except (ValueError, ZeroDivisionError) as error:
            results.failed("study", "projection", error)
        else:
            results.add("study", f"projection of {recipe.name}", facts)


def projection(recipe: Recipe, options: argparse.Namespace, speeds: dict[str, float]) -> dict[str, Any]:
    """Returns the projected hours and price of a whole recipe.

    Args:
        recipe: The recipe.
        options: ``tokens``, ``forward_tokens``, ``programs``, ``price``.
        speeds: Tokens per second for ``expert``, ``joint``, ``forward`` and ``decoding``.
    """
    gate = recipe.gate
    gates_tokens = min(options.tokens, gate.gate_steps * gate.row_tokens * gate.accumulation)
    passes = recipe.experts.epochs + gate.joint_epochs
    expert_tokens = (options.tokens - gates_tokens) * recipe.experts.epochs / passes
    new_tokens = options.programs * recipe.predict.max_new_tokens
    hours = {
        "experts": expert_tokens / speeds["expert"] / 3600,
        "gates_and_joint": (options.tokens - expert_tokens) / speeds["joint"] / 3600,
        "validation_and_losses": options.forward_tokens / speeds["forward"] / 3600,
        "programs_at_most": new_tokens / speeds["decoding"] / 3600,
    }
    total = sum(hours.values())
    return {
        "tokens": options.tokens,
        "forward_tokens": options.forward_tokens,
        "programs": options.programs,
        "hours": {name: round(value, 2) for name, value in hours.items()},
        "hours_in_all": round(total, 2),
        "hours_an_expert": round(hours["experts"] / len(recipe.data.languages), 2),
        "price_per_gpu_hour": options.price,
        "price_in_all": None if options.price is None else round(total * options.price, 2),
    }


def add_options(group: Any) -> None:
    """Adds the options of ``study`` to the command line."""
    group.add_argument("--recipe", type=Path, default=RECIPE, help="recipe to take the settings of")
    group.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="changes a key of the recipe")
    group.add_argument("--tokens", type=int, help="tokens of all training passes; without them no projection")
    group.add_argument("--forward-tokens", type=int, default=0, help="tokens of validations and losses")
    group.add_argument("--programs", type=int, default=0, help="programs to generate, all systems together")
    group.add_argument("--price", type=float, help="price of a GPU-hour")


PARTS: dict[str, Part] = {"nf4": nf4, "study": study}


if __name__ == "__main__":
    raise SystemExit("speed_nf4.py is a part of other scripts: run speed.py")
