"""Compiles the step of one row to a library, once, with this machine's C++ compiler.

The wheels of this package contain no compiled code, and PyTorch has no product that reads bfloat16 weights at the speed
of the memory and sums in float32 (docs/decisions/0023-one-row-compiled-where-it-runs.md). The library is stored in the
cache, under a name that depends on source, compiler and processor. If there is no compiler, or if it fails, ``library``
returns None, and decoding works in the same way, but slower.

A library is loaded only if it belongs to the user and nobody else may write to it or to its folder. This does not
protect users who replace files of their own cache.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import platform
import shutil
import stat
import subprocess
import sys
import tempfile
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from moesaic.errors import MoesaicError
from moesaic.files import cache_folder, write_text
from moesaic.progress import say

_FLAGS: Final = ("-std=c++17", "-O2", "-march=native", "-fno-math-errno", "-fopenmp", "-shared", "-fPIC", "-Wno-psabi")
_SECONDS: Final = 120
_log = logging.getLogger(__name__)


@cache
def library() -> ctypes.CDLL | None:
    """Returns the compiled step, which is compiled at the first call; None if it is not available."""
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    if sys.platform != "linux" or compiler is None:
        return None
    source = files("moesaic.model.decode").joinpath("one_row.cpp").read_text(encoding="utf-8")
    path = cache_folder() / "compiled" / f"one_row-{_digest(source, compiler)}.so"
    try:
        if path.with_suffix(".failed").exists():
            return None
        if not path.exists():
            _compile(compiler, source, path)
        _check_owner(path)
        return ctypes.CDLL(str(path))
    except (OSError, MoesaicError, subprocess.SubprocessError) as error:
        _log.info("one row is decoded without compiled code: %s", error)
        return None


def _digest(source: str, compiler: str) -> str:
    """Returns a digest of source, compiler and processor.

    The processor is included because machines with different processors may share the cache.
    """
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text(encoding="utf-8", errors="replace").splitlines() if cpu.exists() else []
    features = next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())
    parts = (source, *_FLAGS, compiler, str(Path(compiler).stat().st_mtime_ns), platform.machine(), features)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def _compile(compiler: str, source: str, path: Path) -> None:
    """Writes the library, which appears complete or not at all. If the compiler fails, it is not tried again.

    Raises:
        OSError: The compiler failed, or the folder cannot be written.
    """
    say("compiling the decoding step of one text for this processor (once, about 2 seconds)")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # The temporary folder keeps processes that start at the same time from writing to the same file.
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=path.parent) as folder:
        made = Path(folder) / path.name
        command = [compiler, *_FLAGS, "-x", "c++", "-", "-o", str(made)]
        done = subprocess.run(command, input=source, capture_output=True, text=True, timeout=_SECONDS, check=False)
        if done.returncode != 0 or not made.exists():
            failed = path.with_suffix(".failed")
            write_text(failed, f"{' '.join(command)}\n{done.stderr}")
            raise OSError(f"{compiler} failed, see {failed}")
        made.chmod(0o600)
        made.replace(path)


def _check_owner(path: Path) -> None:
    """Refuses a library that another user may have written.

    Raises:
        OSError: The file or its folder belongs to another user, others may write to it, or it is a symbolic link.
    """
    for each in (path, path.parent):
        found = each.lstat()
        if found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or stat.S_ISLNK(found.st_mode):
            raise OSError(f"{each} is not this user's alone: it is not loaded")
