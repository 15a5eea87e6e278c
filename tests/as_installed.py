"""moesaic as another environment's python sees it; no test by itself."""

import tomllib
from pathlib import Path

import moesaic

ROOT = Path(__file__).parents[1]


def as_installed(folder: Path) -> str:
    """Writes the entry points that pyproject.toml declares; returns the path on which they and this source tree are."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    info = folder / f"moesaic-{moesaic.__version__}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: moesaic\nVersion: {moesaic.__version__}\n")
    lines = []
    for group, entries in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in entries.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return f"{ROOT / 'src'}:{folder}"
