"""Values are written as JSON and read again."""

import json

import pytest
from fresh_worker import decode, encode

VALUES = [None, True, 3, 2.5, "é\n", [1, [2]], (1, (2, "a")), {"a": [1], 2: (3,)}, {1, 2}, [], (), {}, set()]


@pytest.mark.parametrize("value", VALUES)
def test_a_value_survives_being_written_as_json(value):
    read = decode(json.loads(json.dumps(encode(value))))
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize("written", [{"tuple": 1}, {"lump": []}, {}, {"set": [[1]]}, {"dict": [1]}])
def test_what_no_value_is_written_as_is_refused(written):
    with pytest.raises(ValueError, match=r"not a value|unpack"):
        decode(written)
