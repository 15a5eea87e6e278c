"""Arguments that say where a script writes: an impossible place is named before any work, not after it."""

from __future__ import annotations

import argparse
import errno
import tempfile
from pathlib import Path


def folder_to_write(text: str) -> Path:
    """Returns the folder that an argument names. It may be missing; the script makes it when it needs it.

    Raises:
        argparse.ArgumentTypeError: The folder, or the one in which it would be made, cannot be written.
    """
    folder = Path(text)
    try:
        existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        with tempfile.TemporaryFile(dir=existing):  # tried, because root is permitted to write even where it cannot
            return folder
    except OSError as error:
        raise _refusal(text, error) from None


def file_to_write(text: str) -> Path:
    """Returns the file that an argument names, and makes its folder.

    Raises:
        argparse.ArgumentTypeError: It is a folder, or the folder that it would be in cannot be written.
    """
    file = Path(text)
    try:
        if file.is_dir():
            raise IsADirectoryError(errno.EISDIR, "is a folder")
        folder_to_write(str(file.parent)).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refusal(text, error) from None
    return file


def _refusal(text: str, error: OSError) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(f"{text} cannot be written ({error.strerror}); name another place")


if __name__ == "__main__":
    raise SystemExit("places.py is a part of other scripts: run scaling.py")
