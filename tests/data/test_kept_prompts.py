"""Prompts out of the cache are those of transformers' tokenizer; what is not as it was is made anew."""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_prompts import CHAT, byte_tokenizer
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from moesaic.data.fill_in import file_end_ids, fill_in_ids
from moesaic.data.kept_prompts import KeptTokenizer, keep_prompts, kept_prompts
from moesaic.data.prompts import PromptFormat
from pico import pico_tokenizer

PIECES = st.one_of(
    st.sampled_from(["<s>", "</s>", "<turn>", "```", "\n", " ", "def add", "é", "<|im_end|>"]),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8),
)
TOKENIZERS = {
    "chat": lambda: byte_tokenizer(CHAT),
    "no chat": lambda: byte_tokenizer(prepend_bos=True),
    "pico": pico_tokenizer,
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "cache"))


def kept_and_own(name, folder):
    TOKENIZERS[name]().save_pretrained(folder)
    own = PromptFormat(AutoTokenizer.from_pretrained(folder))
    keep_prompts(folder, own)
    kept = kept_prompts(folder)
    assert kept is not None
    assert isinstance(kept.tokenizer, KeptTokenizer)
    return kept, own


@pytest.mark.parametrize("name", TOKENIZERS)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(PIECES, min_size=1, max_size=6))
def test_kept_prompts_are_the_tokenizer_s(name, pieces, tmp_path):
    kept, own = kept_and_own(name, tmp_path / name)
    text = "".join(pieces)
    assert kept.facts == own.facts
    assert (kept.stop_ids, file_end_ids(kept)) == (own.stop_ids, file_end_ids(own))
    for made in ("prompt_ids", "completion_ids"):
        assert getattr(kept, made)(text, "java") == getattr(own, made)(text, "java")
    assert kept.prompt_text(text, "cpp") == own.prompt_text(text, "cpp")
    assert (kept.code_ids(text), kept.raw_ids(text)) == (own.code_ids(text), own.raw_ids(text))
    ids = own.raw_ids(text)
    assert (kept.decode(ids), kept.text_of(ids)) == (own.decode(ids), own.text_of(ids))
    assert kept.tokenizer.decode(ids) == own.tokenizer.decode(ids)


def test_fill_in_prompts_are_kept(tmp_path):
    tokenizer = byte_tokenizer(CHAT)
    tokenizer.add_special_tokens({"extra_special_tokens": ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"]})
    tokenizer.save_pretrained(tmp_path)
    own = PromptFormat(AutoTokenizer.from_pretrained(tmp_path))
    keep_prompts(tmp_path, own)
    kept = kept_prompts(tmp_path)
    assert fill_in_ids(own, "def f(", "return 1") is not None
    assert fill_in_ids(kept, "def f(", "return 1") == fill_in_ids(own, "def f(", "return 1")


def test_a_file_that_changed_makes_them_anew(tmp_path):
    kept_and_own("chat", tmp_path)
    file = tmp_path / "tokenizer_config.json"
    text = file.read_text()
    file.write_text(text + " ")
    assert kept_prompts(tmp_path) is None
    file.write_text(text)
    os.utime(file, ns=(1, 1))
    assert kept_prompts(tmp_path) is None
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": 5}')
    assert kept_prompts(tmp_path) is None


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"tokenizer": "x", "prompts": {}}', b'{"tokenizer": {}}', b"\xff"]
)
def test_a_damaged_cache_costs_only_time(content, tmp_path):
    kept_and_own("chat", tmp_path)
    (file,) = (tmp_path / "cache" / "prompts").iterdir()
    file.write_bytes(content)
    assert kept_prompts(tmp_path) is None


def test_a_tokenizer_with_methods_of_its_own_is_not_kept(tmp_path):
    class Own(PreTrainedTokenizerFast):
        def decode(self, *args, **options):
            return super().decode(*args, **options).strip()

    byte_tokenizer(CHAT).save_pretrained(tmp_path)
    keep_prompts(tmp_path, PromptFormat(Own.from_pretrained(tmp_path)))
    assert kept_prompts(tmp_path) is None


def test_a_cache_that_cannot_be_written_is_no_failure(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "file"))
    byte_tokenizer(CHAT).save_pretrained(tmp_path / "base")
    keep_prompts(tmp_path / "base", PromptFormat(AutoTokenizer.from_pretrained(tmp_path / "base")))
    assert kept_prompts(tmp_path / "base") is None
