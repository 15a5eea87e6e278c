"""Measures what a recipe costs on this machine: seconds per token and memory, once per base.

Each kind of work is done on two short rows of made-up tokens, by the same functions as in a run. The time per token is
that of the longer row. Memory grows linearly with the tokens of a row, so the memory for a row of the recipe's length
is extrapolated from the two rows. Costs are cached next to the cached bases, in a file whose name is a digest of
everything that they depend on, unless other programs kept the machine busy during the measurement.

Compiled layers are not measured; with ``compile: true``, runs are faster than measured here.
"""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from moesaic import __version__
from moesaic.data.packing import PackedBatches
from moesaic.data.prompts import EncodedExample
from moesaic.errors import CheckpointError
from moesaic.files import cache_folder, digest_of, read_json_object, write_json
from moesaic.gates import experts_per_token
from moesaic.model.attention import packed_attention
from moesaic.model.decode.generate import generate
from moesaic.model.lora import LoraExpert, LowRank, anchor_expert
from moesaic.model.loss import targets
from moesaic.model.moe import compose, decompose
from moesaic.pipeline.session import Session
from moesaic.progress import say
from moesaic.recipe import MLP_TARGETS, Optimisation, Recipe
from moesaic.train.checkpointing import checkpointed_activations, checkpointed_slots
from moesaic.train.injection import put_in, take_out
from moesaic.train.loop import Update
from moesaic.train.pieces import PreparedRow
from moesaic.train.rows import PackedLoss, add_gradients
from moesaic.train.trainable import factor_parameters, gate_parameters

_FIRST_ROW: Final = 64
"""Tokens of the shorter row on a CPU."""

_ROW_SECONDS: Final = 2.0
"""Seconds that the longer row may take on a CPU, estimated from the speed of the shorter one."""

_DOCUMENT: Final = 256
"""Tokens per document of a row."""

_NEW_TOKENS: Final = 8
"""Tokens that are generated per sequence to measure decoding."""


@dataclass(frozen=True)
class Cost:
    """The cost of one kind of work.

    Attributes:
        seconds: Seconds per token. For decoding, seconds per new token of one of the sequences that are decoded
            together.
        memory: Peak memory in bytes, including the base, with rows of the recipe's length or a batch of its size.
    """

    seconds: float
    memory: int


@dataclass(frozen=True)
class Costs:
    """The costs of a recipe on this machine, by kind of work.

    Attributes:
        expert: Training an expert.
        gates: Training the gates alone.
        joint: Joint training of gates and experts.
        loss: A forward pass.
        program: Decoding.
    """

    expert: Cost
    gates: Cost
    joint: Cost
    loss: Cost
    program: Cost

    @property
    def memory(self) -> int:
        """Peak memory of a run in bytes."""
        return max(self.expert.memory, self.gates.memory, self.joint.memory, self.loss.memory, self.program.memory)


def uses_gpu() -> bool:
    """Returns whether runs use a GPU on this machine."""
    return torch.cuda.is_available()


def machine() -> str:
    """Returns the name of the device on which costs are measured."""
    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name(0))
    count = torch.get_num_threads()
    return f"a CPU with {count} thread{'s' if count > 1 else ''}"


def machine_memory() -> int:
    """Returns the bytes of memory of the GPU, or of the machine without one."""
    if torch.cuda.is_available():
        return int(torch.cuda.get_device_properties(0).total_memory)
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def costs_of(session: Session) -> Costs:
    """Returns the costs of a recipe on this machine. They are measured on its base unless they are cached.

    Args:
        session: The recipe's session. For a measurement, its base is loaded and released afterwards.

    Raises:
        ModelError: The base cannot be loaded.
        CheckpointError: A file of the base is corrupt.
    """
    place = cache_folder() / "costs" / f"{digest_of(_what_counts(session))[:32]}.json"
    try:
        return Costs(**{name: Cost(**cost) for name, cost in read_json_object(place).items()})
    except (CheckpointError, TypeError):
        pass  # not measured yet, or only by an earlier version
    say(f"measuring {session.recipe.base.model} on {machine()}, once")
    costs = _measure(session)
    session.drop_base()
    if not torch.cuda.is_available() and (load := os.getloadavg()[0]) > 1.5 * (os.cpu_count() or 1):
        say(
            f"note: other programs keep this machine busy (load {load:.0f} on {os.cpu_count()} cores), so the "
            "measured times are too long; they are measured again next time"
        )
        return costs
    with contextlib.suppress(OSError):  # the plan can be printed without a writable cache
        place.parent.mkdir(parents=True, exist_ok=True)
        write_json(place, asdict(costs))
    return costs


