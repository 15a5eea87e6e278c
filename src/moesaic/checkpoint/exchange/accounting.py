"""Checks that everything in a fine-tuned checkpoint is carried over, equal to the base, or refused.

A routed MLP can represent changes of the MLP's weights. Settings and all other weights are those of the base, so a
fine-tune has to agree with the base in them. Weights that are stored in different types agree if they are equal after
rounding to one of the two types.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from moesaic.checkpoint.formats import FORMATS, PROJECTIONS, MoEFormat, moe_config, read_config, rotary, split_layer_key
from moesaic.checkpoint.streaming import TensorReader
from moesaic.errors import CheckpointError, ModelError
from moesaic.model.stored import Stored, check_settings, check_tensors, expected_tensors, read_stored_config

if TYPE_CHECKING:
    from torch import Tensor

_FREE: Final = frozenset(
    {
        "architectures",  # follows from model_type
        "attention_dropout",
        "auto_map",
        "chunk_size_feed_forward",
        "dtype",
        "id2label",
        "initializer_range",
        "is_encoder_decoder",
        "label2id",
        "output_attentions",
        "output_hidden_states",
        "pad_token_id",
        "pretraining_tp",
        "problem_type",
        "return_dict",
        "rope_parameters",  # rotary_problems compares the values of this and the next two, whatever their spelling
        "rope_scaling",
        "rope_theta",
        "torch_dtype",
        "transformers_version",
        "unsloth_fixed",
        "unsloth_version",
        "use_cache",
    }
)
"""Settings that may differ, because they do not change what a checkpoint computes, or because they are compared
elsewhere."""
_REMEDIES: Final = {
    "vocab_size": "its embedding was resized, and all experts share the base's: if the tokens that were added are not "
    "needed, call resize_token_embeddings with the base's size, and save that beside the base's tokenizer",
    "eos_token_id": "if it was trained to end with another token, say so in the config.json of a copy of the base",
}
_PIECE_ROWS = 4096


def config_problems(name: str, other: Mapping[str, Any], base: Mapping[str, Any]) -> list[str]:
    """Returns a line for every setting in which a fine-tune differs from its base.

    Args:
        name: Name of the fine-tune, for the messages.
        other: Configuration of the fine-tune with all defaults filled in.
        base: Configuration of the base with all defaults filled in. The result gets these settings.
    """
    problems = [
        f"{name}: {key} is {other.get(key)!r:.80}, the base has {base.get(key)!r:.80}; "
        f"{_REMEDIES.get(key, 'take fine-tunes of one base')}"
        for key in sorted({*other, *base})
        if key not in _FREE and not key.startswith("_") and _differ(key, other, base)
    ]
    return problems + rotary_problems(name, other, base)


def _differ(key: str, other: Mapping[str, Any], base: Mapping[str, Any]) -> bool:
    """Returns whether a setting differs.

    If only one side has the setting, it differs if it is set to something, because some programs write every setting
    that they know.
    """
    if key in other and key in base:
        return bool(other[key] != base[key])
    value = other.get(key, base.get(key))
    return value is not None and value is not False and value not in ("", [], {})


def rotary_problems(name: str, other: Mapping[str, Any], config: Mapping[str, Any]) -> list[str]:
    """Returns a line if the rotary settings of a checkpoint differ from those of its base, and nothing otherwise."""
    if rotary(other) == rotary(config):
        return []
    theirs, ours = ({"rope_theta": theta, **rest} for theta, rest in (rotary(other), rotary(config)))
    return [f"{name}: rotary settings are {theirs}, the base has {ours}; take fine-tunes of one base"]


def check_moe(path: Path, base: Mapping[str, Any], top_k: int) -> int:
    """Checks that a Mixtral (Qwen-MoE) checkpoint is a routed form of a base, and returns its number of experts.

    Args:
        path: The checkpoint.
        base: Configuration of the base with all defaults filled in.
        top_k: Requested number of experts per token.

    Raises:
        ModelError: The checkpoint is not a routed form of the base. The message lists the settings that differ, or
            names a tensor.
        CheckpointError: A file is corrupt, or a tensor is missing.
    """
    from moesaic.checkpoint.exchange.preflight import require

    read_stored_config(path)
    config = read_config(path)
    target = FORMATS[base["model_type"]]
    if target.model_type != config["model_type"]:
        raise ModelError(
            f"{path} ({config['model_type']}) is not a Mixture-of-Experts of the base ({base['model_type']}, which "
            "becomes "
            f"{target.model_type}): give its own base (--base)"
        )
    inner = config.get("moe_intermediate_size") or config["intermediate_size"]
    check_settings({**config, "intermediate_size": inner}, path)
    count, chosen = config.get("num_local_experts") or config.get("num_experts"), config.get("num_experts_per_tok")
    if type(count) is not int or type(chosen) is not int or not 0 < chosen <= count <= 2**16:
        raise ModelError(
            f"{path}: {count!r:.40} experts, {chosen!r:.40} per token: this is not possible; correct config.json"
        )
    wanted = moe_config(base, count, min(top_k, count), "float32")
    free = {"shared_expert_intermediate_size", "intermediate_size", "moe_intermediate_size"}  # compared separately
    free |= {"output_router_logits", "router_aux_loss_coef", "router_jitter_noise"}  # used only in training
    problems = []
    if inner != base["intermediate_size"]:
        problems.append(
            f"{path}: intermediate_size is {inner!r}, the base has {base['intermediate_size']!r}; give its own base "
            "(--base)"
        )
    found = {**config, "head_dim": config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]}
    for key, value in wanted.items():
        if key in free or key in _FREE or found.get(key) == value:
            continue
        if key == "num_experts_per_tok":
            problems.append(f"{path}: num_experts_per_tok is {chosen}: give --top-k {chosen}")
        else:
            problems.append(
                f"{path}: {key} is {found.get(key)!r:.80}, the base has {value!r:.80}; give its own base (--base)"
            )
    require(problems + rotary_problems(str(path), config, base), "the import")
    with TensorReader(path) as reader:
        _check_moe_tensors(path, reader, base, target, count)
    return count


def _check_moe_tensors(
    path: Path, reader: TensorReader, base: Mapping[str, Any], target: MoEFormat, count: int
) -> None:
    expected: dict[str, tuple[int, ...]] = {}
    zeros: list[str] = []
    for name, shape in expected_tensors(base).items():
        layer, projection = routed(name)
        if not projection:
            expected[name] = shape
            continue
        expected |= {target.expert(layer, expert, projection): shape for expert in range(count)}
        if projection == PROJECTIONS[0]:
            expected[target.gate(layer)] = (count, base["hidden_size"])
            for zero, usual in target.zeros(layer, base["hidden_size"]).items():
                expected[zero] = reader.spec(zero).shape if zero in reader else usual  # any width will do for zeros
                zeros.append(zero)
    stored = {name: Stored(reader.spec(name).dtype, reader.spec(name).shape) for name in reader.names}
    check_tensors(str(path), stored, expected, bool(base.get("tie_word_embeddings")))
    for zero in zeros:
        # A shared expert whose down projection is zero adds nothing, whatever its other weights are.
        if zero.endswith("down_proj.weight") and any(
            bool(piece.any()) for piece in reader.read_rows(zero, _PIECE_ROWS)
        ):
            raise ModelError(f"{path}: {zero} is not zero: its shared expert is a part that the base does not have")


def routed(name: str) -> tuple[int, str]:
    """Returns the layer and the projection of a routed MLP weight; the projection is "" for other tensors."""
    layer, module = split_layer_key(name) or (-1, "")
    block, _, projection = module.rpartition(".")
    return (layer, projection) if block == "mlp" and projection in PROJECTIONS else (layer, "")


def is_changed(ours: Tensor, theirs: Tensor) -> bool:
    """Returns whether two stored tensors differ by more than a rounding of one of them to the type of the other."""
    return not (theirs.to(ours.dtype).equal(ours) or ours.to(theirs.dtype).equal(theirs))


def changed_outside(base: TensorReader, tuned: TensorReader, names: Iterable[str]) -> dict[str, float]:
    """Finds the tensors that a fine-tune changed and that a routed MLP cannot represent.

    Args:
        base: The tensors of the base.
        tuned: The tensors of the fine-tune, under the same names.
        names: Names of the tensors to compare.

    Returns:
        Name -> relative change ||W_tuned - W|| / ||W|| of each tensor that differs.

    Raises:
        CheckpointError: A tensor of the fine-tune holds NaN or infinity.
    """
    changed = {}
    for name in names:
        if routed(name)[1] or name not in tuned:
            continue
        difference = total = 0.0
        differs = False
        for ours, theirs in zip(base.read_rows(name, _PIECE_ROWS), tuned.read_rows(name, _PIECE_ROWS), strict=True):
            check_numbers(tuned, name, theirs)
            differs = differs or is_changed(ours, theirs)
            difference += float((theirs.double() - ours.double()).square().sum())
            total += float(ours.double().square().sum())
        if differs:
            changed[name] = math.sqrt(difference / total) if total else math.inf
    return changed


def check_numbers(reader: TensorReader, name: str, piece: Tensor) -> None:
    """Refuses a weight that holds NaN or infinity.

    Args:
        reader: The checkpoint, for the message.
        name: Name of the tensor, for the message.
        piece: The tensor, or a part of it.

    Raises:
        CheckpointError: A value is not finite.
    """
    if not bool(piece.isfinite().all()):
        raise CheckpointError(f"{reader.source}: {name} holds NaN or infinity: download or copy it again")


def refuse_changes(name: str, changed: Mapping[str, float]) -> None:
    """Refuses a fine-tune that changed tensors that a routed MLP cannot represent.

    Args:
        name: Name of the expert.
        changed: The changed tensors, as returned by ``changed_outside``.

    Raises:
        ModelError: There are changed tensors; the message names those that changed most.
    """
    if changed:
        most = sorted(changed, key=lambda tensor: changed[tensor], reverse=True)[:3]
        listed = ", ".join(f"{tensor} by {changed[tensor]:.2%}" for tensor in most)
        raise ModelError(
            f"expert {name} changes {len(changed)} tensors outside the MLP ({listed}), which experts share: "
            "--attention base leaves these changes out; or train the MLP alone"
        )
