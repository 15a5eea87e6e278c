"""Fresh arguments are new, and like those in a task's own tests."""

import math
from random import Random

from fresh_mutation import Mutator, fresh_arguments
from fresh_profile import Sequences


def test_mutation_keeps_the_kind_and_changes_the_value():
    values = [True, 3, 2.5, "é\n", [1, [2]], (1, (2, "a")), {"a": [1], 2: (3,)}, {1, 2}]
    mutator = Mutator(values, Random(0))
    for value in values:
        mutated = [mutator.mutate(value) for _ in range(50)]
        assert {type(other) for other in mutated} == {type(value)}
        assert any(other != value for other in mutated)


def test_fresh_arguments_are_new_different_repeatable_and_like_the_own():
    own = [([3, 1, 2], "ab"), ([7, 7], "bca"), ([], "b")]
    fresh = fresh_arguments(own, 30, Random(1))
    assert len(fresh) == 30
    assert all(item not in own and fresh.count(item) == 1 for item in fresh)
    assert all(Sequences(own, fixed=True).accepts(item) for item in fresh)
    assert fresh == fresh_arguments(own, 30, Random(1))
    assert fresh != fresh_arguments(own, 30, Random(2))


def test_no_fresh_number_is_infinite():
    fresh = fresh_arguments([(1.6e308,), (1.7e308,)], 20, Random(0))
    assert all(math.isfinite(number) for (number,) in fresh)


def test_numbers_without_room_between_them_may_double():
    assert sorted(fresh_arguments([(3,), (4,), (5,)], 20, Random(0))) == [(number,) for number in range(6, 11)]
