"""Which columns of a row are the task and the program, and which language a row of a table is in."""

import pytest

from moesaic.data.columns import PAIRS, of_language, read_pair
from moesaic.errors import DataError
from moesaic.languages import get_language

PYTHON = get_language("python")
FENCED = "Here it is:\n\n```python\nx = 1\n```\nDone."


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("answer", ["x = 1", FENCED])
def test_usual_pairs_of_columns_are_known_by_name(pair, answer):
    example = read_pair({pair[0]: "Set x", pair[1]: answer, "other": 3}, "file:1", PYTHON)
    assert (example.text, example.code) == ("Set x", "x = 1\n")


@pytest.mark.parametrize(
    "record",
    [
        {"instruction": "Set x", "input": "to 1", "output": FENCED, "text": "Below is an instruction ..."},
        {"instruction": "Set x", "context": "to 1", "response": FENCED, "category": "coding"},
        {"instruction": "Set x", "input": "to 1", "output": FENCED, "prompt": "Below is an instruction ..."},
        {"conversations": [{"from": "human", "value": "Set x\n\nto 1"}, {"from": "gpt", "value": FENCED}]},
        {
            "conversations": [
                {"role": "user", "content": "Set x\n\nto 1"},
                {"role": "assistant", "content": FENCED},
            ]
        },
    ],
    ids=["alpaca", "dolly", "alpaca with prompts", "sharegpt", "conversations"],
)
def test_forms_of_public_data_sets(record):
    example = read_pair(record, "file:1", PYTHON)
    assert (example.text, example.code) == ("Set x\n\nto 1", "x = 1\n")


def test_named_columns_go_before_known_ones():
    record = {"instruction": "I", "output": "O", "task": "T", "program": "P", "task_id": 3}
    names = {"text": "task", "code": "program", "id": "task_id"}
    example = read_pair(record, "file:1", PYTHON, names)
    assert (example.id, example.text, example.code) == ("3", "T", "P")
    assert read_pair(record, "file:1", PYTHON, {"id": "task_id"}).text == "I"


def rows(*languages, column="language"):
    return [(f"file:{number}", {column: language, "text": str(number)}) for number, language in enumerate(languages)]


def texts(found):
    return [record["text"] for _, record in found]


@pytest.mark.parametrize("column", ["language", "lang", "programming_language"])
def test_rows_of_a_language(column):
    table = rows("Python", "C++", "rust", "py", None, column=column)
    assert texts(of_language(table, PYTHON, ("cpp",), None, "t.csv")) == ["0", "3"]
    assert texts(of_language(table, get_language("cpp"), (), None, "t.csv")) == ["1"]


def test_the_column_of_the_language_may_be_named():
    table = [(where, {**record, "l": "java", "language": "en"}) for where, record in rows("en")]
    assert texts(of_language(table, get_language("java"), ("python",), {"language": "l"}, "t.csv")) == ["0"]
    with pytest.raises(DataError, match=r"t\.csv: no row has a known language in the column 'text' \(data\.fields"):
        of_language(table, PYTHON, (), {"language": "text"}, "t.csv")


def test_a_table_of_one_language_need_not_name_it():
    assert texts(of_language(rows("en", "en"), PYTHON, (), None, "t.csv")) == ["0", "1"]
    with pytest.raises(DataError, match="do not say which of java, python they are in"):
        of_language(rows("en", "en"), PYTHON, ("java",), None, "t.csv")
    assert of_language([], PYTHON, ("java",), None, "t.csv") == []


def test_a_completion_names_what_the_prompt_gives():
    record = {"text": "Doubles.", "code": "def f(x):\n    return 2 * x\n", "opening": "def f(x):\n"}
    assert read_pair(record, "file:1", PYTHON).opening == "def f(x):\n"
    assert read_pair(record | {"opening": ""}, "file:1", PYTHON).opening == ""
    for opening in ("def f(x):", "def g(x):\n"):
        with pytest.raises(DataError, match="file:1: field 'opening' must be whole lines"):
            read_pair(record | {"opening": opening}, "file:1", PYTHON)
