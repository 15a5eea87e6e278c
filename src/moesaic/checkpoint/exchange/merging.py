"""Merges experts into full weights, tensor by tensor, for every format that stores full weights.

    expert e of a block:    W_e = W + scale_e B_e A_e         in float32, rounded once to the output type

``W`` is the base as it was in training (``trained``: rounded to its training type, or to NF4 if it was quantised), or
as it is stored (``original``). A few megabytes of rows of a base matrix are read at a time, and the rows of all experts
are computed from them. Therefore every input byte is read once, and the needed memory does not grow with the model.

Shapes: E experts, D model, R rank, I in, O out.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from moesaic import __version__
from moesaic.checkpoint.description import ROUTER, ModelFolder
from moesaic.checkpoint.exchange.preflight import AdapterFactors, AttentionPolicy, preflight, require
from moesaic.checkpoint.exchange.quantization import nf4_round_trip
from moesaic.checkpoint.formats import ATTENTION, FORMATS, PROJECTIONS, MoEFormat, read_config, split_layer_key
from moesaic.checkpoint.sharding import Sink, Step
from moesaic.checkpoint.streaming import TensorReader, TensorSpec, file_facts, torch_dtype
from moesaic.errors import DependencyError
from moesaic.gates import GATES

if TYPE_CHECKING:
    import torch
    from torch import Tensor

MergeOnto = Literal["trained", "original"]
OutputType = Literal["auto", "bfloat16", "float16", "float32"]

STORED_TYPES: Final = {"bfloat16": "BF16", "float16": "F16", "float32": "F32"}
_PIECE_VALUES = 2**20
"""Number of values of a base matrix that are merged at a time; for four experts in float32 this is less than 50 MB."""


@dataclass(slots=True)
class Shift:
    """Measures how far the base as it was in training is from the stored base, on the first rows of every matrix."""

    difference: float = 0.0
    total: float = 0.0

    def add(self, changed_RI: Tensor, stored_RI: Tensor) -> None:
        """Adds rows of a matrix to the sums of squares."""
        self.difference += float((changed_RI.float() - stored_RI.float()).square().sum())
        self.total += float(stored_RI.float().square().sum())

    @property
    def relative(self) -> float | None:
        """The relative Frobenius distance; None if nothing differs."""
        return math.sqrt(self.difference / self.total) if self.total and self.difference else None


@dataclass
class Merge:
    """A merge: its inputs, its options, and the steps that write its tensors.

    Attributes:
        folder: The model folder.
        config: The base's configuration.
        reader: The base's tensors.
        adapters: The experts' factors, in the order of the gates' rows. An anchor, whose row is the last, has none.
        target: The architecture of the output.
        dtype: The type of the output.
        merge_onto: ``trained`` or ``original``.
        attention: What to do with deltas on attention; see ``preflight.check_exportable``.
        workers: Threads, each of which merges and writes one expert at a time.
        shift: Distance of the base in training from the stored one, which is measured while the steps run.
    """

    folder: ModelFolder
    config: dict[str, Any]
    reader: TensorReader
    adapters: Sequence[AdapterFactors]
    target: MoEFormat
    dtype: str
    merge_onto: MergeOnto
    attention: AttentionPolicy
    workers: ThreadPoolExecutor
    shift: Shift = field(default_factory=Shift)

    @classmethod
    def open(
        cls,
        stack: contextlib.ExitStack,
        folder: ModelFolder,
        base: Path,
        dtype: OutputType = "auto",
        merge_onto: MergeOnto = "trained",
        attention: AttentionPolicy = "error",
    ) -> Merge:
        """Opens a base and adapters and checks that they can be merged.

        Args:
            stack: Closes the files at its end.
            folder: The model folder.
            base: The checkpoint folder of the base.
            dtype: Type of the output; ``auto`` is the type of the base's stored MLP weights.
            merge_onto: ``trained`` or ``original``.
            attention: What to do with deltas on attention; see ``preflight.check_exportable``.

        Raises:
            ModelError: They cannot be merged; the message lists all reasons.
            CheckpointError: A file is corrupt.
        """
        config = read_config(base)
        reader = stack.enter_context(TensorReader(base))
        adapters = [AdapterFactors.open(folder.expert_path(e.name), e.name) for e in folder.adapters]
        for adapter in adapters:
            stack.enter_context(adapter.reader)
        reasons = preflight(base, reader, config, adapters, attention)
        if not GATES[folder.kind].is_mixtral:
            reasons.append(f"gates of kind {folder.kind} have no Mixtral form; export the adapters (--format peft)")
        require(reasons, f"the export of {folder.path}")
        return cls._of(stack, folder, config, reader, adapters, dtype, merge_onto, attention)

    @classmethod
    def of_base(cls, stack: contextlib.ExitStack, folder: ModelFolder, base: Path) -> Merge:
        """Opens only the base of a model, to write it as it was in training.

        Args:
            stack: Closes the files at its end.
            folder: The model folder.
            base: The checkpoint folder of the base.
        """
        reader = stack.enter_context(TensorReader(base))
        return cls._of(stack, folder, read_config(base), reader, [], "auto", "trained", "base")

    @classmethod
    def _of(
        cls,
        stack: contextlib.ExitStack,
        folder: ModelFolder,
        config: dict[str, Any],
        reader: TensorReader,
        adapters: Sequence[AdapterFactors],
        dtype: OutputType,
        merge_onto: MergeOnto,
        attention: AttentionPolicy,
    ) -> Merge:
        stored = reader.spec("model.layers.0.mlp.gate_proj.weight").dtype
        chosen = next((name for name, code in STORED_TYPES.items() if code == stored), "float32")
        stack.enter_context(_one_thread_per_operation())
        return cls(
            folder=folder,
            config=config,
            reader=reader,
            adapters=adapters,
            target=FORMATS[config["model_type"]],
            dtype=chosen if dtype == "auto" else dtype,
            merge_onto=merge_onto,
            attention=attention,
            workers=stack.enter_context(ThreadPoolExecutor(min(len(folder.experts), os.cpu_count() or 1))),
        )

    @property
    def num_experts(self) -> int:
        """Number of experts, including an anchor."""
        return len(self.folder.experts)

    @property
    def out_type(self) -> torch.dtype:
        """The type of the output, as a torch type."""
        return torch_dtype(STORED_TYPES[self.dtype])

    def identity(self) -> list[Any]:
        """Returns a JSON-serialisable value that identifies inputs and options, for resuming (``TensorWriter``)."""
        files = [*self.reader.files, *(file for adapter in self.adapters for file in adapter.reader.files)]
        options = [__version__, self.dtype, self.merge_onto, self.attention, self.folder.kind, self.folder.top_k]
        return [options, file_facts([*files, self.folder.path / ROUTER])]

    def steps(self) -> list[Step]:
        """Returns the steps that write all tensors, in the order of the base's files, which are thus read in order."""
        gates = self.folder.read_router()
        steps: list[Step] = []
        for name in self.names():
            layer, projection = self.routed(name)
            if projection == PROJECTIONS[0]:
                steps += self._gate_steps(layer, gates[f"layers.{layer}.weight"])
            steps.append(self._expert_step(name, layer, projection) if projection else self.shared_step(name))
        return steps

    def names(self) -> list[str]:
        """Returns the names of the base's tensors, except for rotary tables and the stored copy of a tied head."""
        tied = self.config.get("tie_word_embeddings")
        return [
            name
            for name in self.reader.names
            if not name.endswith("rotary_emb.inv_freq") and not (tied and name == "lm_head.weight")
        ]

    def routed(self, name: str) -> tuple[int, str]:
        """Returns the layer and the projection of a routed MLP weight; the projection is "" for other tensors."""
        layer, module = split_layer_key(name) or (-1, "")
        block, _, projection = module.rpartition(".")
        return (layer, projection) if block == "mlp" and projection in PROJECTIONS else (layer, "")

    def expert_rows(self, name: str) -> Iterator[list[Tensor]]:
        """Yields the merged rows of an MLP weight in order, piece by piece; each is a list with one tensor per expert.

        The tensors are in float32.
        """
        for tasks in self._expert_tasks(name):
            yield [task() for task in tasks]

    def _expert_tasks(self, name: str) -> Iterator[list[Callable[[], Tensor]]]:
        """Yields, for every piece of the base's rows, one function per expert that computes the expert's rows.

        The functions can run in any thread.
        """
        import torch

        module = name.removesuffix(".weight")
        factors: list[tuple[tuple[Tensor, Tensor] | None, float]]
        factors = [(adapter.read(module), adapter.scale) for adapter in self.adapters]
        factors += [(None, 1.0)] * self.folder.has_anchor
        first = 0
        for piece_RI in self.base_rows(name):
            W_RI, rows = piece_RI.float(), slice(first, first + len(piece_RI))

            def merged(
                pair: tuple[Tensor, Tensor] | None, scale: float, W_RI: Tensor = W_RI, rows: slice = rows
            ) -> Tensor:
                return W_RI if pair is None else torch.addmm(W_RI, pair[1][rows], pair[0], alpha=scale)

            yield [partial(merged, pair, scale) for pair, scale in factors]
            first += len(W_RI)

    def shared_rows(self, name: str) -> Iterator[Tensor]:
        """Yields the rows of a tensor that all experts share, with the mean of the experts' deltas if it is merged."""
        import torch

        if len(self.reader.spec(name).shape) != 2:
            yield self.reader.read(name)
            return
        module = name.removesuffix(".weight")
        pairs = [(adapter.read(module), adapter.scale / self.num_experts) for adapter in self.adapters]
        found = [(pair, weight) for pair, weight in pairs if pair is not None] if self._is_averaged(name) else []
        first = 0
        for piece_RI in self.base_rows(name):
            merged_RI = piece_RI
            for (A_RI, B_OR), weight in found:
                merged_RI = torch.addmm(merged_RI.float(), B_OR[first : first + len(piece_RI)], A_RI, alpha=weight)
            yield merged_RI
            first += len(piece_RI)

    def base_rows(self, name: str) -> Iterator[Tensor]:
        """Yields the rows of a base matrix to which deltas are added: as stored, or as they were in training."""
        _, columns = self.reader.spec(name).shape
        multiple = 64 // math.gcd(columns, 64)  # an NF4 block must not extend over two pieces
        rows = max(1, _PIECE_VALUES // columns // multiple) * multiple
        stored = self.reader.read_rows(name, rows)
        if not self._is_changed_by_training(name):
            yield from stored
            return
        first: list[Tensor] = []

        def keep_first() -> Iterator[Tensor]:
            for piece_RI in stored:
                first.extend([] if first else [piece_RI])
                yield piece_RI

        if self.merge_onto == "original":
            yield from keep_first()
            # The weights as in training are needed only for the comparison, which is skipped without bitsandbytes.
            with contextlib.suppress(DependencyError):
                self.shift.add(next(self._as_trained(name, first)), first[0])
            return
        for position, piece_RI in enumerate(self._as_trained(name, keep_first())):
            if position == 0:
                self.shift.add(piece_RI, first[0])
            yield piece_RI

    def _as_trained(self, name: str, pieces: Iterable[Tensor]) -> Iterator[Tensor]:
        dtype = self._training_type(name) or torch_dtype(self.reader.spec(name).dtype)
        if self._is_quantized(name):
            return nf4_round_trip(pieces, dtype)
        return (piece_RI.to(dtype) for piece_RI in pieces)

    def _is_changed_by_training(self, name: str) -> bool:
        return self._is_quantized(name) or self._training_type(name) is not None

    def _is_quantized(self, name: str) -> bool:
        """Returns whether a weight was in NF4 in training: a linear layer of the decoder, not embedding or head."""
        is_linear = (split_layer_key(name) or (0, ""))[1].rpartition(".")[2] in (*PROJECTIONS, *ATTENTION)
        return self.folder.base.get("quantize") == "nf4" and is_linear

    def _training_type(self, name: str) -> torch.dtype | None:
        """Returns the type to which a weight was rounded in training; None if the stored values were used."""
        wanted = self.folder.base.get("dtype", "auto")
        if wanted == "auto" and self.folder.base.get("quantize") == "nf4":
            wanted = "bfloat16"  # the meaning of "auto" on every GPU on which QLoRA runs
        if wanted in ("auto", "float32") or STORED_TYPES[wanted] == self.reader.spec(name).dtype:
            return None
        return torch_dtype(STORED_TYPES[wanted])

    def _spec(self, name: str, shape: Sequence[int]) -> TensorSpec:
        return TensorSpec(name, STORED_TYPES[self.dtype], tuple(shape))

    def _expert_step(self, name: str, layer: int, projection: str) -> Step:
        shape = self.reader.spec(name).shape
        names = [self.target.expert(layer, expert, projection) for expert in range(self.num_experts)]

        def write(sink: Sink, expert: int, merged: Callable[[], Tensor]) -> None:
            sink.write(expert, merged().to(self.out_type))

        def run(sink: Sink) -> None:
            pending: list[Future[None]] = []
            try:
                for tasks in self._expert_tasks(name):  # reads a piece while the previous one is merged and written
                    for future in pending:
                        future.result()
                    pending = [self.workers.submit(write, sink, expert, task) for expert, task in enumerate(tasks)]
            finally:
                wait(pending)  # no thread may still write when the shard is closed
            for future in pending:
                future.result()

        return Step(tuple(self._spec(each, shape) for each in names), run)

    def _gate_steps(self, layer: int, gate_ED: Tensor) -> list[Step]:
        import torch

        def step(name: str, tensor: Tensor) -> Step:
            return Step((self._spec(name, tensor.shape),), lambda sink: sink.write(0, tensor.to(self.out_type)))

        zeros = self.target.zeros(layer, gate_ED.shape[1]).items()
        return [step(self.target.gate(layer), gate_ED), *(step(name, torch.zeros(shape)) for name, shape in zeros)]

    def is_stored(self, name: str) -> bool:
        """Returns whether a tensor that all experts share is written with its stored bytes."""
        spec = self.reader.spec(name)
        changed = len(spec.shape) == 2 and self.merge_onto == "trained" and self._is_changed_by_training(name)
        return spec.dtype == STORED_TYPES[self.dtype] and not self._is_averaged(name) and not changed

    def _is_averaged(self, name: str) -> bool:
        """Returns whether the mean of the experts' deltas is merged into a tensor, which is never a routed one."""
        module = name.removesuffix(".weight")
        wanted = self.attention == "average" and not self.routed(name)[1]
        return wanted and any(module in adapter.modules for adapter in self.adapters)

    def shared_step(self, name: str) -> Step:
        """Returns the step that writes a tensor that all experts share."""
        output = self._spec(name, self.reader.spec(name).shape)
        if self.is_stored(name):
            return Step((output,), lambda sink: sink.copy(0, self.reader, name))

        def run(sink: Sink) -> None:
            for piece in self.shared_rows(name):
                sink.write(0, piece.to(self.out_type))

        return Step((output,), run)


@contextlib.contextmanager
def _one_thread_per_operation() -> Iterator[None]:
    """Makes every operation of torch run in the thread that called it.

    The pieces are so small that starting and joining torch's own threads for each of them takes more time than it
    saves. On a machine that is busy with other work, it takes many times more.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
