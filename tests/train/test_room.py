"""Which prompts leave room for a program."""

from __future__ import annotations

import pytest

from moesaic.errors import RecipeError
from moesaic.recipe import RewardRecipe
from moesaic.train.room import has_room, require_room

OPTIONS = RewardRecipe(max_new_tokens=12)


def test_prompt_and_program_may_fill_the_length_of_an_example():
    assert has_room(28, OPTIONS, 40)
    assert not has_room(29, OPTIONS, 40)


def test_one_task_with_room_is_enough_and_no_more_are_read():
    lengths = iter([50, 28, 50])
    require_room(lengths, "training task", OPTIONS, 40)
    assert list(lengths) == [50]


@pytest.mark.parametrize(("lengths", "found"), [([1029, 1050], r" \(the shortest prompt has 1,029 tokens\)"), ([], "")])
def test_without_one_both_keys_and_the_shortest_prompt_are_named(lengths, found):
    said = f"reward.max_new_tokens: 12 leaves no training task enough of data.max_tokens, 1,040{found}: lower the one"
    with pytest.raises(RecipeError, match=said):
        require_room(lengths, "training task", OPTIONS, 1040)
