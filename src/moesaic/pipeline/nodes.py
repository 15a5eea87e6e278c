"""Asks every machine of a cluster whether it can run what it may be sent, before anything is sent.

Ray sends a task to any machine that has room. Therefore every machine that could get a task is asked whether it has
what a run needs: the folder, the workspace, the base, extras, compilers and the sandbox.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from moesaic.errors import DataError, MoesaicError, ToolchainError
from moesaic.pipeline.inputs import MISSING, tools_of
from moesaic.progress import say
from moesaic.recipe import Recipe
from moesaic.stores.workspace import open_workspace
from moesaic.workspace import versions

_PATIENCE: Final = 120.0  # seconds in which a machine has to answer
_NOTED: Final = ("torch", "transformers", "peft", "tree-sitter", "python")


def check_nodes(recipe: Recipe, folder: Path, needs_tools: bool) -> None:
    """Asks the machines of the cluster that this process is connected to.

    Args:
        recipe: The recipe.
        folder: Folder in which the command was started; paths of the recipe are relative to it.
        needs_tools: Whether the remaining stages run programs.

    Raises:
        ToolchainError: A machine lacks something; the message says which machine and what.
    """
    import ray
    from ray.exceptions import GetTimeoutError, RayError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    resource = "GPU" if ray.cluster_resources().get("GPU", 0) >= 1 else "CPU"
    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get(resource, 0) >= 1]
    mark = open_workspace(recipe.workspace, recipe.store).root / ".seen-by-all"
    mark.write_text(platform.node())
    ask = ray.remote(num_cpus=0, max_retries=0)(look_here)
    settings, here = recipe.model_dump(mode="json"), versions()
    tools = tools_of(recipe) if needs_tools else None
    asked = {
        f"{node['NodeManagerHostname']} (node {node['NodeID'][:8]})": ask.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote(settings, str(folder), str(mark) if recipe.store is None else None, tools)
        for node in nodes
    }
    problems: list[str] = []
    try:
        for name, answer in asked.items():
            try:
                lacking, there = ray.get(answer, timeout=_PATIENCE)
            except GetTimeoutError:
                problems.append(f"{name}: no answer in {_PATIENCE:.0f} s")
            except RayError as error:
                reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
                problems.append(f"{name}: cannot be asked: {reason:.200}")
            else:
                problems += [f"{name}: {text}" for text in lacking]
                if there.get("moesaic") != here.get("moesaic"):
                    problems.append(f"{name}: moesaic {there.get('moesaic')}, here it is {here.get('moesaic')}")
                other = [f"{part} {there.get(part)}" for part in _NOTED if there.get(part) != here.get(part)]
                if other:
                    say(f"note: {name} has {', '.join(other)}, unlike this machine: the bytes of results may differ")
    finally:
        mark.unlink(missing_ok=True)
    if problems:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        raise ToolchainError(
            f"--ray: machines of the cluster lack what their tasks need; install it, or remove the machines from "
            f"the cluster:\n{lines}"
        )


def look_here(settings: dict[str, Any], folder: str, mark: str | None, tools: Any) -> tuple[list[str], Any]:
    """Checks the machine on which this function runs, as a task of the cluster.

    Args:
        settings: The recipe as a dictionary.
        folder: Folder in which the command was started.
        mark: File in the workspace that the command's machine has just written; None if the workspace is in an object
            store.
        tools: Compilers, run-times and sandbox of the command's machine; None if no programs are run.

    Returns:
        Descriptions of what is missing, and the versions of packages.
    """
    lacking = []
    try:
        os.chdir(folder)
    except OSError as error:
        lacking.append(f"the folder {folder}, in which the command was started, is not there ({error.strerror})")
    recipe = Recipe.model_validate(settings)
    if mark is not None and not Path(mark).exists():
        lacking.append(
            f"the workspace {Path(mark).parent} is not that of the command's machine: give output a folder that all "
            "machines share, or s3:// or gs://"
        )
    base = Path(recipe.base.model).expanduser()
    if (recipe.base.model.startswith((".", "/", "~")) or base.suffix == ".gguf") and not base.exists():
        lacking.append(f"base.model: {recipe.base.model} is not there")
    if recipe.base.quantize != "none" and find_spec("bitsandbytes") is None:
        lacking.append(f"base.quantize: {recipe.base.quantize} needs the package 'bitsandbytes' (moesaic[quant])")
    try:
        if recipe.store is not None:
            open_workspace(recipe.workspace, recipe.store)
    except MoesaicError as error:
        lacking.append(str(error))
    if tools is not None:
        lacking += _missing_tools(recipe, tools)
    return lacking, versions()


def _missing_tools(recipe: Recipe, tools: Mapping[str, Any]) -> list[str]:
    """Describes the tools of the command's machine that are missing on this one, or that differ."""
    lacking = []
    found = tools_of(recipe)
    for name, there in tools.items():
        here = found[name]
        if here == there or str(there).startswith(MISSING):
            continue
        if str(here).startswith(MISSING):
            lacking.append(f"{name}: {str(here).removeprefix(MISSING)}")
        else:
            lacking.append(
                f"{name}: {here}, on the machine of the command it is {there}: programs may be judged differently"
            )
    if recipe.reward.runs_tests:
        from moesaic.pipeline.tasks import check_tasks

        try:
            check_tasks(recipe)
        except (DataError, ToolchainError) as error:
            lacking.append(str(error))
    return lacking
