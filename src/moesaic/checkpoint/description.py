"""Reads and checks ``moesaic.json``, which describes a model folder and lists its files with their digests.

The description lists every file with its size and SHA-256 and contains a digest of itself, so that a single changed bit
is noticed before the model is loaded. If the folder contains its own base, whose weights can have many gigabytes, these
are checked by the base's digest instead, which is cached by size and time of change. The place of the base may be
edited, because the digest shows whether the right base is there. Folders of older versions list only sizes.
"""

# E experts, D model

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError

from moesaic import __version__
from moesaic.errors import CheckpointError, ModelError
from moesaic.files import digest_of, file_digest, read_json_object
from moesaic.gates import GATES, GateKind, experts_per_token

if TYPE_CHECKING:
    from torch import Tensor

    from moesaic.model.lora import LoraExpert

FORMAT_VERSIONS: Final = (1, 2)
"""Format versions that can be read. Folders with an anchor have version 2, because a moesaic that knows only version 1
would look for the anchor's files. All others have version 1, so that every moesaic can read them."""
DESCRIPTION: Final = "moesaic.json"
ROUTER: Final = "router.safetensors"
EXPERTS: Final = "experts"
BASE: Final = "base"

_EXPERT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+#-]*")
_COVERED = re.compile(rf"{BASE}/([^/]*\.safetensors|config\.json)")
"""Files that the digest of the base covers."""