def _what_counts(session: Session) -> dict[str, Any]:
    recipe = session.recipe
    experts = ("rank", "targets", "row_tokens", "gradient_checkpointing")
    gate = ("kind", "top_k", "anchor", "shared_rank", "row_tokens", "gradient_checkpointing", "selective_checkpointing")
    return {
        "base": session.base_source.digest,
        "format": [recipe.base.dtype, recipe.base.quantize],
        "experts": [len(recipe.data.languages), *(getattr(recipe.experts, name) for name in experts)],
        "gate": [getattr(recipe.gate, name) for name in gate],
        "predict": [recipe.predict.row_tokens, _batch(session), recipe.predict.max_new_tokens],
        "machine": [platform.node(), platform.machine(), machine(), machine_memory()],
        "versions": [__version__, torch.__version__],
    }


def _batch(session: Session) -> int:
    options, languages = session.recipe.predict, session.recipe.data.languages
    programs = sum(len(session.examples(name, options.split)[: options.limit]) for name in languages)
    return max(1, min(options.batch_size, programs))


def _measure(session: Session) -> Costs:
    recipe, model = session.recipe, session.base.model
    experts = [_idle_expert(model, name, recipe.experts.rank) for name in recipe.data.languages]
    try:
        with packed_attention(model), checkpointed_activations(model, recipe.experts.gradient_checkpointing):
            expert = _training(
                session, recipe.experts, put_in(model, recipe.experts.rank, recipe.experts.target_modules())
            )
    finally:
        take_out(model)
    if recipe.gate.anchor:
        experts.append(anchor_expert())
    top_k = experts_per_token(recipe.gate.kind, recipe.gate.top_k, len(experts))
    compose(model, experts, recipe.gate.kind, top_k, dtype=torch.float32)
    try:
        options = recipe.gate
        with (
            packed_attention(model),
            checkpointed_activations(model, options.gradient_checkpointing),
            checkpointed_slots(model, options.selective_checkpointing),
        ):
            routers, factors = gate_parameters(model), factor_parameters(model)
            gates = _training(session, options, routers)
            shared = put_in(model, options.shared_rank) if options.shared_rank else {}
            joint = _training(session, options, routers | factors | shared)
            take_out(model)
        with packed_attention(model):
            loss = _forward(session, recipe)
        return Costs(expert, gates, joint, loss, _decoding(session))
    finally:
        take_out(model)
        decompose(model)


def _idle_expert(model: Any, name: str, rank: int) -> LoraExpert:
    deltas = {}
    for path, module in model.named_modules():
        if path.rpartition(".")[2] in MLP_TARGETS and ".mlp." in path:
            A_RI = torch.zeros(rank, module.in_features)
            deltas[path] = LowRank(A_RI, torch.zeros(module.out_features, rank))
    return LoraExpert(name, rank, 1.0, deltas)


def _training(session: Session, options: Optimisation, parameters: dict[str, nn.Parameter]) -> Cost:
    model, accelerator = session.base.model, session.accelerator
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for parameter in parameters.values():
        parameter.requires_grad_(True)
    module = PackedLoss(model, options.model_copy(update={"compile": False}))
    update = Update(parameters, learning_rate=0.0, weight_decay=0.0, clip_norm=1.0)

    def work(row: PreparedRow) -> None:
        add_gradients(accelerator, module, [row])
        update()

    try:
        return _rows(session, options.row_tokens, work)
    finally:
        for parameter in model.parameters():
            parameter.requires_grad_(False)
            parameter.grad = None


