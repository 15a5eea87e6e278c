"""Trains the gates: first the gates alone, then gates and experts together.

The second part, joint training, is the last stage of Branch-Train-MiX (Sukhbaatar et al. 2024, section 3); it makes the
Mixture-of-Experts better than its parts. Both parts validate the state that they start from and keep the best state, so
neither can make the validation result worse.

With ``shared_rank``, joint training also trains one low-rank delta on every linear layer. All experts share it, like
the shared experts of DeepSeekMoE (Dai et al. 2024, section 3.2), so that what the languages have in common is learnt
once and from all of them. Afterwards the delta is added to the base's weights, so it costs nothing when the model runs.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from moesaic.data.packing import PackedBatch
from moesaic.data.prompts import EncodedExample
from moesaic.files import read_json_object, write_json
from moesaic.model.attention import packed_attention
from moesaic.model.balance import importance_loss, language_loss, load_loss, switch_loss, z_loss
from moesaic.model.moe import extract_router, load_router
from moesaic.model.router import Routing
from moesaic.recipe import GateRecipe
from moesaic.train.checkpointing import checkpointed_activations, checkpointed_slots
from moesaic.train.experts import seed_of
from moesaic.train.injection import fold_in, put_in, take_out
from moesaic.train.loop import TrainingResult, train
from moesaic.train.objective import Kept, Objective
from moesaic.train.rows import PackedSteps, ranks_of
from moesaic.train.selection import Programs
from moesaic.train.trainable import factor_parameters, gate_parameters

GATES = "router.safetensors"
_GATES_DONE = "gates-trained"


@dataclass(frozen=True)
class GateResult:
    """The results of training the gates and of joint training.

    Attributes:
        gates: Training of the gates alone.
        joint: Joint training.
        experts_changed: Whether joint training found a better state, so that the experts differ from the given ones.
        base_changed: Whether that state includes a shared delta, which was added to the base's weights.
    """

    gates: TrainingResult
    joint: TrainingResult
    base_changed: bool = False

    @property
    def experts_changed(self) -> bool:
        """Whether joint training changed the experts of the kept state."""
        return self.joint.best_step > 0


def train_gate(
    accelerator: Accelerator,
    model: nn.Module,
    training: Sequence[EncodedExample],
    validation: Sequence[EncodedExample],
    languages: Sequence[str],
    options: GateRecipe,
    seed: int,
    folder: Path,
    kept: Kept | None = None,
    programs: Programs | None = None,
) -> GateResult:
    """Trains the gates of a composed model, then gates and experts together, and leaves the best state in the model.

    A shared delta (``shared_rank``) is added to the base's weights if a state with it is the best one.

    Args:
        accelerator: Device and precision.
        model: A composed model whose factors are float32.
        training: Encoded training examples of all languages.
        validation: Encoded validation examples of all languages.
        languages: All languages, in the order of the experts.
        options: Gate options.
        seed: Seed of the run.
        folder: Folder for metrics and checkpoints, in ``gates/`` and ``joint/``. ``gates/router.safetensors`` contains
            the gates as they were before joint training.
        kept: The kept answers; None if there are none.
        programs: Tasks whose greedy programs decide between states. If None, the validation loss decides.

    Raises:
        TrainingError: A loss or a gradient is not finite.
        CheckpointError: A checkpoint to resume from is corrupt.
    """
    routers, factors = gate_parameters(model), factor_parameters(model)
    ranks = ranks_of(accelerator)
    objective = Objective(model, training, validation, languages, options, accelerator.autocast, kept, ranks)
    batches = objective.batches(seed)
    joint_steps = math.ceil(options.joint_epochs * len(batches) / options.accumulation)

    def stretch(
        name: str, parameters: dict[str, nn.Parameter], steps: int, rate_key: str, known_loss: float | None = None
    ) -> TrainingResult:
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        for parameter in parameters.values():
            parameter.requires_grad_(True)
        torch.manual_seed(seed_of(seed, name))
        validate = objective.validate
        if programs is not None:
            validate = programs.deciding(model, validate, kept.options.weight if kept is not None else 0.0)
        if ranks.is_first:
            (folder / name).mkdir(exist_ok=True)
        with (
            packed_attention(model),
            checkpointed_activations(model, options.gradient_checkpointing),
            checkpointed_slots(model, options.selective_checkpointing),
        ):
            return train(
                accelerator,
                PackedSteps(
                    accelerator,
                    objective.loss(_routing_loss(options)),
                    objective.batches(seed_of(seed, name) % 2**31),
                    validate,
                    options,
                    known_loss,
                    objective.prepare,
                ),
                parameters,
                options,
                total_steps=steps,
                learning_rate=getattr(options, rate_key),
                rate_key=f"gate.{rate_key}",
                folder=folder / name,
                name=name,
            )

    done = folder / _GATES_DONE
    if ranks.first((done / "result.json").exists()):
        load_router(model, load_file(done / GATES))
        gates = TrainingResult(**read_json_object(done / "result.json"))
    else:
        gates = stretch("gates", routers, options.gate_steps, "learning_rate")
        if ranks.is_first:
            done.mkdir(exist_ok=True)
            for place in (done, folder / "gates"):
                save_file(extract_router(model), place / GATES)
            write_json(done / "result.json", asdict(gates))
    torch.manual_seed(seed_of(seed, "shared"))
    try:
        shared = put_in(model, options.shared_rank) if options.shared_rank else {}
        # Joint training starts from the best state of the gates, because a shared delta is zero at first. Its loss is
        # therefore known. If programs decide, they are written again, so that all of their measures are logged.
        known_loss = gates.best_loss if programs is None else None
        joint = stretch("joint", routers | factors | shared, joint_steps, "joint_learning_rate", known_loss)
        if shared and joint.best_step > 0:
            fold_in(model)
    finally:
        take_out(model)
    # The existence of the result file promises that the gates are there. It is deleted first, so that a kill in between
    # leaves no promise without gates.
    if ranks.is_first:
        (done / "result.json").unlink()
        shutil.rmtree(done)
    return GateResult(gates, joint, bool(shared) and joint.best_step > 0)


def _routing_loss(options: GateRecipe) -> Callable[[dict[int, Routing], PackedBatch], Tensor] | None:
    """Returns the weighted sum of the chosen losses, averaged over layers; None if all coefficients are zero."""
    terms = [
        (options.load_balance, switch_loss),
        (options.importance, importance_loss),
        (options.load, load_loss),
        (options.z_loss, z_loss),
    ]
    active = [(coefficient, function) for coefficient, function in terms if coefficient > 0]
    if not active and options.language == 0:
        return None

    def loss(routings: dict[int, Routing], batch: PackedBatch) -> Tensor:
        language_ids_T = batch.language_ids_1T[0]
        mask_T = language_ids_T >= 0
        last = next(iter(routings.values())).logits_TE.shape[1] - 1
        has_expert_T = mask_T & (language_ids_T <= last)  # without an anchor, kept answers have no expert of their own
        total = torch.zeros((), device=mask_T.device)
        for routing in routings.values():
            for coefficient, function in active:
                total = total + coefficient * function(routing, mask_T)
            if options.language > 0:
                total = total + options.language * language_loss(routing, language_ids_T.clamp(0, last), has_expert_T)
        return total / len(routings)

    return loss
