import functools
import importlib
import importlib.util
import logging
import os
import shutil
import sys
from collections import Counter
from pathlib import Path

# Pico models gain nothing from threads, and several test processes at once lose a lot to their waiting for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Without a GPU, Triton interprets the decoding kernels. It reads this when it is imported, which torch may do early.
if importlib.util.find_spec("triton") is not None and shutil.which("nvidia-smi") is None:
    os.environ.setdefault("TRITON_INTERPRET", "1")

import pytest
import typer.main
import typer.testing
from hypothesis import HealthCheck, settings

import forked

IS_TRACED = sys.gettrace() is not None  # by coverage; from Python 3.12 on it can do without, and costs little then
if IS_TRACED:
    forked.import_all(forked.LIBRARIES)

# What torch says once a process would otherwise be an error in whichever test comes first.
importlib.import_module("torch").set_warn_always(True)
# What torch's compiler notes of its own work nobody reads, but pytest would keep all of it.
logging.getLogger("torch.__trace").disabled = True

# Typer reads the annotations of all commands for every command line, far longer than most of the tests' take to run.
typer.main.get_command = typer.testing._get_command = functools.cache(typer.main.get_command)

# How long an example takes depends on the machine, and so does how long it takes to draw one.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")

CASES_TRACED = 8


def pytest_collection_modifyitems(items):
    """Leaves most cases of a test with many out of the coverage: they mostly take the same lines.

    Tracing doubles the time that a test takes. What is found to be covered is therefore a lower bound.
    """
    if IS_TRACED:
        names = [item.nodeid.partition("[")[0] for item in items]
        cases, seen = Counter(names), Counter()
        for name, item in zip(names, items, strict=True):
            if seen[name] % -(-cases[name] // CASES_TRACED):
                item.add_marker("untraced")
            seen[name] += 1


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    tracer = sys.gettrace()
    if item.get_closest_marker("untraced"):
        sys.settrace(None)  # in this thread: a server that other tests ask, too, has one of its own
    try:
        return (yield)
    finally:
        sys.settrace(tracer)


@pytest.fixture(autouse=True)
def _what_a_test_starts_is_traced_as_it_is(request, monkeypatch):
    if request.node.get_closest_marker("untraced"):
        monkeypatch.delenv(forked.TRACED, raising=False)


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_left_running():
    """Ends the process that forks others before coverage is added up."""
    yield
    forked.end()


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
