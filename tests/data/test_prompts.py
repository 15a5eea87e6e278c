import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AddedToken, AutoTokenizer, PreTrainedTokenizerFast

from moesaic.data.examples import Example
from moesaic.data.prompts import PromptFormat
from moesaic.data.tokenizer_checks import tokenizer_problems
from moesaic.errors import DataError, ModelError

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


MARKED = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
)
MARKED += "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"


def marked_tokenizer(
    template=MARKED, special=("<|im_start|>", "<filename>"), plain=("<|im_end|>", "<tool_call>", "  ")
):
    """A tokenizer with tokens that are flagged special, and with added ones that are not."""
    tokenizer = byte_tokenizer(template)
    tokenizer.add_tokens([AddedToken(name, special=True, normalized=False) for name in special], special_tokens=True)
    tokenizer.add_tokens([AddedToken(name, special=False, normalized=False) for name in plain])
    return tokenizer


NAMES = ["<s>", "</s>", "<turn>", "<|im_start|>", "<|im_end|>", "<filename>", "<tool_call>"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", ['print("usage: {}")\n', "{}", "{}{}\n  x", "a {} b  c"])
def test_names_of_special_tokens_are_text_in_tasks_and_programs(name, text):
    text = text.replace("{}", name)
    for template in (MARKED, None):
        tokenizer = marked_tokenizer(template)
        prompt = PromptFormat(tokenizer)
        control = set(tokenizer.convert_tokens_to_ids(NAMES))
        encoded = prompt.encode(Example("1", "python", text, text))
        code = encoded.ids[encoded.num_prompt_tokens :][: encoded.num_code_tokens]
        assert control.isdisjoint(code)
        assert prompt.decode([*code, prompt.stop_ids[0], 7]) == text
        frame = [token for token in prompt.prompt_ids("Add", "python") if token in control]
        asked = encoded.ids[: encoded.num_prompt_tokens]
        assert [token for token in asked if token in control] == frame
        assert tokenizer.decode(asked) == prompt.prompt_text(text, "python")


def test_tokens_that_are_only_text_stay_whole():
    tokenizer = marked_tokenizer()
    assert tokenizer.convert_tokens_to_ids("  ") in PromptFormat(tokenizer).code_ids("a  b")


def test_a_special_token_that_a_model_writes_is_text_and_a_stop_token_ends_it():
    tokenizer = marked_tokenizer()
    prompt = PromptFormat(tokenizer)
    ids = tokenizer.convert_tokens_to_ids(["a", "<filename>", "<tool_call>", "b", "<|im_end|>", "c"])
    assert prompt.decode(ids) == "a<filename><tool_call>b"


def test_a_stop_token_may_be_special_in_any_way(tmp_path):
    # No entry says so but the list of added tokens, as when Llama 3 Instruct first came.
    tokenizer = marked_tokenizer(special=("<|im_start|>", "<|im_end|>"), plain=())
    assert PromptFormat(tokenizer).stop_ids == (tokenizer.convert_tokens_to_ids("<|im_end|>"), 1)
    unflagged = marked_tokenizer(special=(), plain=("<|im_start|>", "<|im_end|>"))
    assert PromptFormat(unflagged).stop_ids == (unflagged.convert_tokens_to_ids("<|im_end|>"), 1)


def test_the_generation_config_names_further_stop_tokens(tmp_path):
    marked_tokenizer().save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    (tmp_path / "config.json").write_text('{"model_type": "llama", "eos_token_id": 0}')
    assert PromptFormat(tokenizer).stop_ids == (end, 1, 0)
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": [2, 1, 100000, true, "x"]}')
    assert PromptFormat(tokenizer).stop_ids == (end, 1, 2)


def test_a_template_that_drops_its_answer_ends_it_with_the_end_of_sequence():
    dropped = MARKED.replace("message['content'] }}", "message['content'] if message['role'] == 'user' }}")
    assert PromptFormat(marked_tokenizer(dropped)).stop_ids == (1,)


def test_a_template_that_needs_a_system_turn_gets_an_empty_one():
    needs = "{% if messages[0]['role'] != 'system' %}{{ raise_exception('system first') }}{% endif %}" + MARKED
    assert PromptFormat(marked_tokenizer(needs)).prompt_text("Add", "java").startswith("<|im_start|>system\n<|im_end|>")


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{% for m in messages %}{{ m['content'] }", "fails"),
        ("{{ raise_exception('no') }}", r"fails \(no\)"),
        ("{{ messages[0]['content'] | frobnicate }}", "fails"),
        (
            MARKED.replace("{{ message['content'] }}", "{% for c in message['content'] %}{{ c['text'] }}{% endfor %}"),
            "once",
        ),
        (MARKED.replace("message['content']", "message['content'] | upper"), "unchanged"),
        ("{{ messages[-1]['content'] }}" * 2, "once"),
    ],
)
def test_a_template_that_fails_or_changes_the_task_is_refused(template, says):
    tokenizer = marked_tokenizer(template)
    with pytest.raises(ModelError, match=f"chat template.*{says}"):
        PromptFormat(tokenizer)
    (problem,) = tokenizer_problems(tokenizer, 100_000)
    assert problem.startswith("the base's chat template")


def test_a_prompt_does_not_depend_on_the_day():
    prompt = PromptFormat(marked_tokenizer("{{ strftime_now('%d %b %Y') }}, {{ date_string }}\n" + MARKED))
    assert prompt.prompt_text("Say hi", "java").startswith("26 Jul 2024, 26 Jul 2024\n")


def test_a_fence_starts_a_line_behind_a_template_of_the_user_s_turn_alone():
    prompt = PromptFormat(marked_tokenizer("{{ messages[-1]['content'] }}"))
    assert prompt.prompt_text("Say hi", "java").endswith("Say hi\n\n```java\n")


def test_a_tokenizer_larger_than_the_embedding_is_a_problem():
    tokenizer = marked_tokenizer()
    assert tokenizer_problems(tokenizer, len(tokenizer)) == []
    (problem,) = tokenizer_problems(tokenizer, len(tokenizer) - 1)
    assert f"{len(tokenizer) - 1:,} rows (vocab_size in config.json)" in problem


@pytest.mark.parametrize("scheme", ["first", "always", "never"])
def test_pieces_of_a_prompt_are_tokenised_as_the_whole_is(scheme):
    # SentencePiece's space at the start of a text, with names of special tokens in the task.
    tokenizer = Tokenizer(models.BPE(vocab={"<unk>": 0, **{chr(i): i for i in range(1, 128)}, "▁": 128}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False)
    tokenizer.decoder = decoders.Metaspace(prepend_scheme=scheme)
    tokenizer.add_special_tokens(["<s>", "</s>"])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
    fast.chat_template = "{{ bos_token }}[INST] {{ messages[-1]['content'] }} [/INST]"
    prompt = PromptFormat(fast)
    plain, named = prompt.prompt_ids("Say hi", "java"), prompt.prompt_ids("Say <s>", "java")
    start = plain.index(ord("h"))
    assert named[:start] == plain[:start]
    assert named[start : start + 3] == [ord(char) for char in "<s>"]
    assert named[start + 3 :] == plain[start + 2 :]
