"""Uploads a model folder or an export to the Hugging Face hub, and downloads a model folder.

Only complete folders are uploaded: a model folder is checked first, and an export must have its configuration and every
shard that its index lists. Hidden files and partial results are not uploaded. huggingface_hub finds the token by itself
(``huggingface-cli login`` or ``HF_TOKEN``); moesaic neither reads nor stores it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, Protocol

from moesaic.checkpoint.bases import find_base
from moesaic.checkpoint.card import CARD
from moesaic.checkpoint.description import BASE, DESCRIPTION, EXPERTS, ROUTER
from moesaic.checkpoint.native import locate, read_model_folder
from moesaic.checkpoint.streaming import TensorReader
from moesaic.errors import ModelError

_IGNORED: Final = [".*", "*.partial", "**/.*"]
_FETCHED: Final = [DESCRIPTION, ROUTER, CARD, f"{EXPERTS}/*", f"{BASE}/*"]
_REPOSITORY: Final = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


class HubApi(Protocol):
    """The two methods of ``huggingface_hub.HfApi`` that moesaic uses."""

    def create_repo(self, repo_id: str, *, private: bool | None, exist_ok: bool, repo_type: str) -> Any:
        """Makes the repository if it does not exist."""

    def upload_folder(
        self, *, repo_id: str, folder_path: Path, commit_message: str, ignore_patterns: list[str], repo_type: str
    ) -> Any:
        """Uploads the files in one commit."""


def push(folder: Path, repository: str, *, private: bool = False, message: str = "", api: HubApi | None = None) -> str:
    """Uploads a model folder or an exported checkpoint in one commit.

    Args:
        folder: The model folder, the folder of a run, or the exported checkpoint.
        repository: ``owner/name``.
        private: Whether a new repository is private. An existing repository does not change.
        message: Commit message.
        api: Another implementation of the hub's methods, for tests.

    Returns:
        URL of the commit.

    Raises:
        ModelError: The folder is neither a model folder nor a checkpoint, or the hub refused the upload.
        CheckpointError: A file is missing or corrupt.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

    folder = locate(folder)
    if (folder / DESCRIPTION).is_file():
        if (described := read_model_folder(folder)).has_own_base:
            find_base(described)
    elif (folder / "config.json").is_file():
        TensorReader(folder).close()
    else:
        raise ModelError(f"{folder} is neither a model folder ({DESCRIPTION}) nor an exported checkpoint (config.json)")
    hub: HubApi = HfApi() if api is None else api
    try:
        hub.create_repo(repository, private=private, exist_ok=True, repo_type="model")
        commit = hub.upload_folder(
            repo_id=repository,
            folder_path=folder,
            commit_message=message or f"Upload {folder.name} with moesaic",
            ignore_patterns=_IGNORED,
            repo_type="model",
        )
    except (HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(
            f"{folder} could not be uploaded to {repository!r}: {reason}. The name is owner/name, and a token with "
            "write access is needed: 'hf auth login', or HF_TOKEN"
        ) from error
    return str(getattr(commit, "commit_url", commit))


def fetch(spec: str | Path, revision: str | None = None) -> Path:
    """Returns the folder of a model, which is downloaded from the hub if there is no folder with this name.

    Args:
        spec: A folder, or ``owner/name`` on the hub.
        revision: Commit, branch or tag on the hub; None for the newest commit.

    Raises:
        ModelError: The hub has no such model or cannot be reached, or ``spec`` is a folder and ``revision`` is given.
    """
    path = Path(spec).expanduser()
    if path.exists() or not _REPOSITORY.fullmatch(str(spec)):
        if revision is not None:
            raise ModelError(f"{path} is a folder here, which has no revision {revision!r}: leave revision out")
        return path
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(str(spec), revision=revision, allow_patterns=_FETCHED))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"{spec} is neither a folder nor a model on the hub that can be reached: {reason}") from error
