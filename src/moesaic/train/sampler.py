"""Writes programs with the model in training: samples for rewards, and greedy programs that decide between states."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from moesaic.data.prompts import PromptFormat
from moesaic.model.decode.generate import Generation, generate
from moesaic.model.moe import is_composed
from moesaic.model.sharded import is_sharded
from moesaic.model.stacks import stack_layer
from moesaic.ranks import ALONE, Ranks
from moesaic.recipe import PredictRecipe, RewardRecipe
from moesaic.train.samples import Task
from moesaic.train.trainable import FACTORS, adapter_parameters, trainable_parameters


def _sampled_parameters(model: Any) -> dict[str, nn.Parameter]:
    """Returns all parameters that may be in training, by name: gates, factors and adapters, but not the base."""
    return (trainable_parameters(model) if is_composed(model) else {}) | adapter_parameters(model)


class Sampler:
    """Writes programs with a copy of the model that shares the base's weights with the model in training.

    Decoding on a GPU moves weights into stacks (``model.stacks``) and uses factors in the base's number format, whereas
    a captured training graph relies on fixed addresses. Therefore the sampler has its own copies of factors and gates,
    which it updates before each use. It moves the base's weights once, when it is created. Create it before the first
    training pass.

    Args:
        model: A composed model whose factors are float32, or a model with PEFT adapters; packed attention must not be
            enabled.
        prompt: Prompts and stop tokens.
        options: Lengths, batch size, sampling.
    """

    def __init__(self, model: Any, prompt: PromptFormat, options: RewardRecipe | PredictRecipe) -> None:
        self.prompt, self._options = prompt, options
        self._trained = _sampled_parameters(model)
        trained = {id(parameter) for parameter in self._trained.values()}
        # ``deepcopy`` takes the parameters in its memo as they are, so the base's weights are shared, not copied.
        shared = {id(parameter): parameter for parameter in model.parameters() if id(parameter) not in trained}
        self.model = copy.deepcopy(model, shared)
        self._copies = _sampled_parameters(self.model)
        dtype = model.get_decoder().embed_tokens.weight.dtype
        for name, parameter in self._copies.items():
            parameter.requires_grad_(False)
            if name.endswith(FACTORS) or ".lora_" in name:
                parameter.data = parameter.data.to(dtype)
        if model.device.type == "cuda" and not is_sharded(model):
            for layer in self.model.get_decoder().layers:
                stack_layer(layer)

    def follow(self) -> None:
        """Copies the current factors and gates."""
        with torch.no_grad():
            for name, parameter in self._trained.items():
                self._copies[name].copy_(parameter)

    def write(
        self, tasks: Sequence[Task], temperature: float, seed: int, ranks: Ranks = ALONE
    ) -> tuple[list[Generation], float]:
        """Writes a program for each task with the current factors and gates.

        Args:
            tasks: The tasks; one may occur several times.
            temperature: Temperature of sampling; 0 is greedy decoding.
            seed: Seed of the sampling.
            ranks: Processes that share the tasks; each gets all programs.

        Returns:
            The programs in the order of the tasks, and the speed in tokens per second.
        """
        self.follow()
        own = ranks.share(range(len(tasks)))
        started = time.monotonic()
        generations = generate(
            self.model,
            [tasks[index].prompt_ids for index in own],
            max_new_tokens=self._options.max_new_tokens,
            stop_ids=self.prompt.stop_ids,
            temperature=temperature,
            seed=seed,
            batch_size=self._options.batch_size,
            compile=self._options.compile,
            streams=own,
        )
        shares = ranks.gather((generations, time.monotonic() - started))
        generations = ranks.merge([share for share, _ in shares])
        seconds = max(1e-9, *(seconds for _, seconds in shares))
        return generations, sum(len(generation.ids) for generation in generations) / seconds
