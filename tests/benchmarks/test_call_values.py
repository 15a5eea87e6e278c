"""Types are the narrowest that hold all values, names are those of each language, variants keep what tasks require."""

import itertools
from random import Random

import pytest
from call_languages import LANGUAGES, literal
from call_names import RESERVED, class_name, function_name, parameter_names
from call_values import NoTypeError, Type, common_type, has_float, is_usable
from call_variants import variants


@pytest.mark.parametrize(
    ("values", "kind", "depth"),
    [
        ([1, -5], "int", 0), ([1, 2**31], "long", 0), ([1, 0.5], "float", 0), ([2**31, 0.5], "float", 0),
        ([True, False], "bool", 0), (["a", ""], "str", 0), ([[1, 2], []], "int", 1), ([[], [[]], [["a"]]], "str", 2),
        ([[1, 0.5]], "float", 1), ([[[1], [2]], [[], [3.5]]], "float", 2),
    ],
)  # fmt: skip
def test_a_type_is_the_narrowest_that_holds_all_values(values, kind, depth):
    assert common_type(values) == common_type(values[::-1]) == Type(kind, depth)


@pytest.mark.parametrize(
    "values", [[1, True], [1, "1"], [[1], 1], [[1, "a"]], [[], []], [[[]]], [[1], [[1]]], [[1, [1]]], [1, []]]
)
def test_values_of_several_kinds_have_no_type(values):
    with pytest.raises(NoTypeError):
        common_type(values)


def test_values_are_those_that_every_language_has():
    def fits(value, is_argument=True):
        return is_usable(value, is_argument=is_argument)

    assert all(map(fits, [0, -(2**31), 1.5, 0.0, True, 'it\'s "x" $a #{b}', [], [[1], []], [["a"]]]))
    assert fits(2**53, is_argument=False)
    large = [2**31, 1e15, 1e-16, "a" * 101, [1] * 41, [[[1]]]]
    kinds = [None, (1,), {1}, {}, 1j, b"a", object(), [None], [(1,)]]
    texts = ["\n", "é", "\\", "a*/b", 'a"""b', "\x00"]
    assert not any(map(fits, [*large, *kinds, *texts]))
    assert not fits(2**53 + 1, is_argument=False)
    assert has_float([[1, 0.5]])
    assert not has_float([[1, 5]])


def test_literals_are_those_of_the_language():
    lists = {name: literal([[1], []], Type("int", 2), name) for name in LANGUAGES}
    assert lists["go"] == "[][]int{[]int{1}, []int{}}"
    assert lists["cpp"] == "vector<vector<int>>{vector<int>{1}, vector<int>{}}"
    inner = "new ArrayList<Integer>(Arrays.asList(1)), new ArrayList<Integer>()"
    assert lists["java"] == f"new ArrayList<List<Integer>>(Arrays.asList({inner}))"
    assert {lists[name] for name in ("python", "ruby", "php", "javascript", "typescript")} == {"[[1], []]"}
    assert literal([[1], []], Type("int", 2), "cpp", short=True) == "{{1}, {}}"
    assert literal([[1], []], Type("int", 2), "java", short=True) == "[[1], []]"
    assert [literal(True, Type("bool"), name) for name in ("python", "php", "go")] == ["True", "true", "true"]
    text = "a\"$b#{c}'"
    assert literal(text, Type("str"), "php") == '"a\\"\\$b#{c}\'"'
    assert literal(text, Type("str"), "ruby") == '"a\\"$b\\#{c}\'"'
    assert literal(text, Type("str"), "cpp") == 'string("a\\"$b#{c}\'")'
    assert literal(5, Type("float"), "java") == "5.0"
    assert literal(5.0, Type("float"), "javascript") == "5"
    assert [literal(5, Type("long"), name) for name in ("java", "cpp", "go")] == ["5L", "5LL", "5"]


@pytest.mark.parametrize(
    ("name", "language", "expected"),
    [
        ("isPowerOfTwo", "ruby", "is_power_of_two"), ("findLCM", "go", "find_lcm"), ("N", "ruby", "n"),
        ("find_min_length", "java", "findMinLength"), ("Find_Min", "cpp", "findMin"), ("count_it", "php", "countIt"),
        ("max", "php", "max_"), ("strRev", "php", "strRev_"), ("abs", "cpp", "abs_"), ("type", "go", "type_"),
        ("_2sum", "ruby", "f2_sum"), ("_2sum", "java", "f2sum"), ("_", "go", "value"),
        ("isOdd", "typescript", "is_odd"),
    ],
)  # fmt: skip
def test_functions_are_named_as_mbxp_names_them(name, language, expected):
    assert function_name(name, language) == expected


def test_parameters_have_names_of_their_own():
    assert parameter_names(["N", "n", "n2", "in"], "f", "ruby") == ("n", "n2", "n22", "in_")
    assert parameter_names(["f", "def"], "f", "python") == ("f2", "def_")
    for language in LANGUAGES:
        names = parameter_names(sorted(RESERVED[language]), "f", language)
        assert len(set(names)) == len(names)
        assert not RESERVED[language] & set(names)
    assert class_name("isOdd") == "IsOdd"
    assert class_name("list") == "List_"


def test_variants_keep_what_tasks_require():
    given = [([1, 4, 9, 12, 30], 5, 0, 4), ([2, 3, 5, 8], 4, 0, 3)]
    found = variants(given, Random(1))
    assert len({len(values) for values, *_ in found}) > 1
    for values, size, low, high in found:
        assert values == sorted(set(values))
        assert (size, low, high) == (len(values), 0, len(values) - 1)
    assert found == variants(given, Random(1))


def test_a_length_is_that_of_the_list_that_came_out():
    for given in ([([3, 1, 2], 3)], [([1, 2, 4, 3, 5], "ab cd", 5)], [([5, 6, 8], 3)], [([0.5, 1.5], 2)]):
        for values, *_, size in variants(given, Random(3)):
            assert size == len(values)
    pairs = variants([([5, 9, 2, 7], [1, 2, 3, 4], 4), ([1, 2], ["a", "b"], 2)], Random(0))
    assert all(len(one) == len(other) == size for one, other, size in pairs)


def test_variants_of_texts_stay_texts_of_their_kind():
    assert {variant for (variant,) in variants([("geeg",)], Random(0))} - {"geeg", "gege"}
    assert all(set(variant) <= set("01") for (variant,) in variants([("10110",)], Random(0)))
    assert variants([("([]){}",), ("two words",), ("",)], Random(0)) == []
    assert all(variant[0] != "0" and variant.isdecimal() for (variant,) in variants([("4059",)], Random(0)))


def test_variants_of_lists_stay_permutations_descending_or_rectangular():
    assert all(sorted(values) == [1, 2, 3, 4] for (values,) in variants([([3, 1, 2, 4],)], Random(0)))
    falling = variants([([9, 7, 7, 1],)], Random(0))
    assert all(first >= second for (values,) in falling for first, second in itertools.pairwise(values))
    assert all(0 not in values for (values,) in falling)
    assert variants([([[1, 2], [3, 4]], ["a"], [0.5])], Random(0)) == []
    assert all(0 < place < len(text) for text, place in variants([("abcdef", 3)], Random(0)))
