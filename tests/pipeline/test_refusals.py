"""What is refused before anything is trained, because it would end the run later."""

from __future__ import annotations

import re
from unittest.mock import MagicMock

import pytest
from test_keep import answering, write_mbxp, write_tasks
from test_tasks import write_problems

from moesaic.errors import DataError, RecipeError
from moesaic.pipeline import keep
from moesaic.pipeline.checks import find_problems
from moesaic.pipeline.plan import print_plan
from moesaic.pipeline.stages import Run
from moesaic.recipe import load_recipe
from test_pipeline import REWARD, write_recipe

NO_ROOM = ("reward.max_new_tokens=1010", "reward.row_tokens=1024", "predict.limit=0")


def trained(folder):
    return sorted(path.name for path in (folder / "runs" / "toy").glob("*") if path.name in ("keep", "experts"))


@pytest.mark.parametrize("more", [(), ("reward.alone=[java]",)])
def test_examples_without_room_for_a_program_end_a_run_as_soon_as_they_are_known(tmp_path, more):
    path = write_recipe(tmp_path)
    said = (
        r"reward\.max_new_tokens: 1,010 leaves no training task enough of data\.max_tokens, 1,024 "
        r"\(the shortest prompt has \d+ tokens\): lower"
    )
    with pytest.raises(RecipeError, match=said):
        Run(load_recipe(path, [*REWARD, *NO_ROOM, *more]))()
    assert trained(tmp_path) == []
    run = Run(load_recipe(path, [*REWARD, *NO_ROOM, *more]))
    assert run.is_finished("data")
    with pytest.raises(RecipeError, match=said):
        print_plan(run)
    run(("experts",))  # this stage alone does not need the tasks
    with pytest.raises(RecipeError, match=said):
        run(("compose", "gate", "expert_rewards", "reward"))
    assert not (tmp_path / "runs" / "toy" / "compose").exists()


def test_tasks_with_tests_without_room_for_a_program_end_a_run_before_it_begins(tmp_path, monkeypatch):
    monkeypatch.setattr("moesaic.pipeline.tasks.ProgramRuns", MagicMock())  # stands for tools
    path = write_recipe(tmp_path)
    options = [*REWARD, *NO_ROOM, "reward.kind=tests", f"data.tasks=[{write_problems(tmp_path / 'problems')}]"]
    said = r"reward\.max_new_tokens: 1,010 leaves no training task of data\.tasks enough of data\.max_tokens, 1,024 \("
    with pytest.raises(RecipeError, match=said):
        Run(load_recipe(path, options))()
    assert not (tmp_path / "runs" / "toy" / "data").exists()
    assert find_problems(load_recipe(path, options))[0][0].startswith("reward.max_new_tokens: 1,010 leaves no training")
    assert find_problems(load_recipe(path, [*options, "reward.max_new_tokens=8"])) == ([], [])


LEARNS = ("experts.self_training=true", "predict.limit=0")


def test_a_language_without_prompts_to_learn_from_is_named_before_the_base_answers(tmp_path, monkeypatch):
    calls: list[int] = []
    answering(monkeypatch, calls=calls)
    path, source = write_recipe(tmp_path), f"data.keep=mbxp:{write_mbxp(tmp_path / 'mbxp')}"
    said = r"experts\.self_training: data\.keep \(mbxp:.*\) has no prompts in java, so .* take java out of data"
    with pytest.raises(RecipeError, match=said):
        Run(load_recipe(path, [source, *LEARNS]))()
    assert not (tmp_path / "runs" / "toy" / "data").exists()
    assert calls == []
    assert re.match(said, find_problems(load_recipe(path, [source, *LEARNS]))[0][0])
    run = Run(load_recipe(path, [source, *LEARNS]))
    run(("data", "keep"))  # these stages do not train experts
    with pytest.raises(DataError, match=r"experts\.self_training: data\.keep \(mbxp:.*\) has no prompts in java that"):
        run.passing_answers("java")
    with pytest.raises(RecipeError, match=said):
        print_plan(Run(load_recipe(path, [source, *LEARNS, "keep.samples=2", "keep.temperature=0.5"])))


def test_prompts_without_tests_and_without_permission_to_run_them_teach_nothing(tmp_path, monkeypatch):
    answering(monkeypatch)
    path, python = write_recipe(tmp_path), "data.languages=[python]"
    untested = [python, "gate.top_k=1", f"data.keep={write_tasks(tmp_path / 'tasks')}", *LEARNS]
    with pytest.raises(RecipeError, match=r"experts\.self_training: the prompts .*tasks\) in python have no tests"):
        Run(load_recipe(path, untested))()
    source = f"data.keep=mbxp:{write_mbxp(tmp_path / 'mbxp')}"
    unjudged = [python, "gate.top_k=1", source, *LEARNS, "evaluate.allow_code_execution=false"]
    with pytest.raises(RecipeError, match=r"experts\.self_training: .* but evaluate\.allow_code_execution is false"):
        Run(load_recipe(path, unjudged))()
    assert not (tmp_path / "runs" / "toy" / "data").exists()
    missing = [python, "gate.top_k=1", "data.keep=mbxp:nowhere", *LEARNS]
    (found,) = find_problems(load_recipe(path, missing))[0]
    assert found.startswith("data.keep: 'nowhere' does not exist")
    assert find_problems(load_recipe(path, [python, "gate.top_k=1", source, *LEARNS]))[0] == []


def test_a_language_without_answers_that_pass_is_named_before_the_first_expert(tmp_path, monkeypatch):
    answering(monkeypatch)
    folder = write_mbxp(tmp_path / "mbxp")
    python = (folder / "mbpp.jsonl").read_text()
    (folder / "mbjp.jsonl").write_text(python.replace('"language": "python"', '"language": "java"'))

    def all_pass(_session, prompts, answers, _rows):
        return {name: [True] * len(answers[name]) for name in prompts}

    monkeypatch.setattr(keep, "_passed", all_pass)  # programs in Python do not parse as Java
    options = [f"data.keep=mbxp:{folder}", *LEARNS]
    path = write_recipe(tmp_path)
    said = r"experts\.self_training: 0 of the base's answers in java passed to train on"
    with pytest.raises(DataError, match=said):
        Run(load_recipe(path, options))()
    assert trained(tmp_path) == ["keep"]
    with pytest.raises(DataError, match=said):
        Run(load_recipe(path, options))(("experts",))
    with pytest.raises(DataError, match=said):
        print_plan(Run(load_recipe(path, options)))
    assert trained(tmp_path) == ["keep"]
    Run(load_recipe(path, options), only=("python",))(("experts",))
    assert trained(tmp_path) == ["experts", "keep"]