def _forward(session: Session, recipe: Recipe) -> Cost:
    module = PackedLoss(session.base.model, recipe.gate.model_copy(update={"compile": False}))

    def work(row: PreparedRow) -> None:
        with torch.inference_mode(), session.accelerator.autocast():
            device = session.accelerator.device
            module(row.batch.to(device), *(tensor_N.to(device) for tensor_N in row.tensors_N))

    return _rows(session, recipe.predict.row_tokens, work)


def _rows(session: Session, row_tokens: int, work: Callable[[PreparedRow], None]) -> Cost:
    """Measures work on a short and a longer row, and extrapolates the memory to a row of full length."""
    on_gpu = session.accelerator.device.type == "cuda"
    first = row_tokens // 2 if on_gpu else min(_FIRST_ROW, row_tokens // 2)
    if on_gpu:
        work(_row(session, row_tokens))  # warm-up, in which the libraries choose their kernels
    seconds, memory = _taken(session, first, work)
    second = row_tokens if on_gpu else min(row_tokens, max(2 * first, int(_ROW_SECONDS * first / max(seconds, 1e-6))))
    longer_seconds, longer_memory = _taken(session, second, work)
    a_token = max(0.0, (longer_memory - memory) / (second - first))
    return Cost(longer_seconds / second, int(longer_memory + a_token * (row_tokens - second)))


def _taken(session: Session, tokens: int, work: Callable[[PreparedRow], None]) -> tuple[float, int]:
    row = _row(session, tokens)
    with _peak(session) as peak:
        started = _clock(session)
        work(row)
        seconds = _clock(session) - started
    return seconds, peak[0]


def _row(session: Session, tokens: int) -> PreparedRow:
    """Returns a row of documents of made-up tokens; a quarter of each document is its prompt.

    A document has at least two tokens, so the row can be one token longer than asked for.
    """
    languages = session.recipe.data.languages
    rows = min(1000, session.base.model.config.vocab_size)
    documents = []
    for start in range(0, tokens, _DOCUMENT):
        length = max(2, min(_DOCUMENT, tokens - start))
        ids = [(start + 7 * index) % rows for index in range(length)]
        documents.append(EncodedExample(ids, length // 4, length - length // 4, languages[0]))
    (batch,) = PackedBatches(documents, languages, sum(len(document.ids) for document in documents), shuffle=False)
    return PreparedRow(batch, targets(batch))


def _decoding(session: Session) -> Cost:
    model, batch = session.base.model, _batch(session)
    prompts = [[1, 2, 3, 4]] * batch

    def decode(new_tokens: int) -> float:
        started = _clock(session)
        generate(model, prompts, max_new_tokens=new_tokens, stop_ids=(), batch_size=batch)
        return _clock(session) - started

    decode(1)
    with _peak(session) as peak:
        seconds = decode(_NEW_TOKENS)
    config = model.config
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    a_token = 2 * config.num_hidden_layers * config.num_key_value_heads * width * model.dtype.itemsize
    cache = batch * session.recipe.predict.max_new_tokens * a_token
    return Cost(seconds / _NEW_TOKENS / batch, peak[0] + cache)


def _clock(session: Session) -> float:
    """Waits until the device has finished its work, and returns the time in seconds."""
    if session.accelerator.device.type == "cuda":
        torch.cuda.synchronize()
    return time.monotonic()


@contextlib.contextmanager
def _peak(session: Session) -> Iterator[list[int]]:
    """Yields a list whose only item is, at the end, the peak memory of the GPU or else of the process, in bytes."""
    found = [0]
    if session.accelerator.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        yield found
        found[0] = torch.cuda.max_memory_allocated()
        return
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            found[0] = max(found[0], _resident())
            ended.wait(0.005)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield found
    finally:
        ended.set()
        watcher.join()
        found[0] = max(found[0], _resident())


def _resident() -> int:
    """Returns the memory of this process in bytes; its peak so far if the system does not say the current value."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
