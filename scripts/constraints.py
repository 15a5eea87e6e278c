"""Writes constraints.txt: the version of every package that this environment has of moesaic's dependencies.

    python scripts/constraints.py > constraints.txt
    python scripts/constraints.py --check
    python scripts/constraints.py --bill sbom.cdx.json
    pip install -c constraints.txt moesaic

The tests of a release ran with these versions. Only what moesaic needs is listed, its extras and what these need
included, not whatever else is installed. ``--check`` writes nothing and names what constraints.txt and pyproject.toml
disagree about; ``--bill`` names what a CycloneDX bill of materials lacks of them.
"""

from __future__ import annotations

import json
import platform
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "constraints.txt"
EXTRAS = ("hub", "quant", "ray", "serve", "stores")


def declared() -> list[Requirement]:
    """The requirements of pyproject.toml, with those of the extras that users install."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    texts = [*project["dependencies"], *(text for extra in EXTRAS for text in project["optional-dependencies"][extra])]
    return [Requirement(text) for text in texts]


def installed_versions() -> dict[str, str]:
    """Package -> version of all that the declared requirements bring along; what is not installed is left out."""
    found: dict[str, str] = {}
    waiting = [(requirement, extra) for requirement in declared() for extra in ("", *requirement.extras)]
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement, extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (name, extra) in seen or not (requirement.marker is None or requirement.marker.evaluate({"extra": extra})):
            continue
        seen.add((name, extra))
        try:
            found[name] = Version(metadata.version(name)).public  # without +cpu: that is a choice of the machine
        except metadata.PackageNotFoundError:
            continue
        for text in metadata.requires(name) or ():
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                waiting += [(Requirement(text.partition(";")[0]), own) for own in ("", *needed.extras)]
    return found


def problems(text: str) -> list[str]:
    """What a constraints file has that pyproject.toml does not allow."""
    pinned = dict(line.split("==") for line in text.splitlines() if "==" in line and not line.startswith("#"))
    return [
        f"{requirement.name}=={pinned[name]} is outside of {requirement.specifier}"
        for requirement in declared()
        if (name := canonicalize_name(requirement.name)) in pinned
        and not requirement.specifier.contains(pinned[name], prereleases=True)
    ] + [
        f"{requirement.name} is missing"
        for requirement in declared()
        if canonicalize_name(requirement.name) not in pinned and requirement.marker is None and _is_here(requirement)
    ]


def lacking(bill: dict[str, Any], versions: dict[str, str]) -> list[str]:
    """Packages, as ``name==version``, that a CycloneDX bill of materials does not have."""
    listed = {(canonicalize_name(part["name"]), Version(part["version"]).public) for part in bill["components"]}
    return [f"{name}=={version}" for name, version in sorted(versions.items()) if (name, version) not in listed]


def _is_here(requirement: Requirement) -> bool:
    try:
        metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return False
    return True


def main() -> None:
    """Prints the file, or checks one."""
    if "--check" in sys.argv[1:]:
        found = problems(FILE.read_text())
        print("\n".join(found), file=sys.stderr)
        sys.exit(bool(found))
    if "--bill" in sys.argv[1:]:
        file = Path(sys.argv[-1])
        missing = lacking(json.loads(file.read_text()), installed_versions())
        if missing:
            sys.exit(f"{file} lacks {', '.join(missing)}")
        return
    print(f"# Made by scripts/constraints.py on Python {platform.python_version()}, {platform.system()}.")
    for name, version in sorted(installed_versions().items()):
        print(f"{name}=={version}")


if __name__ == "__main__":
    main()
