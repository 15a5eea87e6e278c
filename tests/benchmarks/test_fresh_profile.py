"""Values are like those seen, or not."""

import pytest
from fresh_profile import Profile, Sequences


@pytest.mark.parametrize(
    ("seen", "like", "unlike"),
    [
        ([1, 5, 8], [2, 7], [0, -3, 9, 2.0, True, None]),
        ([2, 4, 8], [6], [5]),
        ([-5, 5, 2], [-3, 4], [0]),
        ([0.5, 2.25], [1.0, 1.13], [1.125, 1]),
        (["(())", "()()()"], ["(()())"], ["())(", "((", "abcd"]),
        (["12", "7"], ["21"], ["", "9", "127"]),
        (["3 red and 4 blue", "12 red and 5 blue"], ["13 red and 4 blue"], ["3 red or 4 blue", "3 red and four blue"]),
        (["one two", "two one one", "one"], ["two two"], ["one owt"]),
        ([[1, 2, 9], [3, 4]], [[2, 2], [1, 3, 4]][1:], [[4, 3], [2, 2], [1], []]),
        ([[3, 1, 2, 1], [5]], [[2, 1, 2]], [[1, 1, 1], [1, "a"]]),
        ([[[2, 1], [3, 4]], [[5]], [[3, 4], [2, 1]]], [[[4, 2], [3, 1]]], [[[1, 2], [3]], [[1, 2]], [[1, 1], [2, 3]]]),
        ([(1, 4), (2, 3), (0, 9)], [(1, 3)], [(3, 1), (1, 1), [1, 3]]),
        ([{"a": 1}, {"b": 2, "a": 1}], [{"a": 2}], [{"c": 1}, {"a": "b"}, {}]),
    ],
)
def test_values_are_like_those_seen(seen, like, unlike):
    profile = Profile(seen)
    assert all(map(profile.accepts, seen))
    assert [value for value in like if not profile.accepts(value)] == []
    assert [value for value in unlike if profile.accepts(value)] == []


def test_arguments_keep_the_relations_between_them():
    profile = Sequences([([3, 1, 2], 2), ([4, 5], 2), ([9, 8, 7, 6], 1)], fixed=True)  # a place in the list
    assert profile.accepts(([5, 4, 3], 2))
    assert not profile.accepts(([5], 2))
    assert not profile.accepts(([5, 4, 3], 4))
    profile = Sequences([("abc", "bca"), ("ab", "ba")], fixed=True)  # of one length
    assert profile.accepts(("ca", "ac"))
    assert not profile.accepts(("ca", "abc"))
    profile = Sequences([("abc", "b"), ("abd", "d"), ("cab", "a")], fixed=True)  # a character of the text
    assert profile.accepts(("dba", "b"))
    assert not profile.accepts(("bca", "d"))
