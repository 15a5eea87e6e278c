"""Tokens become text without loss, stop strings may lie across tokens, fences are closed once."""

import asyncio
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moesaic.data.prompts import PromptFormat
from moesaic.serve.answers import Choice, Detokenizer, StopStrings, _is_closed, start, trace_of
from moesaic.serve.engine import Sampling, Token
from moesaic.serve.prompting import Asked, named_language
from pico import pico_tokenizer

PROMPTS = PromptFormat(pico_tokenizer())


@settings(max_examples=80)
@given(st.text(max_size=20), st.text(max_size=6))
def test_pieces_are_the_text_of_all_tokens(text, before):
    text, before = text.encode("utf-8", "replace").decode(), before.encode("utf-8", "replace").decode()
    ids = PROMPTS.code_ids(text)
    detokenizer = Detokenizer(PROMPTS, PROMPTS.code_ids(before))
    pieces = [detokenizer.add(token) for token in ids] + [detokenizer.finish()]
    assert "".join(pieces) == PROMPTS.text_of(ids)
    assert all("\N{REPLACEMENT CHARACTER}" not in piece for piece in pieces if "\N{REPLACEMENT CHARACTER}" not in text)


def test_an_incomplete_character_is_not_lost():
    ids = PROMPTS.code_ids("a\N{SNOWMAN}")[:-1]
    detokenizer = Detokenizer(PROMPTS)
    assert [detokenizer.add(token) for token in ids] == ["a", "", ""]
    assert detokenizer.finish() == "\N{REPLACEMENT CHARACTER}"


@given(
    st.lists(st.text("ab`\n", max_size=4), max_size=12),
    st.lists(st.text("ab`\n", min_size=1, max_size=3), max_size=3),
)
def test_text_ends_before_the_first_stop_string(pieces, stops):
    stop = StopStrings(stops)
    got = "".join([stop.add(piece) for piece in pieces]) + stop.finish()
    whole = "".join(pieces)
    ends = [whole.find(each) + len(each) for each in stops if each in whole]
    assert stop.found == bool(ends)
    if not ends:
        assert got == whole
    else:
        assert whole.startswith(got)
        assert any(whole[len(got) :].startswith(each) for each in stops)


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        ("x = 1", False),
        ("x = 1\n```", True),
        ("x\n```\n", True),
        ("x\n```\nIt is x.", True),
        ("}```", True),
        ("", False),
    ],
)
def test_fences_are_closed_once(text, closed):
    assert _is_closed(text) is closed
    choice = Choice(Asked([1], "python", "words", "```python\n"))
    choice.text = text
    assert choice._end("", "stop").text == ("" if closed else "\n```" if text else "```")
    cut = Choice(Asked([1], "python", "words", "```python\n"))
    assert cut._end("", "length").text == "", "what was cut is not closed"


def test_a_trace_is_compact():
    rows = trace_of([(Token(5, -0.123456, ([[0, 2], [1, 2]], [[0.7, 0.3], [0.5, 0.5]])), "x"), (Token(6, -1.0), "y")])
    assert rows == [
        {"text": "x", "logprob": -0.1235, "experts": [0, 2, 1, 2], "weights": [700, 300, 500, 500]},
        {"text": "y", "logprob": -1.0, "experts": [], "weights": []},
    ]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Sort a list in Java", "java"),
        ("Sort a list in JavaScript.", "javascript"),
        ("Write a C++ program that sorts", "cpp"),
        ("Write it in C, please", "c"),
        ("a c# class for points", "csharp"),
        ("Translate this Python program into Java", "java"),
        ("convert the Java method to python", "python"),
        ("using js", "javascript"),
        ("Python: print hello", "python"),
        ("Delete a node of a linked list", None),
        ("Vitamin C and plan B", None),
        ("Write a program that counts words", None),
        ("read main.py and data.js.map", None),
        ("Strings that start with c", None),
    ],
)
def test_languages_in_words(text, language):
    assert named_language(text) == language


def test_a_request_has_ended_before_its_reason_can_be_read():
    """Otherwise a client with its whole answer may be refused for it, if it asks again at once."""

    class Ending:
        def submit(self, ids, sampling, on_token, on_end):
            Thread(target=on_end, args=("length",)).start()

    async def read():
        waiting = []  # reasons that could be read when the request was released
        _, queue = start(Ending(), Asked([1], "python", "words"), Sampling(), lambda: waiting.append(queue.qsize()))
        return await queue.get(), waiting

    assert asyncio.run(read()) == ("length", [0])
