"""The examples for SLURM and SkyPilot: shell that bash reads, YAML that parses, commands that moesaic takes."""

import re
import shlex
import shutil
import subprocess

import pytest
import yaml

from test_documented_commands import ROOT, blocks, problem

PAGE = ROOT / "docs" / "clusters.md"
JOBS = blocks(PAGE, "bash")
TASKS = [yaml.safe_load(text) for text in blocks(PAGE, "yaml")]
SCRIPTS = [*JOBS, *(task[key] for task in TASKS for key in ("setup", "run"))]


def calls(script):
    """Command lines of moesaic in a script, whatever they are started by."""
    lines = script.replace("\\\n", " ").splitlines()
    found = (re.search(r"(?:^|[\s/]|-m )(moesaic (?!-m)[a-z].*)$", line) for line in lines)
    return [match[1].removesuffix("&").strip() for match in found if match and not match[0].lstrip().startswith("#")]


def test_there_are_examples():
    assert len(JOBS) == 2
    assert len(TASKS) == 2
    assert len([call for script in SCRIPTS for call in calls(script)]) == 6


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
@pytest.mark.parametrize("script", SCRIPTS)
def test_bash_reads_them(script):
    checked = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("call", [call for script in SCRIPTS for call in calls(script)])
def test_moesaic_takes_their_commands(call):
    assert problem(call) is None
    assert (ROOT / next(word for word in shlex.split(call) if word.startswith("recipes/"))).is_file()


def test_tasks_have_the_keys_of_skypilot():
    known = {"name", "num_nodes", "resources", "workdir", "setup", "run", "envs", "file_mounts"}
    for task in TASKS:
        assert set(task) <= known
        assert {"name", "resources", "setup", "run"} <= set(task)
        assert set(task["resources"]) <= {"accelerators", "use_spot", "disk_size", "cpus", "memory", "infra"}


@pytest.mark.parametrize("job", JOBS)
def test_jobs_begin_with_their_options(job):
    first, *rest = job.splitlines()
    options = [line for line in rest if line.startswith("#SBATCH ")]
    assert first == "#!/bin/bash"
    assert rest[: len(options)] == options  # SLURM reads them up to the first command
    assert all(re.fullmatch(r"#SBATCH --[a-z-]+(=\S+)?", option) for option in options)
