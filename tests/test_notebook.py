"""The notebook mirrors the quickstart, and every cell of it runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from test_pipeline import write_recipe

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "notebooks" / "quickstart.ipynb"


def cells(kind="code"):
    return [cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


def test_the_notebook_is_of_the_quickstart_and_holds_no_output():
    sources = ["".join(cell["source"]) for cell in cells()]
    assert 'RECIPE = Path("recipes/quickstart.yaml")' in sources[0]
    assert cells()[0]["metadata"]["tags"] == ["parameters"]
    for number, cell in enumerate(cells()):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
        compile(sources[number], f"cell {number}", "exec")


@pytest.mark.slow
@pytest.mark.untraced
def test_every_cell_runs(tmp_path):
    """With a small recipe in the place of the quickstart's, which needs a download and ten minutes."""
    pytest.importorskip("nbmake", reason="the notebook is run by nbmake")
    book = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    (parameters,) = [cell for cell in book["cells"] if "parameters" in cell["metadata"].get("tags", ())]
    recipe = write_recipe(tmp_path)
    parameters["source"] = f"from pathlib import Path\n\nRECIPE = Path({str(recipe)!r})\nOVERRIDES = []\n"
    (tmp_path / "quickstart.ipynb").write_text(json.dumps(book))
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--nbmake",
            "--nbmake-timeout=800",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:schemathesis",
            "quickstart.ipynb",
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=850,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "1 passed" in done.stdout
    assert (tmp_path / "runs" / "toy" / "results.json").exists()