@dataclass(frozen=True, slots=True)
class ExpertEntry:
    """The entry of an expert in ``moesaic.json``.

    Attributes:
        name: Name of the expert and its folder, usually the language.
        rank: Largest LoRA rank of its modules; 0 for the anchor, which has no adapter.
        scale: The factor alpha / rank of the deltas.
    """

    name: str
    rank: int
    scale: float


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model folder whose description was read and checked. Tensors are read on demand.

    Attributes:
        path: The folder.
        base: The recipe's ``base`` section: model, dtype, quantize. If the folder contains its own base, ``model`` is
            the place of that base, and ``origin`` is the base from which it was made.
        base_digest: Digest of the base's weights, as ``model.base_files`` computes it.
        experts: The experts, in the order of the gates' rows.
        kind: Kind of the gates; see ``moesaic.gates``.
        top_k: Number of experts per token.
        languages: Languages that the experts were trained on, one per adapter.
    """

    path: Path
    base: Mapping[str, Any]
    base_digest: str
    experts: tuple[ExpertEntry, ...]
    kind: GateKind
    top_k: int
    languages: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the experts, in the order of the gates' rows."""
        return tuple(expert.name for expert in self.experts)

    @property
    def adapters(self) -> tuple[ExpertEntry, ...]:
        """The experts that have an adapter, which are all except the anchor."""
        return tuple(expert for expert in self.experts if expert.rank)

    @property
    def has_anchor(self) -> bool:
        """Whether one of the experts is the base itself."""
        return len(self.adapters) < len(self.experts)

    @property
    def has_own_base(self) -> bool:
        """Whether the folder contains its own base."""
        return "origin" in self.base

    @property
    def base_title(self) -> str:
        """The base's name for people, which does not depend on where the folder is."""
        return str(self.base.get("origin", self.base["model"]))

    def expert_path(self, name: str) -> Path:
        """Returns the folder of an expert's PEFT adapter."""
        return self.path / EXPERTS / name

    def read_experts(self) -> list[LoraExpert]:
        """Reads the factors of all experts, in the order of the gates' rows.

        Raises:
            CheckpointError: The files of an adapter are corrupt, or their rank or scale is not that of the description.
        """
        from moesaic.model.lora import anchor_expert, read_adapter

        experts = [read_adapter(self.expert_path(expert.name), expert.name) for expert in self.adapters]
        for entry, expert in zip(self.adapters, experts, strict=True):
            if entry.rank != expert.rank or not math.isclose(entry.scale, expert.scale, rel_tol=1e-6):
                raise CheckpointError(
                    f"{self.path}: {DESCRIPTION} says rank {entry.rank} and scale {entry.scale:g} of {entry.name}, its "
                    f"adapter rank {expert.rank} and scale {expert.scale:g}: copy or make the model folder again"
                )
        return [*experts, anchor_expert()] if self.has_anchor else experts

    def read_router(self) -> dict[str, Tensor]:
        """Reads the gates.

        Returns:
            ``layers.<i>.weight`` [E, D] and, for noisy gates, ``layers.<i>.noise`` [E, D], in float32.

        Raises:
            CheckpointError: The file is corrupt, or its shapes do not fit the experts.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        path = self.path / ROUTER
        try:
            tensors: dict[str, Tensor] = load_file(path)
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{path} cannot be read ({error}); copy or make the model folder again") from error
        check_router(tensors, len(self.experts), self.kind, str(path))
        return tensors


class _Base(BaseModel):
    model_config = ConfigDict(extra="allow")

    model: Annotated[StrictStr, Field(min_length=1, max_length=4096, pattern=r"^[^\x00-\x1f]+$")]
    digest: Annotated[StrictStr, Field(max_length=256)]
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    quantize: Literal["none", "nf4"] = "none"
    origin: Annotated[StrictStr, Field(max_length=4096)] | None = None
    sha256: StrictStr | None = None
    revision: StrictStr | None = None


class _Expert(BaseModel):
    name: Annotated[StrictStr, Field(max_length=200)]
    rank: Annotated[StrictInt, Field(ge=0, le=2**20)]
    scale: Annotated[float, Field(strict=True, allow_inf_nan=False)]


class _Router(BaseModel):
    kind: StrictStr
    top_k: Annotated[StrictInt, Field(ge=1, le=2**16)]


class _Description(BaseModel):
    base: _Base
    experts: Annotated[list[_Expert], Field(min_length=1, max_length=2**16)]
    router: _Router
    languages: Annotated[list[StrictStr], Field(min_length=1, max_length=2**16)]
    files: dict[str, Annotated[StrictInt, Field(ge=0)]]
    sha256: dict[str, Annotated[StrictStr, Field(pattern="^[0-9a-f]{64}$")]] | None = None


def sealed(folder: Path, description: Mapping[str, Any], files: Sequence[Path]) -> dict[str, Any]:
    """Completes a description with the sizes and digests of the folder's files, and with its own digest.

    Args:
        folder: The model folder.
        description: All other entries.
        files: The files below the folder that belong to the model.
    """
    names = {file.relative_to(folder).as_posix(): file for file in files}
    full = {
        **description,
        "files": {name: file.stat().st_size for name, file in names.items()},
        "sha256": {name: file_digest(file) for name, file in names.items() if not _COVERED.fullmatch(name)},
    }
    return {**full, "digest": _own_digest(full)}


def read_description(path: Path) -> ModelFolder:
    """Reads the description of a model folder and compares the folder's files with it.

    Raises:
        CheckpointError: The description is corrupt or has an unknown format version, or a file is missing, truncated or
            changed.
        ModelError: A name of an expert, the kind of the gates or ``top_k`` is not valid.
    """
    file = path / DESCRIPTION
    description = read_json_object(file)
    version = description.get("format_version")
    if version not in FORMAT_VERSIONS or isinstance(version, bool):
        known = " and ".join(map(str, FORMAT_VERSIONS))
        raise CheckpointError(
            f"{file}: format_version is {version!r:.80}, moesaic {__version__} reads {known}; install the moesaic that "
            "wrote it, or make the folder again"
        )
    if "digest" in description and description["digest"] != _own_digest(description):
        raise CheckpointError(
            f"{file} is not what was written: it was changed or damaged. Copy the model folder again, whole (only "
            "base.model may be edited)"
        )
    try:
        values = _Description.model_validate(description)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise CheckpointError(f"{file}: missing or malformed entry ({where:.120}: {problem['msg']})") from error
    folder = parse(path, description)
    check_names(folder.names)
    experts_per_token(folder.kind, folder.top_k, len(folder.experts))
    if len(folder.languages) != len(folder.adapters):
        raise CheckpointError(
            f"{file}: missing or malformed entry (languages has {len(folder.languages)} entries for "
            f"{len(folder.adapters)} adapters)"
        )
    _check_files(path, values)
    return folder


def parse(path: Path, description: Mapping[str, Any]) -> ModelFolder:
    """Turns a description that was checked into a ``ModelFolder``.

    Args:
        path: The model folder.
        description: The content of ``moesaic.json``.
    """
    base = dict(description["base"])
    if base.get("origin") is not None:
        base["model"] = str(path / BASE)
    return ModelFolder(
        path=path,
        base_digest=str(base.pop("digest")),
        base=base,
        experts=tuple(ExpertEntry(e["name"], int(e["rank"]), float(e["scale"])) for e in description["experts"]),
        kind=description["router"]["kind"],
        top_k=int(description["router"]["top_k"]),
        languages=tuple(description["languages"]),
    )


def _check_files(path: Path, values: _Description) -> None:
    for name, size in values.files.items():
        parts = PurePosixPath(name)
        if parts.is_absolute() or ".." in parts.parts or "\x00" in name:
            raise CheckpointError(f"{path / DESCRIPTION}: files names {name!r:.80}, which is not in the folder")
        if not (path / name).is_file():
            raise CheckpointError(f"{path}: {name} is missing; copy the model folder again, whole")
        found = (path / name).stat().st_size
        if found != size:
            raise CheckpointError(
                f"{path}: {name} has {found:,} bytes instead of {size:,}; it is truncated or was changed. "
                "Copy the model folder again, whole"
            )
    for name, digest in (values.sha256 or {}).items():
        if name not in values.files:
            raise CheckpointError(f"{path / DESCRIPTION}: sha256 names {name!r:.80}, which files does not")
        if file_digest(path / name) != digest:
            raise CheckpointError(
                f"{path}: {name} is not what was written (its SHA-256 differs): it was changed, or damaged on the disk "
                "or on the way. Copy the model folder again, whole"
            )


def _own_digest(description: Mapping[str, Any]) -> str:
    """Returns the digest of a description, which covers neither the digest itself nor the place of the base."""
    base = description.get("base")
    base = {key: value for key, value in base.items() if key != "model"} if isinstance(base, dict) else base
    return digest_of({**{key: value for key, value in description.items() if key != "digest"}, "base": base})


def check_names(names: Sequence[str]) -> None:
    """Refuses names of experts that are not valid names of folders or that occur twice.

    Raises:
        ModelError: A name is not valid, a name occurs twice, or there are no names.
    """
    for name in names:
        if not _EXPERT_NAME.fullmatch(name):
            raise ModelError(
                f"expert name {name!r}: it names a folder, so only letters, digits and _.+#- after a letter or digit"
            )
    if len(set(names)) < len(names) or not names:
        raise ModelError(f"expert names {list(names)}: at least one is needed and none may appear twice")


def check_router(
    tensors: Mapping[str, Tensor],
    num_experts: int,
    kind: GateKind,
    source: str,
    error: type[CheckpointError | ModelError] = CheckpointError,
) -> None:
    """Checks the names, shapes, types and values of the gates' tensors.

    Args:
        tensors: ``layers.<i>.weight`` [E, D] and, for noisy gates, ``layers.<i>.noise`` [E, D].
        num_experts: Number of experts E.
        kind: Kind of the gates; see ``moesaic.gates``.
        source: Where the tensors come from, which begins the message of an error.
        error: Class of the exception that is raised.

    Raises:
        CheckpointError: A tensor is wrong; if ``error`` is given, that class is raised instead.
    """
    import torch

    parts = GATES[kind].tensors
    num_layers = sum(name.endswith(".weight") for name in tensors)
    wanted = {f"layers.{layer}.{part}" for layer in range(num_layers) for part in parts}
    if not num_layers or set(tensors) != wanted:
        odd = sorted(set(tensors) ^ wanted)[:4]
        raise error(f"{source}: gates of kind {kind} need layers.0 to layers.L-1 with {parts}; missing or extra: {odd}")
    shapes = {tuple(tensor.shape) for tensor in tensors.values()}
    if len(shapes) != 1 or next(iter(shapes))[0] != num_experts:
        raise error(f"{source}: gate shapes {sorted(shapes)}; every one must be [{num_experts} experts, hidden size]")
    for name, tensor in tensors.items():
        if not tensor.is_floating_point() or not bool(torch.isfinite(tensor.float()).all()):
            what = "holds NaN or infinity" if tensor.is_floating_point() else f"has type {tensor.dtype}"
            raise error(f"{source}: {name} {what}: gates are finite floating-point numbers; train them again")
