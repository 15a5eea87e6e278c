"""What is refused before anything is trained, because it would end the run later."""

from __future__ import annotations

from unittest.mock import MagicMock

import pytest
from test_tasks import write_problems

from moesaic.errors import RecipeError
from moesaic.pipeline.checks import find_problems
from moesaic.pipeline.plan import print_plan
from moesaic.pipeline.stages import Run
from moesaic.recipe import load_recipe
from test_pipeline import REWARD, write_recipe

NO_ROOM = ("reward.max_new_tokens=1010", "reward.row_tokens=1024", "predict.limit=0")


def trained(folder):
    return [path.name for path in (folder / "runs" / "toy").glob("*") if path.name in ("keep", "experts")]


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
