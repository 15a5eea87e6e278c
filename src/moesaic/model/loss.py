"""Computes the language-model loss on packed rows without holding all logits at once.

With V = 49,152, the logits of 8,192 tokens take 1.6 GB in float32, and several times as much in a backward pass. The
head is frozen, so the gradient of the loss with respect to the hidden states can be computed as soon as the logits of a
chunk are known: it is (softmax - one-hot) W. This is done chunk by chunk in the forward pass, and logits are neither
stored nor recomputed. It is the idea of Liger-Kernel's fused linear cross entropy (Hsu et al. 2024), for a frozen head.

Shapes: T labelled tokens, C tokens of a chunk, D model, V vocabulary, N tokens or examples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from moesaic.data.packing import IGNORED_LABEL, PackedBatch, PackedBatches
from moesaic.data.prompts import EncodedExample
from moesaic.model.sharded import idle_pass, is_sharded
from moesaic.ranks import ALONE, Ranks

CHUNK_TOKENS = 2048


class _FrozenHeadCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden_TD: Tensor, head_VD: Tensor, labels_T: Tensor, compiled: bool) -> Tensor:
        losses, gradients = [], []
        chunks = zip(torch.split(hidden_TD, CHUNK_TOKENS), torch.split(labels_T, CHUNK_TOKENS), strict=True)
        for hidden_CD, labels_C in chunks:
            if compiled:
                losses_C, gradient_CD = _fused_chunk(hidden_CD, head_VD, labels_C)
                losses.append(losses_C)
                gradients.append(gradient_CD)
                continue
            log_probs_CV = functional.log_softmax((hidden_CD @ head_VD.T).float(), dim=-1)
            losses.append(-log_probs_CV.gather(1, labels_C[:, None]).squeeze(1))
            if ctx.needs_input_grad[0]:
                difference_CV = log_probs_CV.exp_()
                difference_CV.scatter_add_(1, labels_C[:, None], -torch.ones_like(labels_C[:, None], dtype=torch.float))
                gradients.append(difference_CV.to(hidden_TD.dtype) @ head_VD)
        if gradients:
            ctx.save_for_backward(torch.cat(gradients))
        return torch.cat(losses) if losses else hidden_TD.new_zeros(0, dtype=torch.float)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient_TD,) = ctx.saved_tensors
        return gradient_TD * grad_outputs[0][:, None].to(gradient_TD.dtype), None, None, None


def chunk_losses(hidden_CD: Tensor, head_VD: Tensor, labels_C: Tensor) -> tuple[Tensor, Tensor]:
    """Computes the losses of a chunk and their gradient with respect to its hidden states.

    The operations are chosen so that a compiler fuses them into two kernels.

    Args:
        hidden_CD: Hidden states at the positions that predict the labels.
        head_VD: Weight of the language-model head.
        labels_C: The token to predict at each position.

    Returns:
        The losses, ``(C,)``, in float32 nats, and the gradient, ``(C, D)``, in the type of ``hidden_CD``.
    """
    logits_CV = (hidden_CD @ head_VD.T).float()
    normaliser_C = logits_CV.logsumexp(dim=-1)
    is_label_CV = torch.arange(head_VD.shape[0], device=labels_C.device) == labels_C[:, None]
    difference_CV = (logits_CV - normaliser_C[:, None]).exp() - is_label_CV.float()
    losses_C = normaliser_C - logits_CV.gather(1, labels_C[:, None]).squeeze(1)
    return losses_C, difference_CV.to(hidden_CD.dtype) @ head_VD


_fused_chunk = torch.compile(chunk_losses)


def token_losses(hidden_TD: Tensor, head_VD: Tensor, labels_T: Tensor, *, compiled: bool = False) -> Tensor:
    """Returns the negative log-likelihood of each label.

    Args:
        hidden_TD: Final hidden states at the positions that predict the labels.
        head_VD: Weight of the language-model head, which is treated as frozen (it gets no gradient).
        labels_T: The token to predict at each position.
        compiled: Whether to compile the operations between the products, for training on a GPU.

    Returns:
        The losses, ``(T,)``, in float32 nats, differentiable with respect to ``hidden_TD``.
    """
    if torch.is_autocast_enabled(hidden_TD.device.type):
        hidden_TD = hidden_TD.to(torch.get_autocast_dtype(hidden_TD.device.type))
    hidden_TD = hidden_TD.to(head_VD.dtype)
    losses_T = _FrozenHeadCrossEntropy.apply(hidden_TD, head_VD.detach(), labels_T, compiled)  # type: ignore[no-untyped-call]
    return cast("Tensor", losses_T)


class _FrozenHeadDivergence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden_TD: Tensor, teacher_TD: Tensor, head_VD: Tensor, compiled: bool) -> Tensor:
        function = _fused_divergence if compiled else chunk_divergences
        losses, gradients = [], []
        for chunk in zip(torch.split(hidden_TD, CHUNK_TOKENS), torch.split(teacher_TD, CHUNK_TOKENS), strict=True):
            losses_C, gradient_CD = function(*chunk, head_VD)
            losses.append(losses_C)
            if ctx.needs_input_grad[0]:
                gradients.append(gradient_CD)
        if gradients:
            ctx.save_for_backward(torch.cat(gradients))
        return torch.cat(losses)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient_TD,) = ctx.saved_tensors
        return gradient_TD * grad_outputs[0][:, None].to(gradient_TD.dtype), None, None, None


def chunk_divergences(hidden_CD: Tensor, teacher_CD: Tensor, head_VD: Tensor) -> tuple[Tensor, Tensor]:
    """Computes the divergences of a chunk and their gradient with respect to its hidden states.

    The gradient is (softmax - teacher's softmax) W.

    Args:
        hidden_CD: Hidden states.
        teacher_CD: Hidden states of the teacher at the same positions.
        head_VD: Weight of the language-model head.

    Returns:
        The divergences, ``(C,)``, in float32 nats, and the gradient, ``(C, D)``, in the type of ``hidden_CD``.
    """
    ours_CV = (hidden_CD @ head_VD.T).float().log_softmax(dim=-1)
    theirs_CV = (teacher_CD @ head_VD.T).float().log_softmax(dim=-1)
    probs_CV = theirs_CV.exp()
    losses_C = (probs_CV * (theirs_CV - ours_CV)).sum(-1)
    return losses_C, (ours_CV.exp() - probs_CV).to(hidden_CD.dtype) @ head_VD


_fused_divergence = torch.compile(chunk_divergences)


def divergences(hidden_TD: Tensor, teacher_TD: Tensor, head_VD: Tensor, *, compiled: bool = False) -> Tensor:
    """Returns the Kullback-Leibler divergences of next-token distributions from those of a teacher with the same head.

    The divergence is the forward one, KL(teacher || student), as in distillation. It is 0 if both agree (Hinton et al.
    2015, section 2).

    Args:
        hidden_TD: Final hidden states of the student.
        teacher_TD: Final hidden states of the teacher at the same positions.
        head_VD: Weight of the language-model head of both, which is treated as frozen.
        compiled: Whether to compile the operations between the products, for training on a GPU.

    Returns:
        The divergences, ``(T,)``, in float32 nats, differentiable with respect to ``hidden_TD``.
    """
    if torch.is_autocast_enabled(hidden_TD.device.type):
        hidden_TD = hidden_TD.to(torch.get_autocast_dtype(hidden_TD.device.type))
    hidden_TD, teacher_TD = hidden_TD.to(head_VD.dtype), teacher_TD.to(head_VD.dtype)
    losses_T = _FrozenHeadDivergence.apply(hidden_TD, teacher_TD, head_VD.detach(), compiled)  # type: ignore[no-untyped-call]
    return cast("Tensor", losses_T)


def hidden_states(model: nn.Module, batch: PackedBatch) -> Tensor:
    """Runs the decoder on a packed row and returns its final hidden states, ``(T, D)``."""
    decoder: nn.Module = model.model  # type: ignore[assignment]
    output = decoder(
        input_ids=batch.input_ids_1T,
        position_ids=batch.position_ids_1T,
        use_cache=False,
        cu_seqlens=batch.cu_seqlens_D1,
        max_seqlen=batch.max_seqlen,
    )
    hidden: Tensor = output.last_hidden_state[0]
    return hidden


def targets(batch: PackedBatch, *, code_only: bool = False) -> tuple[Tensor, Tensor]:
    """Returns the positions and labels of the tokens that are trained. Call it before the row is moved to a GPU.

    Args:
        batch: A packed row.
        code_only: Whether to count only the tokens of the program, not the fence and the end of turn after it.

    Returns:
        The positions whose hidden states predict these tokens, ``(N,)``, and the tokens, ``(N,)``.
    """
    wanted_T = batch.code_mask_1T[0] if code_only else batch.labels_1T[0] != IGNORED_LABEL
    positions_N = wanted_T[1:].nonzero().squeeze(1)
    return positions_N, batch.labels_1T[0][positions_N + 1]


def example_losses(
    model: nn.Module,
    examples: Sequence[EncodedExample],
    languages: Sequence[str],
    row_tokens: int,
    autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
    on_row: Callable[[PackedBatch], None] | None = None,
    ranks: Ranks = ALONE,
) -> Tensor:
    """Computes the loss of each example on the code tokens of its program.

    Args:
        model: The ``...ForCausalLM`` module, with packed attention enabled.
        examples: Encoded examples.
        languages: All languages of the run.
        row_tokens: Number of tokens of a row. If an example is longer, rows are as long as the longest example.
        autocast: Returns the context of a forward pass.
        on_row: Called with each row (on the CPU) after it ran in this process, for bars and routing statistics.
        ranks: The processes, which share the rows and all get the losses of all rows. Because an example is in a single
            row, the losses are bit for bit those of a single process.

    Returns:
        ``(N, 2)`` in float64 on the CPU: for each example, the sum of the losses in nats and the number of code tokens.
    """
    device = next(model.parameters()).device
    row_tokens = max([row_tokens, *(len(example.ids) for example in examples)])
    was_training = model.training
    model.eval()
    sums_N2 = torch.zeros(len(examples), 2, dtype=torch.float64)
    head: Tensor = model.lm_head.weight  # type: ignore[union-attr, assignment]
    with torch.inference_mode():
        for batch in own_rows(model, PackedBatches(examples, languages, row_tokens, shuffle=False), ranks):
            positions_N, labels_N = targets(batch, code_only=True)
            with autocast():
                hidden_TD = hidden_states(model, batch.to(device))
                losses_N = token_losses(hidden_TD[positions_N.to(device)], head, labels_N.to(device))
            rows_N = batch.examples_at(positions_N + 1)
            sums_N2[:, 0].index_add_(0, rows_N, losses_N.double().cpu())
            sums_N2[:, 1].index_add_(0, rows_N, torch.ones(len(rows_N), dtype=torch.float64))
            if on_row is not None:
                on_row(batch)
    model.train(was_training)
    return ranks.add(sums_N2)


def own_rows(model: nn.Module, rows: PackedBatches, ranks: Ranks) -> Iterator[PackedBatch]:
    """Yields a process's share of the rows.

    If the model is sharded and other processes have one row more, an idle pass is run at the end.

    Args:
        model: The model through which the caller runs each row once.
        rows: The rows of all processes.
        ranks: The processes.
    """
    number = -1
    for number, row in enumerate(rows):
        if number % ranks.count == ranks.index:
            yield row
    if (number + 1) % ranks.count > 0 and ranks.index >= (number + 1) % ranks.count and is_sharded(model):
        idle_pass(model)


def answer_states(
    model: nn.Module,
    examples: Sequence[EncodedExample],
    languages: Sequence[str],
    row_tokens: int,
    autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> list[Tensor]:
    """Computes the final hidden states of each example at the positions that predict its trained tokens.

    Arguments are those of :func:`example_losses`.

    Returns:
        For each example, a tensor ``(tokens, D)`` on the CPU.
    """
    device = next(model.parameters()).device
    row_tokens = max([row_tokens, *(len(example.ids) for example in examples)])
    was_training = model.training
    model.eval()
    states: dict[int, Tensor] = {}
    with torch.inference_mode():
        for batch in PackedBatches(examples, languages, row_tokens, shuffle=False):
            positions_N, _ = targets(batch)
            with autocast():
                hidden_ND = hidden_states(model, batch.to(device))[positions_N.to(device)].cpu()
            # Documents are contiguous, so a single split replaces a mask for each document.
            documents_N = torch.bucketize(positions_N + 1, batch.cu_seqlens_D1[1:].long(), right=True)
            counts_D = torch.bincount(documents_N, minlength=len(batch.example_ids_D))
            states |= zip(batch.example_ids_D.tolist(), torch.split(hidden_ND, counts_D.tolist()), strict=True)
    model.train(was_training)
    return [states[index] for index in range(len(examples))]


def validation_loss(
    model: nn.Module,
    examples: Sequence[EncodedExample],
    languages: Sequence[str],
    row_tokens: int,
    autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ranks: Ranks = ALONE,
) -> float:
    """Returns the loss for decisions in training: the mean over languages of the loss per code token, in nats.

    Arguments are those of :func:`example_losses`.
    """
    sums_N2 = example_losses(model, examples, languages, row_tokens, autocast, ranks=ranks)
    means = []
    for language in dict.fromkeys(example.language for example in examples):
        own = [index for index, example in enumerate(examples) if example.language == language]
        total, count = sums_N2[own].sum(0).tolist()
        means.append(total / max(1.0, count))
    return float(sum(means) / len(means))
