"""Loads the base model and finds the MLP blocks that can carry routed experts.

Routed experts need a gated SiLU MLP without biases (``gate_proj``, ``up_proj``, ``down_proj``); see ``families``.
``base_files`` finds the files of a base.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from moesaic.errors import CheckpointError, DependencyError, ModelError
from moesaic.model.base_files import BaseSource, first_line, quiet_transformers, resolve_base, stamp
from moesaic.model.families import check_equations
from moesaic.model.sharded import shard_base

DType = Literal["auto", "float32", "bfloat16"]
Quantization = Literal["none", "nf4"]


@dataclass
class Base:
    """A loaded base model.

    Attributes:
        model: The causal language model in evaluation mode. Its parameters do not require gradients.
        tokenizer: Its tokenizer.
        digest: Digest of the base (``BaseSource.digest``), with which that of adapters is compared.
        spec: The base as the user named it.
        path: The checkpoint folder.
        revision: Commit of a hub model; None for other bases.
        stamp: Sizes and times of the files from which the model was loaded (``base_files.stamp``); None if unknown.
    """

    model: Any
    tokenizer: Any
    digest: str
    spec: str
    path: Path
    revision: str | None = None
    stamp: tuple[tuple[str, int, int, int], ...] | None = None

    def check_unchanged(self) -> None:
        """Checks that the files have not changed since the model was loaded.

        This matters because weights on a CPU are memory-mapped, so a change of the files changes the model.

        Raises:
            ModelError: The files were changed, replaced or removed.
        """
        try:
            same = self.stamp is None or stamp(self.path) == self.stamp
        except (OSError, CheckpointError):
            same = False
        if not same:
            raise ModelError(
                f"base.model: the files in {self.path} were changed after the model was loaded from them: do not "
                "change them during a run, and run again"
            )


def load_base(
    spec: str | BaseSource,
    dtype: DType = "auto",
    device: str | torch.device = "cpu",
    quantize: Quantization = "none",
    sha256: str | None = None,
    revision: str | None = None,
    *,
    shard: bool = False,
) -> Base:
    """Loads a base model and its tokenizer.

    Args:
        spec: Name of the base, see ``base_files``; or a base whose files are already known.
        dtype: Type of the weights. ``auto`` is bfloat16 on a GPU that supports it, otherwise float32, because on a
            processor without bfloat16 units a training step of SmolLM2-135M takes several times as long in bfloat16
            (docs/exactness.md).
        device: Device of the model.
        quantize: ``nf4`` stores the linear layers in 4-bit NormalFloat with double quantisation (Dettmers et al. 2023,
            "QLoRA", sections 3 and 4) and computes in ``dtype``.
        sha256: Required digest of the base; see ``resolve_base``.
        revision: Commit, branch or tag of a hub model; see ``resolve_base``.
        shard: Whether to spread the layers over all processes, which have to load the base together; see ``sharded``.

    Raises:
        ModelError: See ``resolve_base``; or the architecture cannot be routed.
        CheckpointError: Weights are corrupt or missing.
        DependencyError: ``quantize`` is ``nf4``, and bitsandbytes is not installed.
    """
    import transformers

    source = spec if isinstance(spec, BaseSource) else resolve_base(spec, sha256, revision)
    loaded_from = stamp(source.path)
    device = torch.device(device)
    torch_dtype = _choose_dtype(dtype, device)
    options: dict[str, Any] = {}
    if quantize == "nf4":
        if importlib.util.find_spec("bitsandbytes") is None:
            raise DependencyError("bitsandbytes", "quant", "base.quantize: nf4")
        options["quantization_config"] = transformers.BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch_dtype,
        )
    with quiet_transformers():
        try:
            model, info = transformers.AutoModelForCausalLM.from_pretrained(
                source.path,
                dtype=torch_dtype,
                device_map={"": torch.device("cpu") if shard else device},
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
                **options,
            )
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # the kind of exception depends on which setting is wrong
            raise CheckpointError(f"base {source.path} cannot be loaded: {first_line(error)}") from error
        if missing := sorted(info["missing_keys"]):
            raise CheckpointError(
                f"base {source.path} lacks {len(missing)} tensors (first: {missing[0]}): download it again"
            )
    mlp_blocks(model)
    check_finite(model, source.path)
    tokenizer = load_tokenizer(source)
    model = model.eval().requires_grad_(False)
    if shard:
        shard_base(model, device)
    base = Base(
        model,
        tokenizer,
        source.digest,
        source.spec,
        source.path,
        source.revision,
        loaded_from,
    )
    base.check_unchanged()  # so the digest belongs to the loaded weights
    return base


def check_finite(model: nn.Module, path: Path) -> None:
    """Refuses weights that are NaN or infinite. Weights that bitsandbytes has packed are not checked.

    Raises:
        CheckpointError: A weight is not finite; the message names its tensor.
    """
    for name, parameter in model.named_parameters():
        if parameter.is_floating_point() and parameter.numel():
            low, high = torch.aminmax(parameter.detach())
            if not bool(torch.isfinite(low) & torch.isfinite(high)):
                raise CheckpointError(f"base {path}: {name} holds NaN or infinity: download or copy it again")


def load_tokenizer(source: BaseSource) -> Any:
    """Loads only the tokenizer of a base.

    Raises:
        ModelError: There is no usable tokenizer.
    """
    import transformers

    with quiet_transformers():
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                source.path, local_files_only=True, trust_remote_code=False
            )
            tokenizer("x")  # fails if a setting has the wrong type
            return tokenizer
        except Exception as error:  # the parser's native code raises various exceptions for a damaged tokenizer.json
            raise ModelError(
                f"base {source.path} has no usable tokenizer ({first_line(error)}): complete the folder (base.model)"
            ) from error


def mlp_blocks(model: Any) -> dict[str, nn.Module]:
    """Returns the MLP of each decoder layer by module path, in the order of the layers.

    Raises:
        ModelError: The architecture has no MLP that can be routed.
    """
    check_equations(model.config.to_dict(), "model")
    layers = model.get_decoder().layers
    prefix = next(name for name, module in model.named_modules() if module is layers)
    blocks = {f"{prefix}.{index}.mlp": layer.mlp for index, layer in enumerate(layers)}
    for path, mlp in blocks.items():
        for projection in ("gate_proj", "up_proj", "down_proj"):
            if getattr(getattr(mlp, projection), "bias", None) is not None:
                raise ModelError(f"{path}.{projection} has a bias, which a routed MLP cannot carry: use another base")
    return blocks


def context_length(model: Any) -> int:
    """Returns the longest sequence that the model supports, in tokens."""
    return int(model.config.max_position_embeddings)


def _choose_dtype(dtype: DType, device: torch.device) -> torch.dtype:
    if dtype == "auto":
        return torch.bfloat16 if device.type == "cuda" and torch.cuda.is_bf16_supported() else torch.float32
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[dtype]
