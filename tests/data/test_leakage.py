import random

from hypothesis import given
from hypothesis import strategies as st

from moesaic.data.examples import Example
from moesaic.data.leakage import DUPLICATE, LEAKED, NearDuplicates, find_repeats, normalise, shingles

WORDS = [f"w{number}" for number in range(400)]


def program(seed, num_words=60):
    return " ".join(random.Random(seed).choices(WORDS, k=num_words))


def example(identifier, text, code, language="python"):
    return Example(identifier, language, text, code)


def test_what_is_in_test_leaves_train():
    near = program(1, 200)
    splits = {
        "train": [
            example("1", "Same id", program(10), "java"),
            example("9", "a TITLE, again | other comments", program(11), "cpp"),
            example("3", "Near program", near + " extra"),
            example("4", "Near program in another language", near, "java"),
            example("5", "New", program(12)),
        ],
        "validation": [example("6", "Id of test", program(13)), example("7", "Same id as nothing", program(14))],
        "test": [
            example("1", "First", program(15)),
            example("2", "A title again | comments", program(16)),
            example("8", "Program", near),
            example("6", "Sixth", program(17), "java"),
        ],
    }
    assert find_repeats(splits) == {
        "train": {0: LEAKED, 1: LEAKED, 2: LEAKED},
        "validation": {0: LEAKED},
        "test": {},
    }


def test_a_repeat_inside_a_split_is_a_duplicate_and_the_first_stays():
    code = program(2)
    splits = {"train": [example(str(n), f"t{n}", code) for n in range(3)], "test": [example("9", "t", program(3))]}
    assert find_repeats(splits) == {"train": {1: DUPLICATE, 2: DUPLICATE}, "test": {}}


def test_the_same_problem_in_several_languages_is_no_repeat():
    splits = {"train": [example("1", "Sum", program(n), name) for n, name in enumerate(("python", "java", "cpp"))]}
    assert find_repeats(splits) == {"train": {}}


def test_text_is_compared_by_its_words():
    assert normalise("It's  A-B (c), d_e!") == "it s a b c d e"


@st.composite
def families(draw):
    """Programs, some of which are others with a few words changed."""
    programs = []
    for seed in range(draw(st.integers(1, 4))):
        words = program(seed, draw(st.integers(1, 80))).split()
        programs.append(" ".join(words))
        for _ in range(draw(st.integers(0, 3))):
            changed = list(words)
            for place in draw(st.lists(st.integers(0, len(words) - 1), max_size=4)):
                changed[place] = draw(st.sampled_from(WORDS))
            programs.append(" ".join(changed))
    return draw(st.permutations(programs))


@given(families(), st.sampled_from([0.5, 0.8, 0.9, 1.0]))
def test_the_index_finds_what_comparing_all_pairs_finds(programs, threshold):
    search = NearDuplicates(programs, threshold)
    kept = []
    for code in programs:
        sets = [shingles(code), *map(shingles, kept)]
        expected = next(
            (
                number
                for number, other in enumerate(sets[1:])
                if len(sets[0] & other) >= threshold * len(sets[0] | other)
            ),
            None,
        )
        assert search.find_or_add(code) == expected
        if expected is None:
            kept.append(code)


def test_short_programs_have_one_shingle():
    assert len(shingles("a b")) == len(shingles("")) == 1
    assert len(shingles("a b c d e f")) == 2
