import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from moesaic.data.packing import IGNORED_LABEL, WINDOW_DOCUMENTS, PackedBatches, assign_rows, pack_row
from moesaic.data.prompts import EncodedExample
from moesaic.errors import DataError

LANGUAGES = ("python", "java", "cpp")
ROW_TOKENS = 32


@st.composite
def encoded_examples(draw):
    prompt = draw(st.integers(1, 8))
    code = draw(st.integers(1, 20))
    closing = draw(st.integers(0, 3))
    ids = draw(st.lists(st.integers(1, 999), min_size=prompt + code + closing, max_size=prompt + code + closing))
    return EncodedExample(ids, prompt, code, draw(st.sampled_from(LANGUAGES)))


def unpack(batch):
    """The documents of a row, as encoded examples; padding left out."""
    documents = []
    for (start, end), number in zip(
        itertools.pairwise(batch.cu_seqlens_D1.tolist()), batch.example_ids_D.tolist(), strict=True
    ):
        if number < 0:
            continue
        ids = batch.input_ids_1T[0, start:end].tolist()
        prompt = int((batch.labels_1T[0, start:end] == IGNORED_LABEL).sum())
        code = int(batch.code_mask_1T[0, start:end].sum())
        (language,) = set(batch.language_ids_1T[0, start:end].tolist())
        documents.append(EncodedExample(ids, prompt, code, LANGUAGES[language]))
    return documents


def key(example):
    return (example.ids, example.num_prompt_tokens, example.num_code_tokens, example.language)


@given(
    st.lists(encoded_examples(), min_size=1, max_size=40),
    st.integers(0, 5),
    st.booleans(),
    st.sampled_from([None, 8, 32]),
)
def test_unpacking_gives_back_every_document(examples, seed, shuffle, pad_to):
    batches = PackedBatches(examples, LANGUAGES, ROW_TOKENS, seed=seed, shuffle=shuffle, pad_to=pad_to)
    rows = list(batches)
    assert len(rows) == len(batches)
    assert sorted(map(key, itertools.chain.from_iterable(map(unpack, rows)))) == sorted(map(key, examples))


@given(st.lists(encoded_examples(), min_size=1, max_size=40), st.sampled_from([None, 8, 32]))
def test_rows_say_where_documents_begin(examples, pad_to):
    for batch in PackedBatches(examples, LANGUAGES, ROW_TOKENS, pad_to=pad_to):
        boundaries = batch.cu_seqlens_D1.tolist()
        assert batch.cu_seqlens_D1.dtype == torch.int32
        assert boundaries[0] == 0
        assert boundaries[-1] == batch.num_tokens <= ROW_TOKENS
        lengths = [end - start for start, end in itertools.pairwise(boundaries)]
        assert min(lengths) > 0
        assert batch.max_seqlen == max(lengths)
        assert batch.position_ids_1T[0].tolist() == [place for length in lengths for place in range(length)]
        assert not (batch.code_mask_1T & (batch.labels_1T == IGNORED_LABEL)).any()
        trained = batch.labels_1T != IGNORED_LABEL
        assert (batch.labels_1T == batch.input_ids_1T)[trained].all()


@given(st.lists(encoded_examples(), min_size=1, max_size=20), st.integers(1, 40))
def test_padding_is_a_document_of_its_own(examples, pad_to):
    plain = pack_row(examples, LANGUAGES)
    padded = pack_row(examples, LANGUAGES, pad_to=pad_to, pad_id=7)
    assert padded.num_tokens % pad_to == 0
    assert 0 <= padded.num_tokens - plain.num_tokens < pad_to
    assert padded.input_ids_1T[0, : plain.num_tokens].tolist() == plain.input_ids_1T[0].tolist()
    tail = slice(plain.num_tokens, None)
    assert (padded.input_ids_1T[0, tail] == 7).all()
    assert (padded.labels_1T[0, tail] == IGNORED_LABEL).all()
    assert (padded.language_ids_1T[0, tail] == -1).all()
    if padded.num_tokens > plain.num_tokens:
        assert padded.example_ids_D[-1] == -1
        assert padded.cu_seqlens_D1[-2] == plain.num_tokens


