"""Computes initial gates without back-propagation.

    ridge     W = (G + lambda I)^-1 C in closed form: one linear classifier per layer, from gate inputs to languages
    prompts   mean gate input over the prompts of a language minus the mean over the others' (mergekit's ``hidden``)
    zero      equal logits

The gate inputs of a language are captured at the MLP while that language's own expert runs, because these are the
vectors that the gate gets when it routes correctly. (Gates that are fitted to the base's activations recognise the
language less well once experts run in the layers below.) Every token of a document counts, and packed rows have no
padding. Each language has the same weight, whatever its number of tokens. The anchor is fitted like a language, on the
kept answers; if there are none, its logits start at zero.

Shapes: T tokens, D model, E experts, L layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from moesaic.data.packing import PackedBatches
from moesaic.data.prompts import EncodedExample
from moesaic.model.loss import hidden_states
from moesaic.model.moe import expert_names, force_base, force_expert, moe_blocks
from moesaic.progress import Bar

RIDGE_LAMBDA = 1e-3
"""Ridge penalty as a share of the mean eigenvalue of the Gram matrix."""

CALIBRATION_SHARE = 4
"""One program in this many is left out of the fit and used to choose the scale of the logits."""

_SCALES = tuple(2.0 ** (exponent / 2) for exponent in range(0, 15))


def initial_gates(
    model: nn.Module,
    programs: dict[str, list[EncodedExample]],
    init: Literal["ridge", "prompts", "zero"],
    row_tokens: int,
    autocast: Callable[[], AbstractContextManager[Any]],
) -> None:
    """Sets the gates of a composed model in place.

    Args:
        model: A composed model with packed attention enabled.
        programs: Expert name -> encoded training programs. The logits of an expert without any are zero.
        init: Method, as described in the module's docstring.
        row_tokens: Tokens per forward pass.
        autocast: Returns the context of a forward pass.
    """
    if init == "zero":
        return
    fitted = _prompt_gates if init == "prompts" else _ridge_gates
    known = [index for index, name in enumerate(expert_names(model)) if programs.get(name)]
    names = [expert_names(model)[index] for index in known]
    with torch.no_grad():
        for block, weight_ED in zip(
            moe_blocks(model).values(), fitted(model, names, programs, row_tokens, autocast), strict=True
        ):
            block.router.weight_ED.zero_()
            block.router.weight_ED[known] = weight_ED.to(block.router.weight_ED)


def ridge_weights(gram_DD: Tensor, means_ED: Tensor) -> Tensor:
    """Solves the ridge regression of centred one-hot targets on gate inputs, with balanced classes.

    Args:
        gram_DD: Mean over classes of each class's mean outer product x x^T, (D, D), float64.
        means_ED: Mean input of each class, (E, D), float64.

    Returns:
        The weights, (E, D), of the linear map x -> y_e - 1/E that minimises the balanced squared error plus the
        penalty.
    """
    num_experts, hidden = means_ED.shape
    # Balanced cross moments: class e contributes mean_e (1 - 1/E), every other class c contributes -mean_c / E, and
    # each class has the weight 1/E.
    cross_ED = (means_ED - means_ED.mean(0)) / num_experts
    penalty = RIDGE_LAMBDA * gram_DD.diagonal().mean()
    identity_DD = torch.eye(hidden, dtype=gram_DD.dtype, device=gram_DD.device)
    weight_DE: Tensor = torch.linalg.solve(gram_DD + penalty * identity_DD, cross_ED.T)
    return weight_DE.T


def calibrated_scale(logits_TE: Tensor, labels_T: Tensor) -> float:
    """Returns the factor on the logits with the lowest cross entropy, with balanced classes, from a fixed grid.

    The outputs of the regression lie between 0 and 1, which is far too flat for a softmax. One factor per layer does
    not change which expert comes first.

    Args:
        logits_TE: Logits of held-out tokens, (T, E).
        labels_T: Index of each token's expert, (T,).
    """
    weight_E = 1.0 / torch.bincount(labels_T, minlength=logits_TE.shape[1]).clamp(min=1).to(logits_TE.dtype)
    losses = [functional.cross_entropy(logits_TE * scale, labels_T, weight=weight_E) for scale in _SCALES]
    best = int(torch.stack(losses).argmin())
    return float(_SCALES[best])


def _ridge_gates(
    model: nn.Module,
    names: Sequence[str],
    programs: dict[str, list[EncodedExample]],
    row_tokens: int,
    autocast: Callable[[], AbstractContextManager[Any]],
) -> list[Tensor]:
    grams: list[Tensor] = []
    means: list[list[Tensor]] = []
    held_out = {name: programs[name][::CALIBRATION_SHARE] for name in names}
    fitted = {
        name: [example for index, example in enumerate(programs[name]) if index % CALIBRATION_SHARE] or held_out[name]
        for name in names
    }
    total = sum(len(fitted[name]) + len(held_out[name]) for name in names)  # the only program of a language runs twice
    with Bar("gates: ridge fit", total, "programs") as bar:
        for name in names:
            count = 0
            own_grams: list[Tensor] = []
            own_sums: list[Tensor] = []
            for inputs in router_inputs(model, fitted[name], names, row_tokens, autocast, force_expert(model, name)):
                count += len(inputs[0])
                for layer, x_TD in enumerate(inputs):
                    x_TD = x_TD.double()
                    if layer == len(own_grams):
                        own_grams.append(x_TD.T @ x_TD)
                        own_sums.append(x_TD.sum(0))
                    else:
                        own_grams[layer] += x_TD.T @ x_TD
                        own_sums[layer] += x_TD.sum(0)
            bar.advance(len(fitted[name]))
            for layer, gram_DD in enumerate(own_grams):
                share = gram_DD / (count * len(names))
                if layer == len(grams):
                    grams.append(share)
                    means.append([])
                else:
                    grams[layer] += share
                means[layer].append(own_sums[layer] / count)
        weights = [ridge_weights(gram_DD, torch.stack(mean)) for gram_DD, mean in zip(grams, means, strict=True)]
        logits: list[list[Tensor]] = [[] for _ in weights]
        labels: list[Tensor] = []
        for index, name in enumerate(names):
            for inputs in router_inputs(model, held_out[name], names, row_tokens, autocast, force_expert(model, name)):
                labels.append(torch.full((len(inputs[0]),), index, device=inputs[0].device))
                for layer, x_TD in enumerate(inputs):
                    logits[layer].append(x_TD.double() @ weights[layer].T)
            bar.advance(len(held_out[name]))
    labels_T = torch.cat(labels)
    return [
        weight_ED * calibrated_scale(torch.cat(parts), labels_T)
        for weight_ED, parts in zip(weights, logits, strict=True)
    ]


def _prompt_gates(
    model: nn.Module,
    names: Sequence[str],
    programs: dict[str, list[EncodedExample]],
    row_tokens: int,
    autocast: Callable[[], AbstractContextManager[Any]],
) -> list[Tensor]:
    means_EL: list[list[Tensor]] = []
    for name in names:
        prompts = [
            EncodedExample(item.ids[: item.num_prompt_tokens], item.num_prompt_tokens, 0, item.language)
            for item in programs[name]
        ]
        sums: list[Tensor] = []
        count = 0
        for inputs in router_inputs(model, prompts, names, row_tokens, autocast, force_base(model)):
            count += len(inputs[0])
            totals = [x_TD.double().sum(0) for x_TD in inputs]
            sums = totals if not sums else [left + right for left, right in zip(sums, totals, strict=True)]
        means_EL.append([total / count for total in sums])
    weights = []
    for layer in range(len(means_EL[0])):
        mean_ED = torch.stack([means[layer] for means in means_EL])
        others_ED = (mean_ED.sum(0) - mean_ED) / max(1, len(names) - 1)
        weights.append(functional.normalize(mean_ED - others_ED, dim=1))
    return weights


def router_inputs(
    model: nn.Module,
    examples: Sequence[EncodedExample],
    names: Sequence[str],
    row_tokens: int,
    autocast: Callable[[], AbstractContextManager[Any]],
    running: AbstractContextManager[Any],
) -> Iterator[list[Tensor]]:
    """Yields, for each packed row, the gate inputs of all layers, each (T, D).

    Args:
        model: A composed model with packed attention enabled.
        examples: Encoded programs.
        names: Languages of the programs, in any order.
        row_tokens: Tokens per forward pass; a longer program gets a row of its own length.
        autocast: Returns the context of a forward pass.
        running: Context that says which expert runs: ``force_expert``, ``force_base``, or a null context, in which the
            gates choose.
    """
    device = next(model.parameters()).device
    row_tokens = max([row_tokens, *(len(example.ids) for example in examples)])
    languages = list(dict.fromkeys([*names, *(example.language for example in examples)]))
    batches = PackedBatches(examples, languages, row_tokens, shuffle=False)
    with _captured(model) as inputs, running:
        for batch in batches:
            with torch.inference_mode(), autocast():
                hidden_states(model, batch.to(device))
                yield [inputs[layer] for layer in range(len(inputs))]


@contextmanager
def _captured(model: nn.Module) -> Iterator[dict[int, Tensor]]:
    inputs: dict[int, Tensor] = {}

    def keep(layer: int) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(_module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            inputs[layer] = arguments[0].reshape(-1, arguments[0].shape[-1])

        return hook

    handles = [block.register_forward_pre_hook(keep(layer)) for layer, block in enumerate(moe_blocks(model).values())]
    was_training = model.training
    model.eval()
    try:
        yield inputs
    finally:
        model.train(was_training)
        for handle in handles:
            handle.remove()
