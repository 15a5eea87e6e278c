import functools
import importlib.util
import os
import shutil
import sys
from pathlib import Path

# Pico models gain nothing from threads, and several test processes at once lose a lot to their waiting for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Without a GPU, Triton interprets the decoding kernels. It reads this when it is imported, which torch may do early.
if importlib.util.find_spec("triton") is not None and shutil.which("nvidia-smi") is None:
    os.environ.setdefault("TRITON_INTERPRET", "1")

import pytest
import torch
import typer.main
import typer.testing

# What torch says once a process would otherwise be an error in whichever test comes first.
torch.set_warn_always(True)


# Typer reads the annotations of all commands for every command line, far longer than most of the tests' take to run.
typer.main.get_command = typer.testing._get_command = functools.cache(typer.main.get_command)


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_left_running():
    """Ends the process that forks others before coverage is added up."""
    yield
    if "forked" in sys.modules:
        sys.modules["forked"].end()


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """A finished run on a pico base: the folder of ``toy.yaml``, ``base/`` and ``runs/toy/``, to look at only."""
    from moesaic.pipeline.stages import Run
    from moesaic.recipe import load_recipe
    from test_pipeline import write_recipe

    folder = tmp_path_factory.mktemp("finished")
    Run(load_recipe(write_recipe(folder)))()
    return folder


@pytest.fixture
def own_output(monkeypatch):
    """Where messages go, of the test's own; its log file is closed afterwards."""
    from moesaic import progress

    output = progress._Output()
    monkeypatch.setattr(progress, "_output", output)
    yield output
    if output.log is not None:
        output.log.close()
