"""The stage ``report``: writes the results, the report page, and the model with its card."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from moesaic.checkpoint.card import write_card
from moesaic.checkpoint.native import read_model_folder
from moesaic.files import link_or_copy, read_json, write_json
from moesaic.progress import say
from moesaic.report import write_report

if TYPE_CHECKING:
    from moesaic.pipeline.stages import Run


def publish(run: Run) -> None:
    """Writes results.json, report.html and the model with its card into the workspace.

    If the run was copied from another machine without its weights, no model is written.

    Args:
        run: A run whose stages are finished.

    Raises:
        CheckpointError: A stage is not finished, or one of its files was damaged afterwards.
    """
    root = run.workspace.root
    final = run.final_model.parent.name
    has_model = not run.workspace.came_without_weights(final)
    for name in ("evaluate", *((final,) if has_model else ())):
        run.workspace.verify(name)
    results = read_json(run.workspace.path("evaluate") / "results.json")
    manifests = {name: run.workspace.recorded(name) for name in run.stage_names()}
    trained = manifests[final] or {}
    results |= {
        "versions": trained.get("versions", {}),
        "hardware": trained.get("hardware", {}),
        "recipe_digest": run.recipe.digest(),
        "recipe": run.recipe.model_dump(mode="json"),
        "seconds": {name: manifest["seconds"] for name, manifest in manifests.items() if manifest},
        "data": read_json(run.workspace.path("data") / "report.json"),
    }
    if run.recipe.data.keep is not None:
        results["keep"] = read_json(run.workspace.path("keep") / "report.json")
    write_json(root / "results.json", results)
    write_report(root)
    if not has_model:
        run.workspace.share(("recipe.yaml", "report.html", "results.json"))
        say(f"report: {root / 'report.html'}; the model's weights are not here, so there is no {root / 'model'}")
        return
    partial = root / ".model.partial"
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(run.final_model, partial, copy_function=link_or_copy)
    (partial / "README.md").unlink(missing_ok=True)
    write_card(read_model_folder(partial), results)
    shutil.rmtree(root / "model", ignore_errors=True)
    partial.rename(root / "model")
    run.workspace.share(("recipe.yaml", "report.html", "model", "results.json"))
    say(f"report: {root / 'report.html'}, model: {root / 'model'}")
