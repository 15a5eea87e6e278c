"""Checkpoints from which a training run resumes bit for bit.

A checkpoint is one safetensors file. It contains the trainable tensors, the best ones so far, both moments of AdamW and
the states of the random generators; step, data cursor and history are stored as JSON in its header. The new file is
written next to the old one and then renamed over it, so that a kill always leaves one complete checkpoint. Nothing is
pickled.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from moesaic.errors import CheckpointError
from moesaic.files import replacing

CHECKPOINT = "checkpoint.safetensors"


@dataclass
class Progress:
    """The position of a training run.

    Attributes:
        step: Number of finished steps.
        best_step: Step of the best validation; 0 is the state before training.
        best_loss: Validation loss at that step in nats per token, or the other measure that decides.
        worse: Number of validations since the best one.
        cursor: What ``Steps.state_dict`` returned.
        history: (step, value of the measure that decides) pairs.
    """

    step: int = 0
    best_step: int = 0
    best_loss: float = float("inf")
    worse: int = 0
    cursor: dict[str, Any] = field(default_factory=dict)
    history: list[tuple[int, float]] = field(default_factory=list)


def save_checkpoint(
    folder: Path,
    progress: Progress,
    parameters: dict[str, nn.Parameter],
    best: dict[str, Tensor],
    optimizer: torch.optim.Optimizer,
) -> None:
    """Replaces the checkpoint of a folder atomically.

    Args:
        folder: Folder of the training.
        progress: Position of the training.
        parameters: Named trainable parameters.
        best: Their values in the best state, by the same names.
        optimizer: Its moments are stored.

    Raises:
        SpaceError: The disk is full; the old checkpoint stays.
    """
    tensors = {f"now.{name}": parameter.detach() for name, parameter in parameters.items()}
    tensors |= {f"best.{name}": tensor for name, tensor in best.items()}
    for name, parameter in parameters.items():
        tensors |= {f"{key}.{name}": value for key, value in optimizer.state.get(parameter, {}).items()}
    tensors["random.cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    path = folder / CHECKPOINT
    with replacing(path) as partial:
        plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
        save_file(plain, partial, metadata={"progress": json.dumps(asdict(progress))})


def load_checkpoint(
    folder: Path, parameters: dict[str, nn.Parameter], optimizer: torch.optim.Optimizer
) -> tuple[Progress, dict[str, Tensor]] | None:
    """Restores parameters, optimiser and random state in place.

    Args:
        folder: Folder of the training.
        parameters: Named trainable parameters.
        optimizer: Gets the stored moments.

    Returns:
        The progress and the best tensors, or None if there is no checkpoint.

    Raises:
        CheckpointError: The file is corrupt or belongs to another model.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            progress = Progress(**json.loads(file.metadata()["progress"]))
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path} is corrupt or of another version ({error}); delete it to start this stage again"
        ) from error
    stored = {key.removeprefix("now.") for key in tensors if key.startswith("now.")}
    if stored != set(parameters):
        raise CheckpointError(f"{path} belongs to another model; delete it to start this stage again")
    progress.history = [(int(step), float(loss)) for step, loss in progress.history]
    best: dict[str, Tensor] = {}
    for name, parameter in parameters.items():
        with torch.no_grad():
            parameter.copy_(tensors[f"now.{name}"])
        if f"best.{name}" in tensors:
            best[name] = tensors[f"best.{name}"]
        if f"exp_avg.{name}" in tensors:
            optimizer.state[parameter] = {
                "step": tensors[f"step.{name}"],
                "exp_avg": tensors[f"exp_avg.{name}"].to(parameter.device),
                "exp_avg_sq": tensors[f"exp_avg_sq.{name}"].to(parameter.device),
            }
            if parameter.device.type == "cuda":  # the fused kernel expects its step count on the device
                optimizer.state[parameter]["step"] = tensors[f"step.{name}"].to(parameter.device)
    torch.set_rng_state(tensors["random.cpu"])
    if "random.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random.cuda"])
    return progress, best
