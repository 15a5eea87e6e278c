import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from moesaic.data.examples import Example
from moesaic.data.prompts import PromptFormat
from moesaic.errors import DataError

TEXT = [
    "Write a Java program that adds numbers.",
    "def add(a, b):\n    return a + b\n",
    "```java\nclass Main {\n}\n```",
]
DEFAULT_SYSTEM = "You are a very helpful assistant with a rather long introduction."
CHAT = (
    "{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}<s>system\n" + DEFAULT_SYSTEM + "</s>\n{% endif %}"
    "<s>{{ message['role'] }}\n{{ message['content'] }}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant\n{% endif %}"
)
NO_SYSTEM_CHAT = (
    "{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "[{{ message['role'] }}]{{ message['content'] }}<turn>{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)


def byte_tokenizer(chat_template=None, prepend_bos=False):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "</s>", "<turn>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXT * 4, trainer)
    if prepend_bos:
        from tokenizers.processors import TemplateProcessing

        tokenizer.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", additional_special_tokens=["<turn>"]
    )
    fast.chat_template = chat_template
    return fast


PLAIN = PromptFormat(byte_tokenizer())
WITH_CHAT = PromptFormat(byte_tokenizer(CHAT))
SOURCE = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\r"), min_size=1)


def test_the_chat_template_is_used_and_its_long_default_left_out():
    assert WITH_CHAT.prompt_text("Add two numbers", "java") == (
        "<s>system\n</s>\n<s>user\nWrite a Java program.\n\nAdd two numbers</s>\n<s>assistant\n```java\n"
    )


def test_a_template_that_refuses_a_system_turn_gets_none():
    prompt = PromptFormat(byte_tokenizer(NO_SYSTEM_CHAT))
    assert prompt.prompt_text("Add", "c++") == "[user]Write a C++ program.\n\nAdd<turn>[assistant]```cpp\n"


def test_a_base_without_template_gets_the_same_as_text():
    assert PLAIN.prompt_text("Add", "python") == "Write a Python program.\n\nAdd\n\n```python\n"


def test_the_start_token_comes_first_where_the_tokenizer_puts_one():
    with_bos = PromptFormat(byte_tokenizer(prepend_bos=True))
    assert with_bos.prompt_ids("Add", "java") == [0, *PLAIN.prompt_ids("Add", "java")]


def test_an_unknown_language_is_refused():
    with pytest.raises(DataError, match="unknown language"):
        PLAIN.prompt_ids("Add", "klingon")


def test_stop_ids_are_end_of_turn_and_end_of_sequence():
    assert PLAIN.stop_ids == (1,)
    assert WITH_CHAT.stop_ids == (1,)
    assert PromptFormat(byte_tokenizer(NO_SYSTEM_CHAT)).stop_ids == (2, 1)


@pytest.mark.parametrize("prompt", [PLAIN, WITH_CHAT], ids=["plain", "chat"])
@given(text=SOURCE, code=SOURCE)
def test_an_encoded_example_is_prompt_code_and_close(prompt, text, code):
    encoded = prompt.encode(Example("1", "java", text, code))
    start = encoded.num_prompt_tokens
    end = start + encoded.num_code_tokens
    assert encoded.language == "java"
    assert encoded.ids[:start] == prompt.prompt_ids(text, "java")
    assert encoded.ids[start:end] == prompt.code_ids(code)
    assert prompt.tokenizer.decode(encoded.ids[start:end]) == code
    assert prompt.tokenizer.decode(encoded.ids[end:-1]) == "```"
    assert encoded.ids[-1] == prompt.stop_ids[0]
    assert prompt.count_tokens(Example("1", "java", text, code)) == len(encoded.ids)


def test_code_after_a_line_break_gets_no_space_of_its_own():
    # SentencePiece tokenizers put a space before a text; "def" must not become " def" behind the prompt.
    tokenizer = Tokenizer(models.BPE(vocab={"▁": 0, "d": 1, "e": 2, "f": 3, "<0x0A>": 4, "</s>": 5, "`": 6}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    from tokenizers import normalizers

    tokenizer.normalizer = normalizers.Replace("\n", "<0x0A>")
    tokenizer.add_special_tokens(["<0x0A>"])
    prompt = PromptFormat(PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>"))
    assert prompt.tokenizer("def", add_special_tokens=False)["input_ids"][0] == 0
    assert prompt.tokenizer.convert_ids_to_tokens(prompt.code_ids("def")) == ["d", "e", "f"]


@pytest.mark.parametrize(
    ("completion", "code"),
    [
        ("x = 1\n```", "x = 1\n"),
        ("x = 1\n```\nThis sets x.", "x = 1\n"),
        ("x = 1\n", "x = 1\n"),
        ("x = 1```", "x = 1\n"),
        ("if x:\n    y()\n\nz()\n```\n", "if x:\n    y()\n\nz()\n"),
        ("    indented()\n```", "    indented()\n"),
        ("```python\nx = 1\n```", "x = 1\n"),
        ("```\nx = 1\n```", "x = 1\n"),
        ("Here is the program:\n\n```python\nx = 1\n```\nDone.", "x = 1\n"),
        ("x = '```'\n```", "x = '```'\n"),
        ("x = 1\r\ny = 2\r\n```", "x = 1\ny = 2\n"),
        ("x = 1\n```\n\n```java\nclass A {}\n```", "x = 1\n"),
        ("", ""),
        ("```", ""),
        ("\n\n  \n```", ""),
    ],
)
def test_extract_code(completion, code):
    assert PLAIN.extract_code(completion) == code


@given(st.lists(st.text("abc (){};=\"'\t", min_size=1), min_size=1))
def test_code_survives_the_way_through_a_completion(lines):
    code = "\n".join(lines).strip("\n").rstrip()
    if code.strip():
        assert PLAIN.extract_code(code + "\n```") == code + "\n"