@given(st.lists(st.integers(1, 100), min_size=1, max_size=200))
def test_rows_are_nearly_full(lengths):
    rows = assign_rows(lengths, 100)
    assert sorted(itertools.chain.from_iterable(rows)) == list(range(len(lengths)))
    totals = sorted(sum(lengths[index] for index in row) for row in rows)
    assert totals[-1] <= 100
    # Best fit opens a row only when no other has room, so no two rows fit into one.
    assert len(totals) < 2 or totals[0] + totals[1] > 100


def test_long_and_short_programs_meet_in_a_row():
    lengths = [90] * WINDOW_DOCUMENTS + [10] * WINDOW_DOCUMENTS
    assert len(assign_rows(lengths, 100)) == WINDOW_DOCUMENTS


def example(length, language="python"):
    return EncodedExample(list(range(1, length + 1)), 1, length - 1, language)


def test_a_document_longer_than_a_row_is_refused():
    with pytest.raises(DataError, match=r"33 tokens does not fit into a row of 32: lower data\.max_tokens"):
        PackedBatches([example(33)], LANGUAGES, ROW_TOKENS)


def test_nothing_to_pack_is_refused():
    with pytest.raises(DataError, match="no example to pack"):
        PackedBatches([], LANGUAGES, ROW_TOKENS)


def order_of(batches):
    return [batch.example_ids_D.tolist() for batch in batches]


def test_epochs_differ_in_order_but_not_in_number():
    examples = [example(length) for length in range(5, 30)]
    batches = PackedBatches(examples, LANGUAGES, ROW_TOKENS, seed=3)
    first, second = order_of(batches), order_of(batches)
    assert first != second
    assert sorted(first) == sorted(second)
    assert batches.epoch == 2
    assert batches.num_tokens == sum(range(5, 30))


def test_validation_keeps_its_order():
    batches = PackedBatches([example(length) for length in range(5, 30)], LANGUAGES, ROW_TOKENS, shuffle=False)
    assert order_of(batches) == order_of(batches)


def test_the_seed_decides_the_order():
    examples = [example(length) for length in range(5, 30)]

    def orders(seed):
        return order_of(PackedBatches(examples, LANGUAGES, ROW_TOKENS, seed=seed))

    assert orders(1) == orders(1) != orders(2)


@given(st.integers(0, 60))
def test_resuming_anywhere_continues_with_the_next_row(steps):
    examples = [example(length) for length in range(5, 30)]

    def stream(batches):
        while True:
            for batch in batches:
                yield batch.example_ids_D.tolist()

    whole = PackedBatches(examples, LANGUAGES, ROW_TOKENS, seed=1)
    rows = list(itertools.islice(stream(whole), 80))
    first = PackedBatches(examples, LANGUAGES, ROW_TOKENS, seed=1)
    assert list(itertools.islice(stream(first), steps)) == rows[:steps]
    second = PackedBatches(examples, LANGUAGES, ROW_TOKENS, seed=1)
    second.load_state_dict(first.state_dict())
    assert list(itertools.islice(stream(second), 20)) == rows[steps : steps + 20]


def test_a_state_of_other_data_is_refused():
    batches = PackedBatches([example(20), example(20)], LANGUAGES, ROW_TOKENS)
    with pytest.raises(DataError, match="3 packed rows, this data set packs into 2"):
        batches.load_state_dict({"epoch": 0, "index": 1, "rows": 3})


def test_moving_keeps_every_field():
    batch = pack_row([example(5), example(6, "java")], LANGUAGES)
    moved = batch.to("meta")
    assert moved.input_ids_1T.device.type == moved.cu_seqlens_D1.device.type == "meta"
    assert moved.max_seqlen == batch.max_seqlen == 6
